"""Tables of captioned pictures: CSV, TSV or JSON Lines, a picture or a caption a row, with columns of the usual names.

image (file, file_name)       a path that starts at the table's folder, or at a folder images beside the table
captions (caption, text)      JSON: a text or a list of texts; elsewhere one text; rows of one picture are joined
class (class_name, label)     optional
box (bbox), or x, y, w, h     optional; left top corner, width and height in pixels of the file, all four or none
keypoints (parts)             optional; {"tail": [x, y], "beak": null, "crown": [x, y, visible]}, in a CSV as JSON
split                         optional; train, validation or test
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from condgen.data.captioned_picture import CaptionedPicture, box_of, clean_captions, keypoints_of
from condgen.data.findings import WHOLE_FILE, Finding
from condgen.data.manifest import Manifest
from condgen.data.pair_folders import SPLITS
from condgen.errors import UserError

SUFFIXES = (".csv", ".tsv", ".jsonl")
DELIMITERS = ",\t;|"  # the last is that of Flickr30k
BESIDE = ("", "images", "Images")  # folders below that of a table, in which its files are looked for
OWN_FIELDS = ("split", "image", "sha256", "captions", "class", "box", "keypoints")  # of the manifest that is written

USUAL = {
    "image": ("image", "file", "file_name", "filename", "image_name", "path"),
    "captions": ("captions", "caption", "text", "sentences", "sentence", "comment"),
    "category": ("class", "class_name", "category", "label"),
    "box": ("box", "bbox"),
    "keypoints": ("keypoints", "parts"),
}
"""How tables call what a `CaptionedPicture` has, best first."""

BOX_COLUMNS = (("x", "y", "w", "h"), ("x", "y", "width", "height"))
"""A box in columns of its own: all four are there, as width and height alone are often those of the picture."""

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Columns:
    """How a table calls its columns; empty: by the first of the usual names that it has."""

    image: str = ""
    captions: str = ""
    category: str = ""
    box: str = ""
    keypoints: str = ""

    def found_in(self, present: Sequence[str]) -> Columns:
        """With names that the table has; empty where it has none."""
        own = {one.name: getattr(self, one.name) for one in fields(self)}
        usual = {part: next((name for name in USUAL[part] if name in present), "") for part in own}
        return Columns(**{part: name or usual[part] for part, name in own.items()})

    def missing_in(self, present: Sequence[str]) -> list[str]:
        """Names that were asked for and are not there, and usual ones where what every table must have is not there."""
        names = [getattr(self, one.name) for one in fields(self)]
        asked = [name for name in names if name and name not in present]
        known = self.found_in(present)
        return asked + [USUAL[part][0] for part in ("image", "captions") if not getattr(known, part)]


def read_table(table: Path, columns: Columns | None = None) -> tuple[list[CaptionedPicture], list[Finding]]:
    """The pictures of a table, and a finding for each row that cannot be used.

    Pictures may lack captions. Fields of other names are kept.

    Raises:
        UserError: the table cannot be read, or is of another kind.
    """
    rows, findings = table_rows(table)
    present = list(dict.fromkeys(name for _, row in rows for name in row))
    wanted = columns or Columns()
    if missing := wanted.missing_in(present):
        problem = f"no column {' and no '.join(missing)}; it has {', '.join(present) or 'none'}"
        absent = Finding(WHOLE_FILE, str(table), problem, "rename its columns, or say which of them to take")
        return [], [absent] if rows or not findings else findings
    known = wanted.found_in(present)
    pictures = []
    for line, row in rows:
        try:
            pictures.append(_picture(table, known, line, row, present))
        except ValueError as problem:
            reason, _, fix = str(problem).partition("; ")
            findings.append(Finding(line, str(row.get(known.image) or ""), reason, fix or "correct the row"))
    return _joined(pictures), findings


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
            stem = Path(_text(row, columns.image)).stem
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


def _picture(table: Path, columns: Columns, line: int, row: Fields, present: Sequence[str]) -> CaptionedPicture:
    """Raises ValueError: `problem; fix`."""
    path = _file(table, _text(row, columns.image))
    split = str(row.get("split") or "").strip().lower()
    if split and split not in SPLITS:
        raise ValueError(f"split {split!r} is unknown; write train, validation or test")
    box = _parsed(row, columns.box)
    cells = () if box is not None else _box_cells(row, present)
    if cells:
        box = [_number(row[name]) for name in cells]
    keypoints = _parsed(row, columns.keypoints)
    consumed = {getattr(columns, one.name) for one in fields(columns)} | {*cells, *OWN_FIELDS}
    return CaptionedPicture(
        path,
        path.stem,
        _captions(row, columns.captions),
        " ".join(str(row.get(columns.category, "")).split()),
        None if box is None else box_of(box),
        None if keypoints is None else keypoints_of(keypoints),
        SPLITS.get(split),
        further={name: value for name, value in row.items() if name not in consumed},
        line=line,
    )


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


def _file(table: Path, name: str) -> Path:
    for folder in BESIDE:
        path = table.parent / folder / name  # an absolute path stays one
        if os.path.isfile(path):
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


def _joined(pictures: Sequence[CaptionedPicture]) -> list[CaptionedPicture]:
    """Rows that differ in their captions alone are one picture: such tables have a caption a row."""
    first: dict[str, CaptionedPicture] = {}
    for picture in pictures:
        place = (str(picture.path), picture.category, picture.box, picture.split, picture.keypoints)
        known = first.setdefault(repr(place), picture)
        if known is not picture:
            captions = clean_captions([*known.captions, *picture.captions])
            first[repr(place)] = replace(known, captions=captions)
    return list(first.values())
