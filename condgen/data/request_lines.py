"""Files of requests, one JSON object a line: what the requests of all verbs have in common."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from condgen.data.files import opened
from condgen.errors import UserError

LARGEST_COUNT = 1_000_000
LARGEST_SEED = 2**63 - 1
LONGEST_NAME = 200  # bytes of a file's or folder's name: systems take 255, and a number and an ending may be added

Asked = TypeVar("Asked")


def read_lines(
    path: Path, ask: Callable[[dict[str, Any], int, str], Asked], *, example: str
) -> tuple[list[Asked], list[str]]:
    """All requests of a file, and a line on each that is none.

    Args:
        ask: makes a request of a line's object, its number from 1, and what is ahead of every message about it.
            Raises UserError when it is none.
        example: a line that is one.

    Raises:
        UserError: the file is missing, empty, or no text.
    """
    with opened(path, "a file of requests") as file:
        content = file.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise UserError(f"{path}: is not UTF-8 text ({problem.reason} at byte {problem.start}); save it so") from None
    requests, problems = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            where = f"{path}:{number}: "
            try:
                with saying(where):
                    requests.append(ask(_object(line, example), number, where))
            except UserError as problem:
                problems.append(str(problem))
    if not requests and not problems:
        raise UserError(f"{path}: holds no requests; write lines such as {example}")
    return requests, problems


@contextmanager
def saying(where: str) -> Iterator[None]:
    """Inside, every problem says where it is."""
    try:
        yield
    except UserError as problem:
        raise UserError(f"{where}{problem}") from None


def _object(line: str, example: str) -> dict[str, Any]:
    try:
        fields = json.loads(line, object_pairs_hook=_without_repetition)
    except RecursionError:
        raise UserError("is nested too deeply to be a request") from None
    except json.JSONDecodeError as problem:
        raise UserError(f"is not JSON ({problem.msg} at column {problem.colno}); one request a line") from None
    except ValueError as problem:  # numbers of thousands of digits
        raise UserError(f"cannot be read ({problem})") from None
    if not isinstance(fields, dict):
        raise UserError(f"is no request; write an object such as {example}, not {line.strip()[:40]}")
    return fields


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for position, (name, _) in enumerate(pairs):
        if name in (earlier for earlier, _ in pairs[:position]):
            raise UserError(f"{name!r} is given twice; leave one out")
    return dict(pairs)


def refuse_misfits(fields: Mapping[str, Any], known: Sequence[str], *, text: str) -> None:
    """Raise UserError for a field that is unknown, no text, and a count or seed that is none.

    Args:
        fields: with "count" and "seed".
        known: names of all fields that a request may have.
        text: an example of one.
    """
    for name in fields:
        if name not in known:
            raise UserError(f"unknown field {name!r}; {hint(name, known)}")
    if not isinstance(fields.get("text"), str):
        raise UserError(f'has no text; state it as "text": "{text}"')
    _refuse_no_count("count", fields["count"], 1, LARGEST_COUNT)
    _refuse_no_count("seed", fields["seed"], 0, LARGEST_SEED)


def _refuse_no_count(name: str, value: Any, smallest: int, largest: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not smallest <= value <= largest:
        raise UserError(f"{name} must be a whole number from {smallest} to {largest:,}, not {value!r}")


def file_name(name: Any, writable: Collection[str], *, fallback: str) -> str | None:
    """An output below the folder, as "output" states it; None where that is null.

    Args:
        writable: endings, in lower case.
        fallback: the ending of a name that has none.

    Raises:
        UserError: it would lie elsewhere, or cannot be written.
    """
    if name is None:
        return None
    if not isinstance(name, str) or not name.strip() or "\0" in name or name.endswith("/") or not Path(name).name:
        raise UserError(f'output must be a file\'s name such as "one{fallback}", not {name!r}')
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise UserError(f"output {name!r} leaves the output folder; give a name inside it")
    try:
        longest = max(len(os.fsencode(part)) for part in path.parts)
    except UnicodeEncodeError:
        raise UserError(f"output {name!r} has characters that no file's name can have; give another name") from None
    if longest > LONGEST_NAME:
        long = f"is longer than the {LONGEST_NAME} bytes that a name may have"
        raise UserError(f"output {shown(name)} {long}; shorten it")
    if path.suffix and path.suffix.lower() not in writable:
        raise UserError(f"output {name!r}: the ending must be one of {' '.join(writable)}, or none for {fallback}")
    return name


def hint(name: str, known: Sequence[str]) -> str:
    """Which names there are, and which of them may have been meant."""
    near = difflib.get_close_matches(name.lower(), known, n=1)
    return (f"did you mean {near[0]!r}? " if near else "") + f"known are {', '.join(known)}"


def shown(value: Any) -> str:
    """A value in one short line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
