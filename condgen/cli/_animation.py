"""What `condgen animate` does between options and files: a model and its checks; clips into files, or into a grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from condgen.cli._text_requests import Note, Save, Wanted, make_cells, make_files, make_folder
from condgen.data.animate_requests import Asked, Request, request_for
from condgen.data.clip_grid import clip_grid, clips_to_uint8
from condgen.data.image import Picture
from condgen.data.image_output import write
from condgen.data.picture_grid import beside, grid, to_uint8
from condgen.data.video_output import write_video
from condgen.errors import UserError
from condgen.runtime.progress import Progress
from condgen.text.remarks import Remarks

WITHOUT_TEXT = "it makes clips from noise or a first frame, in Python: see `VGAN` in recipes/text_to_video/README.md"
GIST = ".gist.png"  # in place of a clip's ending
STRIP = ".png"
SHOWN_SIDE = 96  # pixels that a clip in a grid has at least
COLUMNS = 8  # of a grid at most, unless each request has as many clips
LARGEST_GRID = 400  # clips
PORTION = 64 * 16 * 64**2  # pixels of all frames that are in memory together as numbers of 4 bytes
MOST_PIXELS = 2**27  # of all frames of a grid as it is shown, 3 bytes each


class Cell(NamedTuple):
    """What was made for one request."""

    clip: np.ndarray  # uint8 (T, S, S, 3)
    gist: np.ndarray | None  # uint8 (S, S, 3)


class Animator:
    """A loaded model, and what is asked of it held against what it can do.

    Args:
        frames: of a clip; 0: as the model was trained.
        with_gist: also make the gists.

    Raises:
        UserError: there is no such model, it makes no clips from text, or has no gist and one is wanted.
    """

    def __init__(self, model: str, device: str, *, frames: int = 0, with_gist: bool = False):
        import condgen

        self._pipeline: Any = condgen.load(model, device=device)
        if not hasattr(self._pipeline, "animate"):
            raise UserError(f"model {model} makes no clips from text; `condgen models show {model}` says what it is")
        if not hasattr(self._pipeline, "text_encoder"):
            raise UserError(f"model {model} reads no text; {WITHOUT_TEXT}")
        self._model, self._frames, self.with_gist = model, frames, with_gist
        if with_gist and not self._pipeline.has_gist:
            fix = "leave --gist out, or take a model that does, e.g. --model gist-shapes"
            raise UserError(f"model {model} paints no gist; {fix}")
        self._remarks = Remarks(self._pipeline.text_encoder)

    @property
    def portion(self) -> int:
        return max(1, PORTION // self._pixels)

    @property
    def scale(self) -> int:
        """Whole factor by which clips are enlarged in a grid."""
        return max(1, -(-SHOWN_SIDE // self._pipeline.size))

    @property
    def _pixels(self) -> int:
        """Of one clip."""
        return (self._frames or self._pipeline.frames) * self._pipeline.size**2

    def request(self, asked: Asked, note: Note) -> Request:
        """What is asked for, with noise 0; what of its texts will be lost is noted, once a text.

        Raises:
            UserError: the text is empty, the encoder knows no word of a text, or a background is given to a model
                whose clips have none of their own.
        """
        request = request_for(asked)
        if request.background and not self._pipeline.has_background:
            option = "the background" if asked.line else "--background"
            raise UserError(
                f"{asked.where}model {self._model} makes no background apart; leave {option} out, or take a model that "
                f"does, e.g. --model gist-shapes"
            )
        for text in filter(None, (request.text, request.background, request.toward)):
            self._remarks.note(text, asked.where, note)
        return request

    def make(self, requests: Sequence[Request], seed: int) -> list[Cell]:
        """Raises UserError when the model does not make so many frames."""
        clips = clips_to_uint8(self._pipeline.animate(requests, seed=seed, frames=self._frames))
        gists = to_uint8(self._pipeline.gists(requests, seed=seed)) if self.with_gist else [None] * len(clips)
        return [Cell(*pair) for pair in zip(clips, gists, strict=True)]

    def refuse_large_grid(self, clips: int, target: Path) -> None:
        """Raise UserError where so many clips do not fit into memory."""
        if clips * self._pixels * self.scale**2 > MOST_PIXELS:
            raise UserError(f"{target}: {clips} such clips make too large a grid; name a folder, or lower --count")


def refuse_many(target: Path, clips: int) -> None:
    """Raise UserError where so many clips are too many for one grid, before a model is loaded."""
    if clips > LARGEST_GRID:
        raise UserError(f"{target}: {clips:,} clips make too large a grid; name a folder, or lower --count")


def animate_files(
    clips: Sequence[Wanted], problems: Sequence[str], load: Callable[[], Animator], *, fps: int, skip_existing: bool
) -> None:
    """Make each clip into its file, and its gist into the file beside it where there is one.

    Raises:
        UserError, typer.Exit: as `make_files`; or the model does not make so many frames.
    """

    def make(animator: Animator, requests: Sequence[Request], seed: int) -> Iterator[list[Save]]:
        for cell in animator.make(requests, seed):
            clip = partial(write_video, frames=cell.clip, frames_per_second=fps)
            yield [clip] if cell.gist is None else [clip, partial(write, Picture(cell.gist))]

    make_files(clips, problems, load, make, label="clips", skip_existing=skip_existing)


def animate_grid(
    asked: Sequence[Asked], problems: Sequence[str], animator: Animator, target: Path, *, fps: int
) -> None:
    """Make all clips into one, a row a request where each has as many, else about a square; captions where the texts
    differ.

    Raises:
        UserError, typer.Exit: as `animate_files`.
    """
    animator.refuse_large_grid(sum(one.count for one in asked), target)
    made = make_cells(asked, problems, animator, Animator.make, label="clips")
    if made.cells:
        captions = made.texts if made.several else None
        columns = made.columns(min(COLUMNS, math.ceil(math.sqrt(len(made.cells)))))
        _write_grid(made.cells, columns, captions, target, scale=animator.scale, fps=fps)
    made.finish(target)


def animate_between(asked: Asked, steps: int, animator: Animator, target: Path, *, fps: int) -> None:
    """Make the sentences between two into one grid: a column a sentence, a row a noise.

    Raises:
        UserError: as `animate_files`.
    """
    animator.refuse_large_grid(steps * asked.count, target)
    with Progress("clips", steps * asked.count) as progress:
        request = animator.request(asked, progress.note)
        shares = [step / (steps - 1) for step in range(steps)]
        requests = [replace(request, number=row, share=share) for row in range(asked.count) for share in shares]
        cells: list[Cell] = []
        for start in range(0, len(requests), animator.portion):
            cells += animator.make(requests[start : start + animator.portion], asked.seed)
            for _ in requests[start : start + animator.portion]:
                progress.advance()
    captions = [request.text, *(f"{share:.0%}" for share in shares[1:-1]), request.toward] * asked.count
    _write_grid(cells, steps, captions, target, scale=animator.scale, fps=fps)


def _write_grid(
    cells: Sequence[Cell], columns: int, captions: Sequence[str] | None, target: Path, *, scale: int, fps: int
) -> None:
    """The grid of the clips, and beside it that of their gists. A picture of clips has a row for each, of its frames.

    Raises:
        UserError: a file cannot be written.
    """
    make_folder(target.parent)
    clips, form = [cell.clip for cell in cells], {"captions": captions, "scale": scale}
    if target.suffix.lower() == STRIP:
        told = captions and [beside(text, clips[0].shape[1]) for text in captions]
        write(Picture(grid([frame for clip in clips for frame in clip], len(clips[0]), row_captions=told)), target)
    else:
        write_video(target, clip_grid(clips, columns, **form), frames_per_second=fps)
    gists = [cell.gist[None] for cell in cells if cell.gist is not None]
    if gists:
        write(Picture(next(clip_grid(gists, columns, **form))), target.with_suffix(GIST))
