"""What `condgen draw` does between options and files: a model and its checks; pictures into files, or into a grid."""

from __future__ import annotations

import difflib
import itertools
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import typer

from condgen.data.draw_requests import Asked, Canvas, Place, Request, request_on
from condgen.data.image import Picture
from condgen.data.image_output import write
from condgen.data.layout import draw_layout
from condgen.data.picture_grid import grid, to_uint8
from condgen.errors import UserError
from condgen.runtime.progress import Progress

SHOWN_SIDE = 96  # pixels that a picture in a grid has at least
LAYOUT_SIDE = 192  # the same where places are drawn into it
COLUMNS = 8  # of a grid, unless each request has as many pictures
LARGEST_GRID = 2500  # pictures
PORTION = 256  # pictures that are in memory together
LETTER = 7  # pixels in a grid's captions, about
NEAR = 0.7  # likeness (`difflib`) from which a known word may have been meant
NAME_LENGTH = 48  # letters of a text that make a file's name

Note = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """A picture that is to become a file, and the layout beside it."""

    asked: Asked
    number: int
    picture: Path
    layout: Path | None

    @property
    def paths(self) -> list[Path]:
        return [self.picture] if self.layout is None else [self.picture, self.layout]


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
        self._noted: set[str] = set()

    def request(self, asked: Asked, note: Note) -> Request:
        """What is asked for, with noise 0; what of its text will be lost is noted, once a text.

        Raises:
            UserError: as `request_on`, or the encoder knows no word of the text.
        """
        request = request_on(asked, self.canvas)
        if request.text not in self._noted:
            try:
                remarks = text_remarks(self._pipeline.text_encoder, request.text)
            except UserError as problem:
                raise UserError(f"{asked.where}{problem}") from None
            self._noted.add(request.text)
            for remark in remarks:
                note(f"{asked.where}warning: {remark}")
        return request

    def draw(self, requests: Sequence[Request], seed: int) -> np.ndarray:
        """Uint8 (N, S, S, 3)."""
        return to_uint8(self._pipeline.draw(requests, seed=seed))

    def layouts(self, requests: Sequence[Request], seed: int, pictures: Sequence[np.ndarray], **shown: Any) -> list:
        """The pictures with the places that they were drawn at: also the keypoints that the model has completed.

        Args:
            shown: of `draw_layout`.
        """
        completes = Place.KEYPOINTS in self.canvas.takes and Place.TEXT in self.canvas.takes
        placed = self._pipeline.placed(requests, seed=seed) if completes else requests
        return [
            draw_layout(picture, box=asked.box, keypoints=asked.keypoints, completed=drawn.keypoints, **shown)
            for picture, asked, drawn in zip(pictures, requests, placed, strict=True)
        ]


def text_remarks(encoder: Any, text: str) -> list[str]:
    """What a sentence encoder does not see of a text, in words.

    Raises:
        UserError: it sees nothing of it, or knows none of its words.
    """
    from condgen.text import characters
    from condgen.text.encoder import TrainedEncoder

    encoder.tokenize([text])
    remarks = []
    if lost := encoder.cut(text):
        remarks.append(f"the text is longer than this model reads; it does not see {_short(lost.strip())!r}")
    known = encoder.known.places() if isinstance(encoder, TrainedEncoder) else {}
    unknown = encoder.unknown_words(text)
    if unknown and not set(characters.words(text)) - set(unknown):
        some = ", ".join(itertools.islice(known, 12))
        raise UserError(f"the model knows no word of {_short(text)!r}; it knows such as {some}")
    if unknown:
        strange = ", ".join(_with_nearest(word, known) for word in unknown)
        remarks.append(f"the model has never seen {strange}; it may draw anything for that")
    return remarks


def _with_nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=NEAR)
    return f"{_short(word)!r}" + (f" (the nearest that it knows: {near[0]!r})" if near else "")


def _short(text: str, letters: int = 60) -> str:
    return text if len(text) <= letters else f"{text[: letters - 3]}..."


def wanted(asked: Sequence[Asked], folder: Path, *, show_layout: bool) -> tuple[list[Wanted], list[str]]:
    """The files that requests ask for, and a line on each request whose files another one has taken.

    Names that no request states are made from its text; in a file of requests, from its line and text.
    """
    taken: dict[str, Asked] = {}
    found, clashes = [], []
    for one in asked:
        mine = [_wanted(one, number, folder, show_layout) for number in range(one.count)]
        paths = {os.path.normcase(os.path.normpath(path)) for picture in mine for path in picture.paths}
        if earlier := next((taken[path] for path in paths if path in taken), None):
            clashes.append(f"{one.where}its output is that of line {earlier.line} too; give another name")
            continue
        taken |= dict.fromkeys(paths, one)
        found += mine
    return found, clashes


def _wanted(asked: Asked, number: int, folder: Path, show_layout: bool) -> Wanted:
    stem = re.sub(r"\W+", "-", asked.text.casefold()).strip("-")[:NAME_LENGTH] or "picture"
    path = folder / (asked.output or (f"{asked.line:05d}-{stem}" if asked.line else stem))
    name = path.stem + (f"-{number:05d}" if asked.count > 1 else "")
    layout = path.with_name(f"{name}-layout.png") if show_layout else None
    return Wanted(asked, number, path.with_name(f"{name}{path.suffix or '.png'}"), layout)


def draw_files(
    pictures: Sequence[Wanted], problems: Sequence[str], load: Callable[[], Drawer], *, skip_existing: bool
) -> None:
    """Draw each picture into its file.

    Args:
        problems: lines on requests that have failed already.

    Raises:
        UserError: the model cannot be loaded; the only request, of the command line, cannot be drawn or its one file
            not be written.
        typer.Exit: with code 1, when some request or file failed; each has had its line on stderr by then.
    """
    todo = [one for one in pictures if not (skip_existing and all(os.path.exists(path) for path in one.paths))]
    with Progress("pictures", len(todo)) as progress:
        for problem in problems:
            progress.note(problem)
        drawn = failed = 0
        if todo:
            drawer = load()
            ready, broken = _ready(todo, drawer, progress.note)
            drawn = sum(_write(part, drawer, progress, skip_existing) for part in _portions(ready))
            failed = broken + len(ready) - drawn
    failed += len(problems)
    if failed or len(pictures) != 1:
        kept = len(pictures) - len(todo)
        print(f"{drawn} done, {kept} skipped (already there), {failed} failed", file=sys.stderr)
    if failed:
        raise typer.Exit(1)


def _ready(todo: Sequence[Wanted], drawer: Drawer, note: Note) -> tuple[list[tuple[Wanted, Request]], int]:
    """The pictures whose requests the model can draw, and how many it cannot; a line is noted on each such request.

    Raises:
        UserError: there is but one request, that of the command line, and it cannot be drawn.
    """
    ready, broken = [], 0
    for asked, group in itertools.groupby(todo, key=lambda one: one.asked):
        pictures = list(group)
        try:
            request = drawer.request(asked, note)
        except UserError as problem:
            if not asked.line:  # the command line's only request
                raise
            note(str(problem))
            broken += len(pictures)
            continue
        ready += [(one, replace(request, number=one.number)) for one in pictures]
    return ready, broken


def _portions(ready: Sequence[tuple[Wanted, Request]]) -> Iterator[list[tuple[Wanted, Request]]]:
    """Together what has one seed, so many that memory stays bounded."""
    for _, group in itertools.groupby(ready, key=lambda one: one[0].asked.seed):
        same_seed = list(group)
        yield from (same_seed[start : start + PORTION] for start in range(0, len(same_seed), PORTION))


def _write(part: Sequence[tuple[Wanted, Request]], drawer: Drawer, progress: Progress, skip_existing: bool) -> int:
    """Draw and write a portion; returns how many pictures are there."""
    seed, requests = part[0][0].asked.seed, [request for _, request in part]
    pictures = drawer.draw(requests, seed)
    layouts: list = [None] * len(part)
    if part[0][0].layout is not None:
        layouts = drawer.layouts(requests, seed, pictures)
    written = 0
    for (one, _), picture, layout in zip(part, pictures, layouts, strict=True):
        try:
            for path, pixels in zip(one.paths, (picture, layout), strict=False):
                if not (skip_existing and path.exists()):
                    make_folder(path.parent)
                    write(Picture(pixels), path)
            written += 1
        except UserError as problem:
            if not one.asked.line and one.asked.count == 1:
                raise
            progress.note(str(problem))
        progress.advance(one.picture.name)
    return written


def draw_grid(
    asked: Sequence[Asked], problems: Sequence[str], load: Callable[[], Drawer], target: Path, *, show_layout: bool
) -> None:
    """Draw all pictures into one, a row a request where each has as many; captions where the texts differ.

    Raises:
        UserError, typer.Exit: as `draw_files`.
    """
    drawer = load()
    with Progress("pictures", sum(one.count for one in asked)) as progress:
        for problem in problems:
            progress.note(problem)
        numbered = [Wanted(one, number, target, None) for one in asked for number in range(one.count)]
        ready, broken = _ready(numbered, drawer, progress.note)
        cells: list[np.ndarray] = []
        for part in _portions(ready):
            cells += _cells(part, drawer, show_layout)
            for _ in part:
                progress.advance()
    if cells:
        texts = [request.text for _, request in ready] if len(asked) > 1 else None
        counts = {one.asked.count for one, _ in ready}
        columns = counts.pop() if texts and len(counts) == 1 and 1 not in counts else min(COLUMNS, len(cells))
        letters = cells[0].shape[1] // LETTER
        captions = texts and [_short(text, letters) for text in texts]
        make_folder(target.parent)
        write(Picture(grid(cells, columns, captions=captions)), target)
    if problems or broken:
        print(f"{target}: {len(cells)} done, {len(problems) + broken} failed", file=sys.stderr)
        raise typer.Exit(1)


def _cells(part: Sequence[tuple[Wanted, Request]], drawer: Drawer, show_layout: bool) -> list[np.ndarray]:
    """Enlarged pictures, each beside itself with its layout where that is wanted."""
    seed, requests = part[0][0].asked.seed, [request for _, request in part]
    pictures = drawer.draw(requests, seed)
    side = LAYOUT_SIDE if show_layout else SHOWN_SIDE
    plain = [draw_layout(picture, side=side) for picture in pictures]
    if not show_layout:
        return plain
    layouts = drawer.layouts(requests, seed, pictures, side=side)
    return [np.hstack(pair) for pair in zip(plain, layouts, strict=True)]


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UserError(f"{folder}: cannot be made a folder ({problem.strerror}); choose another -o") from None
