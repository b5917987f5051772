"""Tables of captioned files: CSV, TSV or JSON Lines, a file or a caption a row, with columns of the usual names.

image (file, file_name)       a path that starts at the table's folder, or at a folder images beside the table; of clips
                              it is called clip (video, file, file_name), and a folder of frames is one, too
captions (caption, text)      JSON: a text or a list of texts; elsewhere one text; rows of one file are joined
class (class_name, label)     optional
split                         optional; train, validation or test

Of pictures alone:
box (bbox), or x, y, w, h     optional; left top corner, width and height in pixels of the file, all four or none
keypoints (parts)             optional; {"tail": [x, y], "beak": null, "crown": [x, y, visible]}, in a CSV as JSON
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from condgen.data.captioned_picture import CaptionedFile, CaptionedPicture, clean_captions, parsed_box, parsed_keypoints
from condgen.data.findings import WHOLE_FILE, Finding
from condgen.data.manifest import Manifest
from condgen.data.media import Media
from condgen.data.pair_folders import SPLITS
from condgen.errors import UserError

SUFFIXES = (".csv", ".tsv", ".jsonl")
DELIMITERS = ",\t;|"  # the last is that of Flickr30k
BESIDE = {Media.IMAGE: ("", "images", "Images"), Media.VIDEO: ("", "clips", "videos", "Videos")}
"""Folders below that of a table, in which its files are looked for."""

OWN_FIELDS = ("split", "image", "clip", "sha256", "captions", "class")
"""Of the manifest that is written."""

FILES = {
    Media.IMAGE: ("image", "file", "file_name", "filename", "image_name", "path"),
    Media.VIDEO: ("clip", "video", "file", "file_name", "filename", "video_name", "path"),
}
"""How tables call the column of the files, best first."""

PLACES = ("box", "keypoints")  # what only a picture has

USUAL = {
    "captions": ("captions", "caption", "text", "sentences", "sentence", "comment"),
    "category": ("class", "class_name", "category", "label"),
    "box": ("box", "bbox"),
    "keypoints": ("keypoints", "parts"),
}
"""How they call the others."""

BOX_COLUMNS = (("x", "y", "w", "h"), ("x", "y", "width", "height"))
"""A box in columns of its own: all four are there, as width and height alone are often those of the picture."""

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Columns:
    """How a table calls its columns; empty: by the first of the usual names that it has."""

    file: str = ""
    captions: str = ""
    category: str = ""
    box: str = ""
    keypoints: str = ""

    def found_in(self, present: Sequence[str], media: Media = Media.IMAGE) -> Columns:
        """With names that the table has; empty where it has none."""
        usual = {**USUAL, "file": FILES[media]}
        if media != Media.IMAGE:
            usual |= dict.fromkeys(PLACES, ())
        return Columns(
            **{
                part: getattr(self, part) or next((name for name in names if name in present), "")
                for part, names in usual.items()
            }
        )

    def missing_in(self, present: Sequence[str], media: Media = Media.IMAGE) -> list[str]:
        """Names that were asked for and are not there, and usual ones where what every table must have is not there."""
        names = [getattr(self, one.name) for one in fields(self)]
        asked = [name for name in names if name and name not in present]
        known = self.found_in(present, media)
        needed = {"file": FILES[media][0], "captions": USUAL["captions"][0]}
        return asked + [name for part, name in needed.items() if not getattr(known, part)]


def read_table(
    table: Path, columns: Columns | None = None, media: Media = Media.IMAGE
) -> tuple[list[CaptionedFile], list[Finding]]:
    """The files of a table, and a finding for each row that cannot be used.

    Files may lack captions. Fields of other names are kept. Pictures are `CaptionedPicture`.

    Raises:
        UserError: the table cannot be read, or is of another kind.
    """
    rows, findings = table_rows(table)
    present = list(dict.fromkeys(name for _, row in rows for name in row))
    wanted = columns or Columns()
    if missing := wanted.missing_in(present, media):
        problem = f"no column {' and no '.join(missing)}; it has {', '.join(present) or 'none'}"
        absent = Finding(WHOLE_FILE, str(table), problem, "rename its columns, or say which of them to take")
        return [], [absent] if rows or not findings else findings
    known = _Known(table, wanted.found_in(present, media), present, media)
    items = []
    for line, row in rows:
        try:
            items.append(known.item(line, row))
        except ValueError as problem:
            reason, _, fix = str(problem).partition("; ")
            findings.append(Finding(line, str(row.get(known.columns.file) or ""), reason, fix or "correct the row"))
    return _joined(items), findings


def table_rows(table: Path) -> tuple[list[tuple[int, Fields]], list[Finding]]:
    """Line and fields of each row, where cells that are empty are left out, and a finding for each with too many cells.

    Raises:
        UserError: the table cannot be read, or is of another kind.
    """
    if table.suffix.lower() == ".jsonl":
        return [(row.line, row.fields) for row in Manifest.read(table).all_rows], []
    if table.suffix.lower() not in (*SUFFIXES, ".txt"):
        raise UserError(f"{table} is no folder, and no table that ends in {', '.join(SUFFIXES)}")
    try:
        return _separated_rows(table)
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise UserError(f"{table} cannot be read as a table: {problem}; save it as CSV in UTF-8") from None


def captions_by_stem(table: Path) -> dict[str, tuple[str, ...]]:
    """The captions of a table whose pictures lie elsewhere, by the pictures' names without folder and ending.

    Raises:
        UserError: the table cannot be read, or a row has no picture or no text as caption.
    """
    rows, findings = table_rows(table)
    for finding in findings:
        raise UserError(f"{table}:{finding.line}: {finding.problem}; {finding.fix}")
    present = list(dict.fromkeys(name for _, row in rows for name in row))
    columns = Columns()
    if missing := columns.missing_in(present):
        raise UserError(f"{table} has no column {' and no '.join(missing)}; it has {', '.join(present) or 'none'}")
    columns = columns.found_in(present)
    captions: dict[str, tuple[str, ...]] = {}
    for line, row in rows:
        try:
            stem = Path(_text(row, columns.file)).stem
            captions[stem] = clean_captions([*captions.get(stem, ()), *_captions(row, columns.captions)])
        except ValueError as problem:
            raise UserError(f"{table}:{line}: {problem}") from None
    return captions


def _separated_rows(table: Path) -> tuple[list[tuple[int, Fields]], list[Finding]]:
    rows, findings = [], []
    with table.open(newline="", encoding="utf-8-sig") as file:
        header = file.readline()
        file.seek(0)
        delimiter = max(DELIMITERS, key=header.count)
        reader = csv.DictReader(file, delimiter=delimiter, skipinitialspace=True)
        for row in reader:
            excess = row.pop(None, [])
            cells = {name.strip(): cell.strip() for name, cell in row.items() if name and cell and cell.strip()}
            if any(cell.strip() for cell in excess):
                problem = f"{len(row) + len(excess)} cells for {len(row)} columns"
                fix = f"put the caption in quotes, as every cell that has {delimiter!r} in it"
                findings.append(Finding(reader.line_num, str(table), problem, fix))
            elif cells:
                rows.append((reader.line_num, cells))
    return rows, findings


@dataclass(frozen=True)
class _Known:
    """A table whose columns are known."""

    table: Path
    columns: Columns
    present: Sequence[str]  # all columns
    media: Media

    def item(self, line: int, row: Fields) -> CaptionedFile:
        """Raises ValueError: `problem; fix`."""
        columns = self.columns
        path = _file(self.table, _text(row, columns.file), self.media)
        split = str(row.get("split") or "").strip().lower()
        if split and split not in SPLITS:
            raise ValueError(f"split {split!r} is unknown; write train, validation or test")
        places, consumed = {}, {*OWN_FIELDS, *(getattr(columns, one.name) for one in fields(columns))}
        if self.media == Media.IMAGE:
            places, cells = _places(row, columns, self.present)
            consumed |= {*cells, *PLACES}
        return (CaptionedPicture if self.media == Media.IMAGE else CaptionedFile)(
            path,
            path.name if path.is_dir() else path.stem,
            _captions(row, columns.captions),
            " ".join(str(row.get(columns.category, "")).split()),
            **places,
            split=SPLITS.get(split),
            further={name: value for name, value in row.items() if name not in consumed},
            line=line,
        )


def _places(row: Fields, columns: Columns, present: Sequence[str]) -> tuple[dict[str, Any], Sequence[str]]:
    """Box and keypoints, and the columns that the box has taken. Raises ValueError: as `_Known.item`."""
    box = _parsed(row, columns.box)
    cells = () if box is not None else _box_cells(row, present)
    if cells:
        box = [_number(row[name]) for name in cells]
    keypoints = _parsed(row, columns.keypoints)
    places = {
        "box": None if box is None else parsed_box(box),
        "keypoints": None if keypoints is None else parsed_keypoints(keypoints),
    }
    return places, cells


def _box_cells(row: Fields, present: Sequence[str]) -> Sequence[str]:
    """The columns of a row's box; empty: it has none. Raises ValueError where some of the four are missing."""
    for names in BOX_COLUMNS:
        stated = [name for name in names if row.get(name) is not None]
        if len(stated) == len(names):
            return names
        are_of_picture = stated == ["width", "height"]
        if len(stated) == 3 or (stated and not are_of_picture and set(names) <= {*present}):
            missing = " and no ".join(name for name in names if name not in stated)
            raise ValueError(f"{', '.join(stated)}, but no {missing}; state {', '.join(names)}, or none of them")
    return ()


def _text(row: Fields, column: str) -> str:
    value = row.get(column)
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError(f"no {column}; name a file in column {column}, or take the row out")
    return value.strip()


def _file(table: Path, name: str, media: Media) -> Path:
    for folder in BESIDE[media]:
        path = table.parent / folder / name  # an absolute path stays one
        if os.path.isfile(path) or (media == Media.VIDEO and os.path.isdir(path)):
            return path
    raise ValueError(f"there is no such file; correct it: relative paths start at {table.parent}")


def _captions(row: Fields, column: str) -> tuple[str, ...]:
    value = row.get(column)
    texts = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{column} is neither a text nor a list of texts")
    return clean_captions(texts)


def _parsed(row: Fields, column: str) -> Any:
    """A cell of a CSV may hold JSON, or numbers with commas."""
    value = row.get(column)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value if value.startswith(("[", "{")) else f"[{value}]")
    except ValueError:
        raise ValueError(f"{column} is no JSON") from None


def _number(value: Any) -> Any:
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def _joined(items: Sequence[CaptionedFile]) -> list[CaptionedFile]:
    """Rows that differ in their captions alone are one file: such tables have a caption a row."""
    first: dict[str, CaptionedFile] = {}
    for item in items:
        place = repr(replace(item, captions=(), further={}, line=WHOLE_FILE))
        known = first.setdefault(place, item)
        if known is not item:
            first[place] = replace(known, captions=clean_captions([*known.captions, *item.captions]))
    return list(first.values())
