"""Manifests: JSON Lines, one sample a row; the only index format.

    {"split": "train", "image": "photos/a.jpg", "sha256": "9f86..."}

A row is an object with a `split`. Which of its other fields are files is known to the task that reads them; their
paths are relative to the manifest's folder and stay inside it, so that a data folder can be moved, packed and sent.
An optional `sha256` (`<field>_sha256` where a row has several files) lets the data check find changed files. Unknown
fields are kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any

from condgen.data.files import write_atomically, writing
from condgen.errors import UserError


class Split(StrEnum):
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True)
class Row:
    """One line of a manifest."""

    fields: dict[str, Any]
    manifest: Path
    line: int  # counted from 1

    @property
    def where(self) -> str:
        """`file:line`, for messages."""
        return f"{self.manifest}:{self.line}"

    def __getitem__(self, field: str) -> Any:
        try:
            return self.fields[field]
        except KeyError:
            raise UserError(f"{self.where}: the row has no {field!r}; it has {', '.join(self.fields)}") from None

    @property
    def split(self) -> Split:
        """Raises UserError when the split is missing or no known name."""
        name = self["split"]
        if name not in list(Split):
            raise UserError(f"{self.where}: split {name!r} is none of {', '.join(Split)}")
        return Split(name)

    def path(self, field: str) -> Path:
        """Where the file of a field lies.

        Raises:
            UserError: the field is missing, is no text, is absolute or leaves the manifest's folder.
        """
        name = self[field]
        if not isinstance(name, str) or not name or "\0" in name:
            raise UserError(f"{self.where}: {field!r} must be the path of a file, got {name!r}")
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise UserError(f"{self.where}: {name!r} leaves the manifest's folder; put the file beside the manifest")
        return self.manifest.parent / path


@dataclass(frozen=True)
class Manifest:
    """A manifest that has been read: every line is a JSON object."""

    path: Path
    all_rows: tuple[Row, ...]

    @classmethod
    def read(cls, path: Path | str) -> Manifest:
        """Read a manifest; its files are not looked at (that is `check`).

        Raises:
            UserError: the file is missing, unreadable or has no rows, or a line is not a JSON object.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise UserError(f"there is no manifest {path}; scripts in data_prep/ make one from a folder") from None
        except (OSError, UnicodeDecodeError) as problem:
            raise UserError(f"{path} cannot be read as text: {problem}") from None
        lines = enumerate(text.split("\n"), start=1)  # not splitlines: names may hold U+2028

        rows = tuple(Row(_object(line, f"{path}:{number}"), path, number) for number, line in lines if line.strip())
        if not rows:
            raise UserError(f"{path} has no rows")
        return cls(path, rows)

    def rows(self, split: Split | str) -> list[Row]:
        """The rows of one split, in the file's order.

        Raises:
            UserError: there is none, or some row has no valid split.
        """
        rows = [row for row in self.all_rows if row.split == split]
        if not rows:
            present = ", ".join(sorted({row.split for row in self.all_rows}))
            raise UserError(f"{self.path} has no rows of split {str(split)!r}; it has {present}")
        return rows


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as a manifest: in full under a temporary name, then put in the place of `path`.

    Raises:
        UserError: the folder cannot be written to, or the disk is full.
    """
    text = "".join(json.dumps(dict(row)) + "\n" for row in rows)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text.encode())


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except RecursionError:
        raise UserError(f"{where}: this is nested too deeply to be a row") from None
    except json.JSONDecodeError as problem:
        raise UserError(f"{where}: this is not JSON ({problem.msg} at column {problem.colno})") from None
    if not isinstance(value, dict):
        raise UserError(f'{where}: a row is an object such as {{"split": "train", "image": "a.png"}}, got {line[:40]}')
    return value
