"""Tables of pairs, or of two sets: CSV or JSON Lines, one sample a row, paths from anywhere."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from condgen.data.findings import WHOLE_FILE, Finding
from condgen.data.manifest import Manifest, Split
from condgen.data.pair_folders import SPLITS
from condgen.errors import UserError


@dataclass(frozen=True)
class Entry:
    """A row whose files are there."""

    files: tuple[Path, ...]  # in the order of the columns that were asked for
    split: Split | None  # None: the row has none
    fields: Mapping[str, Any]
    line: int


def read_table(table: Path, columns: Sequence[str]) -> tuple[list[Entry], list[Finding]]:
    """The rows of a table, and a finding for each that cannot be used.

    Args:
        table: .csv with a header, or .jsonl.
        columns: name files; relative paths start at the table's folder.

    Raises:
        UserError: the table cannot be read, or is of another kind.
    """
    rows = list(_rows(table))
    present = {name for _, fields in rows for name in fields if name}
    missing = [name for name in columns if name not in present]
    if missing and rows:
        problem = f"no column {' and no '.join(missing)}; it has {', '.join(sorted(present))}"
        return [], [Finding(WHOLE_FILE, str(table), problem, f"call the columns {' and '.join(columns)}")]
    entries, findings = [], []
    for line, fields in rows:
        found = list(_row_findings(table, columns, line, fields))
        findings += found
        if not found:
            files = tuple(table.parent / fields[name].strip() for name in columns)
            entries.append(Entry(files, SPLITS.get(_split_of(fields)), fields, line))
    return entries, findings


def _rows(table: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Line and fields."""
    if table.suffix.lower() == ".jsonl":
        yield from ((row.line, row.fields) for row in Manifest.read(table).all_rows)
        return
    if table.suffix.lower() != ".csv":
        raise UserError(f"{table} is no folder, and no table that ends in .csv or .jsonl")
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            yield from ((reader.line_num, fields) for fields in reader)
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise UserError(f"{table} cannot be read as CSV: {problem}; save it as CSV in UTF-8") from None


def _row_findings(table: Path, columns: Sequence[str], line: int, fields: Mapping[str, Any]) -> Iterator[Finding]:
    for name in columns:
        value = fields.get(name)
        if not isinstance(value, str) or not value.strip():
            yield Finding(line, "", f"no {name}", f"name a file in column {name}, or take the row out")
        elif not os.path.isfile(table.parent / value.strip()):  # an absolute path stays one
            yield Finding(line, value, "there is no such file", f"correct it; relative paths start at {table.parent}")
    if (split := _split_of(fields)) and split not in SPLITS:
        yield Finding(line, "", f"split {split!r} is unknown", "write train, validation or test")


def _split_of(fields: Mapping[str, Any]) -> str:
    return str(fields.get("split") or "").strip().lower()
