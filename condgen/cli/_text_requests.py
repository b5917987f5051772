"""What verbs that turn texts into files share: names of the files, and the run over requests."""

from __future__ import annotations

import itertools
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import typer

from condgen.errors import UserError
from condgen.runtime.progress import Progress

NAME_LENGTH = 48  # letters of a text that make a file's name

Note = Callable[[str], None]
Save = Callable[[Path], None]  # writes one file. Raises UserError with one line that names it
Cell = TypeVar("Cell")


class Asked(Protocol):
    """What a user asks for: so many answers to one text."""

    text: str
    output: str | None  # the file's name in the output folder
    count: int
    seed: int
    line: int  # in the file of requests; 0: from the command line
    where: str  # ahead of every message


class Maker(Protocol):
    """A loaded model, and what is asked of it held against what it can do."""

    @property
    def portion(self) -> int:
        """Requests whose answers are in memory together."""

    def request(self, asked: Any, note: Note) -> Any:
        """What is asked for as the model takes it, with number 0. Raises UserError when it does not."""


@dataclass(frozen=True)
class Wanted:
    """One answer that is to be made: its file, and others that go with it."""

    asked: Asked
    number: int
    paths: tuple[Path, ...]


Ready = tuple[Wanted, Any]  # with the request that the model takes
Make = Callable[[Any, Sequence[Any], int], Iterable[Sequence[Save]]]
"""Maker, requests and seed -> for each request, what writes its files."""


def wanted(asked: Sequence[Asked], folder: Path, *, ending: str, companion: str = "") -> tuple[list[Wanted], list[str]]:
    """The files that requests ask for, and a line on each request whose files another one has taken.

    Names that no request states are made from its text; in a file of requests, from its line and text.

    Args:
        ending: of names without one.
        companion: in place of the ending, makes the name of a second file.
    """
    taken: dict[str, Asked] = {}
    found, clashes = [], []
    for one in asked:
        mine = [_wanted(one, number, folder, ending, companion) for number in range(one.count)]
        paths = {os.path.normcase(os.path.normpath(path)) for answer in mine for path in answer.paths}
        if earlier := next((taken[path] for path in paths if path in taken), None):
            clashes.append(f"{one.where}its output is that of line {earlier.line} too; give another name")
            continue
        taken |= dict.fromkeys(paths, one)
        found += mine
    return found, clashes


def _wanted(asked: Asked, number: int, folder: Path, ending: str, companion: str) -> Wanted:
    stem = re.sub(r"\W+", "-", asked.text.casefold()).strip("-")[:NAME_LENGTH] or "unnamed"
    path = folder / (asked.output or (f"{asked.line:05d}-{stem}" if asked.line else stem))
    name = path.stem + (f"-{number:05d}" if asked.count > 1 else "")
    endings = (path.suffix or ending, *([companion] if companion else []))
    return Wanted(asked, number, tuple(path.with_name(f"{name}{one}") for one in endings))


def make_files(
    answers: Sequence[Wanted],
    problems: Sequence[str],
    load: Callable[[], Maker],
    make: Make,
    *,
    label: str,
    skip_existing: bool,
) -> None:
    """Make each answer and write its files.

    Args:
        problems: lines on requests that have failed already.
        label: of the progress bar.

    Raises:
        UserError: the model cannot be loaded; the only request, of the command line, cannot be answered or its one
            file not be written.
        typer.Exit: with code 1, when some request or file failed; each has had its line on stderr by then.
    """
    todo = [one for one in answers if not (skip_existing and all(os.path.exists(path) for path in one.paths))]
    with Progress(label, len(todo)) as progress:
        for problem in problems:
            progress.note(problem)
        done = failed = 0
        if todo:
            maker = load()
            ready, broken = _ready(todo, maker, progress.note)
            for part in _portions(ready, maker.portion):
                saves = make(maker, [request for _, request in part], part[0][0].asked.seed)
                done += _write(part, saves, progress, skip_existing)
            failed = broken + len(ready) - done
    failed += len(problems)
    if failed or len(answers) != 1:
        print(f"{done} done, {len(answers) - len(todo)} skipped (already there), {failed} failed", file=sys.stderr)
    if failed:
        raise typer.Exit(1)


def _ready(todo: Sequence[Wanted], maker: Maker, note: Note) -> tuple[list[Ready], int]:
    """Those whose requests the model can answer, and how many it cannot; a line is noted on each such request.

    Raises:
        UserError: there is but one request, that of the command line, and it cannot be answered.
    """
    ready, broken = [], 0
    for asked, group in itertools.groupby(todo, key=lambda one: one.asked):
        answers = list(group)
        try:
            request = maker.request(asked, note)
        except UserError as problem:
            if not asked.line:  # the command line's only request
                raise
            note(str(problem))
            broken += len(answers)
            continue
        ready += [(one, replace(request, number=one.number)) for one in answers]
    return ready, broken


def _portions(ready: Sequence[Ready], size: int) -> Iterator[list[Ready]]:
    """Together what has one seed, so many that memory stays bounded."""
    for _, group in itertools.groupby(ready, key=lambda one: one[0].asked.seed):
        same_seed = list(group)
        yield from (same_seed[start : start + size] for start in range(0, len(same_seed), size))


def _write(part: Sequence[Ready], saves: Iterable[Sequence[Save]], progress: Progress, skip_existing: bool) -> int:
    """Write a portion; returns how many answers have all of their files."""
    written = 0
    for (one, _), mine in zip(part, saves, strict=True):
        try:
            for path, save in zip(one.paths, mine, strict=True):
                if not (skip_existing and path.exists()):
                    make_folder(path.parent)
                    save(path)
            written += 1
        except (UserError, OSError) as problem:
            if not one.asked.line and one.asked.count == 1:
                raise
            progress.note(str(problem))
        progress.advance(one.paths[0].name)
    return written


@dataclass(frozen=True)
class Cells:
    """What a grid is made of: a cell and its request for each answer, and on how many lines there is none."""

    cells: list[Any]
    ready: list[Ready]
    failed: int
    several: bool  # requests, so that a cell needs its text beside it

    @property
    def texts(self) -> list[str]:
        return [request.text for _, request in self.ready]

    def columns(self, most: int) -> int:
        """A row a request where each has as many cells; else `most` cells a row."""
        counts = {one.asked.count for one, _ in self.ready}
        alike = self.several and len(counts) == 1 and 1 not in counts
        return counts.pop() if alike else min(most, len(self.cells))

    def finish(self, target: Path) -> None:
        """Raise typer.Exit with code 1 where some line has failed."""
        if self.failed:
            print(f"{target}: {len(self.cells)} done, {self.failed} failed", file=sys.stderr)
            raise typer.Exit(1)


def make_cells(
    asked: Sequence[Asked],
    problems: Sequence[str],
    maker: Maker,
    make: Callable[[Any, Sequence[Any], int], Iterable[Any]],
    *,
    label: str,
) -> Cells:
    """Make all answers for one grid, in their order.

    Args:
        make: maker, requests and seed -> a cell for each request.

    Raises:
        UserError: there is but one request, that of the command line, and it cannot be answered.
    """
    with Progress(label, sum(one.count for one in asked)) as progress:
        for problem in problems:
            progress.note(problem)
        numbered = [Wanted(one, number, ()) for one in asked for number in range(one.count)]
        ready, broken = _ready(numbered, maker, progress.note)
        cells: list[Any] = []
        for part in _portions(ready, maker.portion):
            cells += make(maker, [request for _, request in part], part[0][0].asked.seed)
            for _ in part:
                progress.advance()
    return Cells(cells, ready, len(problems) + broken, several=len(asked) > 1)


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UserError(f"{folder}: cannot be made a folder ({problem.strerror}); choose another -o") from None
