"""What `condgen draw` does between options and files: a model and its checks; pictures into files, or into a grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from condgen.cli._text_requests import Note, Save, Wanted, make_cells, make_files, make_folder
from condgen.data.draw_requests import Asked, Canvas, Place, Request, request_on
from condgen.data.image import Picture
from condgen.data.image_output import write
from condgen.data.layout import draw_layout
from condgen.data.picture_grid import grid, to_uint8
from condgen.errors import UserError
from condgen.text.remarks import Remarks, shortened

SHOWN_SIDE = 96  # pixels that a picture in a grid has at least
LAYOUT_SIDE = 192  # the same where places are drawn into it
COLUMNS = 8  # of a grid, unless each request has as many pictures
LARGEST_GRID = 2500  # pictures
PORTION = 256  # pictures that are in memory together
LETTER = 7  # pixels in a grid's captions, about


class Drawer:
    """A loaded model, and what is asked of it held against what it can do.

    Args:
        option: one given that makes sense with places only.

    Raises:
        UserError: there is no such model, it does not draw from text, or is not told where, and an option needs that.
    """

    def __init__(self, model: str, device: str, *, option: str = ""):
        import condgen
        from condgen.conditioning.location import MINIMUM_EXTENT

        self._pipeline: Any = condgen.load(model, device=device)
        if not getattr(self._pipeline, "takes", None):  # of another task, or only completes keypoints
            raise UserError(f"model {model} draws no pictures from text; `condgen models show {model}` says what it is")
        if option and self._pipeline.takes == {Place.TEXT}:
            raise UserError(f"model {model} is not told where to draw; leave {option} out")
        size, names = self._pipeline.size, tuple(self._pipeline.keypoint_names)
        self.canvas = Canvas(size, self._pipeline.takes, names, MINIMUM_EXTENT)
        self._remarks = Remarks(self._pipeline.text_encoder)

    @property
    def portion(self) -> int:
        return PORTION

    def request(self, asked: Asked, note: Note) -> Request:
        """What is asked for, with noise 0; what of its text will be lost is noted, once a text.

        Raises:
            UserError: as `request_on`, or the encoder knows no word of the text.
        """
        request = request_on(asked, self.canvas)
        self._remarks.note(request.text, asked.where, note)
        return request

    def draw(self, requests: Sequence[Request], seed: int) -> np.ndarray:
        """Uint8 (N, S, S, 3)."""
        return to_uint8(self._pipeline.draw(requests, seed=seed))

    @property
    def _completes(self) -> bool:
        """Whether it finds keypoints that are not given."""
        return Place.KEYPOINTS in self.canvas.takes and Place.TEXT in self.canvas.takes

    def completed(self, request: Request, seed: int) -> Request:
        """With every keypoint that the model finds by the request's noise, where it has some and no box."""
        if request.box is not None or not request.keypoints or not self._completes:
            return request
        return self._pipeline.placed([request], seed=seed)[0]

    def layouts(self, requests: Sequence[Request], seed: int, pictures: Sequence[np.ndarray], **shown: Any) -> list:
        """The pictures with the places that they were drawn at: also the keypoints that the model has completed.

        Args:
            shown: of `draw_layout`.
        """
        placed = self._pipeline.placed(requests, seed=seed) if self._completes else requests
        return [
            draw_layout(picture, box=asked.box, keypoints=asked.keypoints, completed=drawn.keypoints, **shown)
            for picture, asked, drawn in zip(pictures, requests, placed, strict=True)
        ]


def draw_files(
    pictures: Sequence[Wanted],
    problems: Sequence[str],
    load: Callable[[], Drawer],
    *,
    show_layout: bool,
    skip_existing: bool,
) -> None:
    """Draw each picture into its file, and its layout into the file beside it where there is one.

    Raises:
        UserError, typer.Exit: as `make_files`.
    """

    def make(drawer: Drawer, requests: Sequence[Request], seed: int) -> Iterator[list[Save]]:
        drawn = drawer.draw(requests, seed)
        layouts = [drawer.layouts(requests, seed, drawn)] if show_layout else []
        for shown in zip(drawn, *layouts, strict=True):
            yield [partial(write, Picture(pixels)) for pixels in shown]

    make_files(pictures, problems, load, make, label="pictures", skip_existing=skip_existing)


def draw_grid(
    asked: Sequence[Asked], problems: Sequence[str], load: Callable[[], Drawer], target: Path, *, show_layout: bool
) -> None:
    """Draw all pictures into one, a row a request where each has as many; captions where the texts differ.

    Raises:
        UserError, typer.Exit: as `make_files`.
    """
    made = make_cells(asked, problems, load(), partial(_cells, show_layout=show_layout), label="pictures")
    if made.cells:
        letters = made.cells[0].shape[1] // LETTER
        captions = [shortened(text, letters) for text in made.texts] if made.several else None
        make_folder(target.parent)
        write(Picture(grid(made.cells, made.columns(COLUMNS), captions=captions)), target)
    made.finish(target)


def _cells(drawer: Drawer, requests: Sequence[Request], seed: int, *, show_layout: bool) -> list[np.ndarray]:
    """Enlarged pictures, each beside itself with its layout where that is wanted."""
    pictures = drawer.draw(requests, seed)
    side = LAYOUT_SIDE if show_layout else SHOWN_SIDE
    plain = [draw_layout(picture, side=side) for picture in pictures]
    if not show_layout:
        return plain
    layouts = drawer.layouts(requests, seed, pictures, side=side)
    return [np.hstack(pair) for pair in zip(plain, layouts, strict=True)]
