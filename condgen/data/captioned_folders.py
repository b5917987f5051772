"""Somebody's own captioned pictures: which layouts are known, and what is wrong with one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from condgen.data.captioned_picture import CaptionedPicture, read_captions
from condgen.data.captioned_tables import Columns, read_table
from condgen.data.findings import Finding
from condgen.data.media import Media
from condgen.data.pair_folders import Placed, error, find_files, no_files, unwrapped
from condgen.data.pairs import Found
from condgen.errors import UserError

LAYOUTS = """\
 1. A folder of pictures, each with a text file of the same name beside it (a.jpg and a.txt), a caption a line.
 2. A folder with a table called captions or metadata (.csv, .tsv, .jsonl) and the pictures it names; or the table.
Columns: image, caption (several rows a picture are joined), and optional class, split, box or x, y, w, h (left top
corner, width, height) and keypoints (a JSON object: to each name x and y, or null), in pixels of the file. What lies in
train, val or test, or has that split in the table, is used so."""
"""For help texts."""

TEXTS = (".txt", ".caption")  # beside a picture; the latter is usual among those who train diffusion models
TABLES = tuple(f"{stem}{suffix}" for stem in ("captions", "metadata") for suffix in (".jsonl", ".csv", ".tsv"))
FLICKR = "captions.txt"  # of Flickr8k: comma-separated, with a header


def find_captioned(source: Path, columns: Columns | None = None) -> Found[CaptionedPicture]:
    """The captioned pictures of a folder or a table in one of the `LAYOUTS`. They are not decoded.

    Pictures may lack captions: whether that matters is for whoever asks.

    Args:
        source: the folder or the table.
        columns: of a table.

    Raises:
        UserError: there is no such source, or it cannot be read.
    """
    if source.is_file():
        return _of_table(source, columns)
    root = unwrapped(source)
    tables = [root / name for name in (*TABLES, FLICKR) if (root / name).is_file()]
    if len(tables) > 1:
        names = " and ".join(table.name for table in tables)
        return Found(
            findings=(error(root, f"several tables: {names}", "name the one you mean in place of the folder"),)
        )
    if tables:
        return _of_table(tables[0], columns)
    files = find_files(root, Media.IMAGE)
    if not files:
        return Found(findings=(no_files(root, Media.IMAGE),))
    pictures, findings = [], []
    for file in files:
        try:
            pictures.append(_beside(file))
        except UserError as problem:
            path, _, rest = str(problem).partition(": ")
            findings.append(error(path, *rest.split("; ", 1)))
    return Found(tuple(pictures), (*findings, *_twins(files)))


def _of_table(table: Path, columns: Columns | None) -> Found[CaptionedPicture]:
    pictures, findings = read_table(table, columns)
    return Found(tuple(pictures), tuple(findings))


def _beside(file: Placed) -> CaptionedPicture:
    """A picture with the captions of the text file beside it, if there is one."""
    texts = (file.path.with_suffix(suffix) for suffix in TEXTS)
    captions = next((read_captions(text) for text in texts if text.is_file()), ())
    return CaptionedPicture(file.path, file.name, captions, split=file.split)


def _twins(files: list[Placed]) -> Iterator[Finding]:
    """Pictures whose names differ in the ending alone share a text file: whose is it?"""
    first: dict[Path, Placed] = {}
    for file in files:
        known = first.setdefault(file.path.with_suffix(""), file)
        if known is not file:
            yield error(file.path, f"has the name of {known.path.name} but for the ending", "keep one, or rename it")
