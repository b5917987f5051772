"""Tables of captions in, tables of vectors out: what `condgen embed` reads and writes.

A caption is a line of a .txt file, a cell of a .csv or .tsv file, or a field of a row of a .jsonl file, where a list
holds several. Whatever else a row has comes along.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from condgen.data.files import write_atomically
from condgen.errors import UserError

READABLE, WRITABLE = (".txt", ".csv", ".tsv", ".jsonl"), (".npz", ".npy", ".jsonl", ".csv")
COLUMNS = ("caption", "captions", "text")  # where captions are, unless another column is named; the first there is
VECTOR = "vector"
_NO_DELIMITER = "\x1f"  # that text does not have

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Caption:
    """One sentence of a table."""

    text: str
    line: int  # of the file, counted from 1
    column: str  # where it was
    fields: Fields = field(default_factory=dict)  # the rest of its row


def read_captions(path: Path, column: str = "", name: str = "") -> tuple[list[Caption], list[str]]:
    """The captions of a file in its order, and a line on each row without one.

    Args:
        path: .csv, .tsv or .jsonl; any other ending is text, a caption a line.
        column: or field that holds the captions; empty: the first of `COLUMNS` that is there.
        name: of the file in messages; empty: its path.

    Raises:
        UserError: the file cannot be read, has no such column, or holds no caption at all.
    """
    name = name or str(path)
    text = _text(path, name)
    match path.suffix.lower():
        case ".csv" | ".tsv":
            captions, problems = _of_cells(name, text, column, "\t" if path.suffix.lower() == ".tsv" else ",;\t")
        case ".jsonl":
            captions, problems = _of_objects(name, text, column)
        case _:
            _refuse_column(name, column)
            captions, problems = _of_lines(name, text)
    if not captions:
        raise UserError(problems[0] if problems else f"{name}: holds no caption; write one a line")
    return captions, problems


def write_vectors(path: Path, captions: Sequence[Caption], vectors: np.ndarray) -> None:
    """One row a caption, in their order: the ending says how.

    .npy    the vectors alone, (N, width) float32
    .npz    `vectors`, `captions`, `lines`, and each further column under its own name
    .jsonl  the row's fields, `caption`, `vector`
    .csv    the row's columns, the caption, vector_0, vector_1, ...

    Raises:
        UserError: the place cannot be written to, or the ending is none of these.
    """
    writers = {".npy": _as_npy, ".npz": _as_npz, ".jsonl": _as_jsonl, ".csv": _as_csv}
    if path.suffix.lower() not in writers:
        raise UserError(f"{path}: the ending must be one of {' '.join(WRITABLE)}")
    write_atomically(path, writers[path.suffix.lower()](captions, np.ascontiguousarray(vectors, np.float32)))


def _text(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{name}: there is no such file") from None
    except UnicodeDecodeError as problem:
        raise UserError(f"{name}: is not UTF-8 (byte {problem.start}); save it as text in UTF-8") from None
    except OSError as problem:
        raise UserError(f"{name}: cannot be read ({problem.strerror}); check its permissions") from None


def _refuse_column(file: str, column: str) -> None:
    if column:
        raise UserError(f"{file}: has no columns, a caption a line; leave out --column, or give a .csv, .tsv or .jsonl")


def _of_lines(file: str, text: str) -> tuple[list[Caption], list[str]]:
    return _sorted_out(file, [(number, line, "caption", {}) for number, line in _numbered(text)])


def _numbered(text: str) -> Iterator[tuple[int, str]]:
    """Lines, counted from 1, without blank ones at the end."""
    return enumerate(text.rstrip().replace("\r\n", "\n").split("\n") if text.strip() else [], 1)


def _of_cells(file: str, text: str, column: str, delimiters: str) -> tuple[list[Caption], list[str]]:
    delimiter = _delimiter(text, delimiters)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        header, *rows = [(reader.line_num, row) for row in reader] or [(1, [])]
    except csv.Error as problem:
        raise UserError(f"{file}:{reader.line_num}: is no table ({problem}); save it as CSV in UTF-8") from None
    names = [cell.strip() for cell in header[1]]
    name, width = _column(file, column.strip(), names), len(names)
    cells, problems = [], []
    for line, row in rows:
        if any(cell.strip() for cell in row[width:]):
            reason = f"{len(row)} cells for {width} column{'s' * (width > 1)}"
            problems.append(f"{file}:{line}: {reason}, and left out; put the caption in quotes")
        elif any(cell.strip() for cell in row):
            cells.append((line, dict(zip(names, row, strict=False))))  # cells at the end may be missing
    captions, more = _sorted_out(file, [(line, row.pop(name, None), name, row) for line, row in cells])
    return captions, problems + more


def _delimiter(text: str, known: str) -> str:
    """Of spreadsheets in countries with a decimal comma it is a semicolon; a single column has none."""
    header = text.partition("\n")[0]
    best = max(known, key=header.count)
    return best if best in header else _NO_DELIMITER


def _of_objects(file: str, text: str, column: str) -> tuple[list[Caption], list[str]]:
    rows, problems = [], []
    for number, line in _numbered(text):
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, RecursionError):
            row = None
        if isinstance(row, dict):
            rows.append((number, row))
        else:
            problems.append(f"{file}:{number}: is no JSON object, and left out")
    name = _column(file, column, list(dict.fromkeys(key for _, row in rows for key in row))) if rows else ""
    found = []
    for number, row in rows:
        rest = {key: value for key, value in row.items() if key != name}
        value = row.get(name)
        found += [(number, one, name, rest) for one in (value if isinstance(value, list) and value else [value])]
    captions, more = _sorted_out(file, found)
    return captions, problems + more


def _column(file: str, wanted: str, present: Sequence[str]) -> str:
    names = (wanted,) if wanted else COLUMNS
    for name in names:
        if name in present:
            return name
    known = ", ".join(present) or "none"
    fix = "correct --column" if wanted else "name the one with the captions by --column"
    raise UserError(f"{file}: has no column {' or '.join(names)}; its columns are {known}: {fix}")


def _sorted_out(file: str, found: Sequence[tuple[int, Any, str, Fields]]) -> tuple[list[Caption], list[str]]:
    """Captions from lines, texts, columns and rest of rows; a line on each text that is none."""
    captions, problems = [], []
    for line, text, column, fields in found:
        if isinstance(text, str) and text.strip():
            captions.append(Caption(text.strip(), line, column, fields))
        else:
            reason = "the caption is empty" if text is None or isinstance(text, str) else f"{text!r} is no caption"
            problems.append(f"{file}:{line}: {reason}, and left out")
    return captions, problems


def _further(captions: Sequence[Caption]) -> list[str]:
    """Names of all other columns, in the order in which they appear."""
    return list(dict.fromkeys(name for caption in captions for name in caption.fields))


def _as_npy(_: Sequence[Caption], vectors: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, vectors)
    return file.getvalue()


def _as_npz(captions: Sequence[Caption], vectors: np.ndarray) -> bytes:
    own = {
        "vectors": vectors,
        "captions": np.array([caption.text for caption in captions]),
        "lines": np.array([caption.line for caption in captions]),
    }
    further = {
        name if name not in own else f"{name}_of_the_row": _array([caption.fields.get(name) for caption in captions])
        for name in _further(captions)
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:  # numpy.savez takes no column called `file`
        for name, values in {**own, **further}.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, values, allow_pickle=False)
    return file.getvalue()


def _array(values: Sequence[Any]) -> np.ndarray:
    """Numbers stay numbers; everything else becomes text, so that reading it needs no pickle."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        array = np.array(values)
        return array if array.dtype != object else array.astype(np.str_)
    return np.array([_plain(value) for value in values])


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _as_jsonl(captions: Sequence[Caption], vectors: np.ndarray) -> bytes:
    lines = (
        json.dumps({**caption.fields, "caption": caption.text, VECTOR: vector.tolist()}, ensure_ascii=False)
        for caption, vector in zip(captions, vectors, strict=True)
    )
    return "".join(f"{line}\n" for line in lines).encode()


def _as_csv(captions: Sequence[Caption], vectors: np.ndarray) -> bytes:
    further = _further(captions)
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    numbers = [f"{VECTOR}_{number}" for number in range(vectors.shape[1])]
    writer.writerow([*further, captions[0].column, *numbers])
    for caption, vector in zip(captions, vectors, strict=True):
        writer.writerow([*(_plain(caption.fields.get(name)) for name in further), caption.text, *map(str, vector)])
    return file.getvalue().encode()
