"""What is wrong with the captions, classes and splits of somebody's own captioned pictures or clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from condgen.data.captioned_picture import CaptionedFile
from condgen.data.findings import WHOLE_FILE, Finding
from condgen.data.pair_folders import error


def without_captions(item: CaptionedFile, source: Path) -> Iterator[Finding]:
    """Args: `source` is the folder or the table that it comes from."""
    if item.captions:
        return
    if item.line == WHOLE_FILE:
        name = item.path.name if item.path.is_dir() else item.path.stem
        fix = f"put a file {name}.txt beside it, a caption a line"
    else:
        fix = f"write one in the row {source}:{item.line}" if source.is_file() else "write one in its row"
    yield Finding(item.line, str(item.path), "no caption", fix)


def about_all(source: Path, items: Sequence[CaptionedFile], what: str, known: Sequence[Finding]) -> Iterator[Finding]:
    """What only all files together tell.

    Args:
        source: where they come from.
        items: all that were found.
        what: they are: pictures, clips.
        known: what was found before.
    """
    if not items:
        if not any(finding.is_error for finding in known):
            yield error(source, f"no captioned {what}", "see the help text for the layouts")
        return
    if len(items) == 1:
        fix = "give at least 2: one is kept out of the training, to measure by"
        yield error(source, f"only one {what.removesuffix('s')}", fix)
    elif items[0].captions and len({item.captions for item in items}) == 1:  # that there are none is said of each
        fix = f"say of each what sets it apart: a model learns from {what} with the captions of others"
        yield error(source, f"all {what} have the same captions", fix)
    unnamed = [item for item in items if not item.category]
    if 0 < len(unnamed) < len(items):
        problem = f"{len(unnamed)} of {len(items)} {what} have no class; {unnamed[0].path.name} is the first"
        yield error(source, problem, "state it of all, or of none")
    elif not unnamed and len({item.category for item in items}) == 1:
        yield error(source, f"all {what} are of the class {items[0].category}", "leave that column out")
    nameless = [item for item in items if item.split is None]
    if 0 < len(nameless) < len(items):
        problem = f"{len(nameless)} of {len(items)} have no split that is known here; {nameless[0].name} is one"
        yield error(source, problem, "call their split train, val or test, or leave out the splits of all")
