"""What to draw and where: requests as users write them, and as a model takes them.

Users give coordinates in pixels of the drawn picture, x to the right and y down from its left top corner. Where no
number of a box or point is above 1 and one has a decimal point, they are fractions of the picture's side instead.

A file of requests is JSON Lines; `text` is needed, the rest is not:

    {"text": "a red triangle", "box": [16, 16, 32, 32], "output": "one.png", "count": 1, "seed": 0}
    {"text": "a blue square", "keypoints": {"top left": [0.25, 0.25], "centre": [0.5, 0.5]}}
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from condgen.data.request_lines import file_name, hint, read_lines, refuse_misfits, saying, shown
from condgen.errors import UserError

FIELDS = ("text", "box", "keypoints", "output", "count", "seed")

_FARTHEST = 1e9  # pixels; beyond, and what is no number at all, was not meant as a coordinate
_ROUNDING = 1e-6  # by which 0.7 + 0.3 may be above 1
_FRACTIONS = "numbers with a decimal point of which none is above 1 are fractions, others pixels"


class Place(StrEnum):
    """How a picture can be asked for: by text alone, or by text and a place."""

    TEXT = "text"
    BOX = "box"
    KEYPOINTS = "keypoints"


@dataclass(frozen=True)
class Request:
    """A picture as a model is asked for it; coordinates are fractions of the picture."""

    text: str
    box: tuple[float, float, float, float] | None = None  # x and y of the left top corner, width, height
    keypoints: Mapping[str, tuple[float, float] | None] | None = None  # x and y by name; None: not visible
    number: int = 0  # of the noise vector: the same number and seed give the same noise wherever the place is


@dataclass(frozen=True)
class Canvas:
    """What a model can be asked for."""

    size: int  # pixels a side
    takes: frozenset[Place]
    keypoint_names: tuple[str, ...]
    smallest: float  # extent of a box, as a fraction


@dataclass(frozen=True)
class Asked:
    """Pictures as a user asks for them; nothing has been held against a model yet."""

    text: str
    box: tuple[float, ...] | None = None  # as `Request`, but pixels or fractions: an int is a number without a point
    keypoints: Mapping[str, tuple[float, ...]] | None = None
    output: str | None = None  # the file's name in the output folder
    count: int = 1  # noise vectors 0 to count - 1
    seed: int = 0
    line: int = 0  # in the file of requests
    where: str = ""  # ahead of every message


def parse_box(text: str) -> tuple[float, ...]:
    """`X,Y,W,H`. Raises UserError when it is not four numbers."""
    return _four([_number(part) for part in text.split(",")], text)


def parse_keypoints(texts: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """`NAME=X,Y`, one for each point. Raises UserError when one is not that, or a name is repeated."""
    points: dict[str, tuple[float, ...]] = {}
    for text in texts:
        name, equals, place = (part.strip() for part in text.rpartition("="))
        if not equals or not name:
            raise UserError(f"keypoint {text!r} is not NAME=X,Y, e.g. 'left eye=20,14'")
        if name in points:
            raise UserError(f"keypoint {name!r} is given twice; leave one out")
        points[name] = _two([_number(part) for part in place.split(",")], name)
    return points


def read_requests(path: Path, *, count: int = 1, seed: int = 0) -> tuple[list[Asked], list[str]]:
    """All requests of a file, and a line on each that is none.

    Args:
        count, seed: of requests that do not state them.

    Raises:
        UserError: the file is missing, empty, or no text.
    """

    def ask(fields: dict[str, Any], line: int, where: str) -> Asked:
        return Asked(**checked({"count": count, "seed": seed, **fields}), line=line, where=where)

    return read_lines(path, ask, example='{"text": "a red triangle"}')


def request_on(asked: Asked, canvas: Canvas) -> Request:
    """What is asked for, held against what a model can do, its coordinates turned into fractions; number 0.

    Raises:
        UserError: the text is empty; the model does not take such a place, or needs one; a place is outside of the
            picture, without extent or too small; a keypoint's name is unknown.
    """
    with saying(asked.where):
        if not asked.text.strip():
            raise UserError("the text is empty; say what to draw")
        _refuse_place(asked, canvas)
        box = None if asked.box is None else _box_on(asked.box, canvas)
        points = {name: _point_on(name, xy, canvas) for name, xy in (asked.keypoints or {}).items()}
        return Request(" ".join(asked.text.split()), box, points or None)


def _refuse_place(asked: Asked, canvas: Canvas) -> None:
    if asked.box is not None and asked.keypoints:
        raise UserError("a box and keypoints cannot be drawn together; leave one of them out")
    given = Place.BOX if asked.box is not None else Place.KEYPOINTS if asked.keypoints else Place.TEXT
    if given in canvas.takes:
        return
    ways = {
        Place.BOX: "a box X,Y,W,H",
        Place.KEYPOINTS: f"keypoints NAME=X,Y of {', '.join(canvas.keypoint_names)}",
        Place.TEXT: "text alone",
    }
    what = "is not told where by text alone" if given is Place.TEXT else f"takes no {given}"
    raise UserError(f"this model {what}; give {' or '.join(ways[place] for place in Place if place in canvas.takes)}")


def _box_on(box: tuple[float, ...], canvas: Canvas) -> tuple[float, float, float, float]:
    shown = f"box {','.join(f'{number:g}' for number in box)}"
    x, y, width, height = _fractions(box, canvas)
    if width <= 0 or height <= 0:
        raise UserError(f"{shown} has no extent; width and height, its last two numbers, must be above 0")
    if min(x, y) < 0 or max(x + width, y + height) > 1 + _ROUNDING:
        raise UserError(f"{shown} is not inside the picture of {_measures(canvas)}; {_FRACTIONS}")
    if min(width, height) < canvas.smallest - _ROUNDING:
        smallest = f"{canvas.smallest * canvas.size:g} pixels ({canvas.smallest:g} of the side)"
        raise UserError(f"{shown} is too small, this model draws from {smallest} on; {_FRACTIONS}")
    return x, y, min(width, 1 - x), min(height, 1 - y)


def _point_on(name: str, point: tuple[float, ...], canvas: Canvas) -> tuple[float, float]:
    if name not in canvas.keypoint_names:
        raise UserError(f"unknown keypoint {name!r}; {hint(name, canvas.keypoint_names)}")
    x, y = _fractions(point, canvas)
    if min(x, y) < 0 or max(x, y) > 1:
        shown = ",".join(f"{number:g}" for number in point)
        raise UserError(f"keypoint {name}={shown} is not inside the picture of {_measures(canvas)}; {_FRACTIONS}")
    return x, y


def _fractions(numbers: Sequence[float], canvas: Canvas) -> tuple[float, ...]:
    are_fractions = any(isinstance(number, float) for number in numbers) and max(numbers) <= 1
    return tuple(float(number) if are_fractions else number / canvas.size for number in numbers)


def _measures(canvas: Canvas) -> str:
    return f"{canvas.size}x{canvas.size} pixels"


def checked(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a row, each of the type that `Asked` says."""
    from condgen.data.image_output import WRITABLE  # not above: it imports numpy, which `--help` does not need

    refuse_misfits(fields, FIELDS, text="a red triangle")
    box, points = (fields.get(name) for name in ("box", "keypoints"))
    if not isinstance(points, dict | None):
        raise UserError(f'keypoints must be an object such as {{"left eye": [20, 14]}}, not {shown(points)}')
    return {
        **fields,
        "box": None if box is None else _four(box, box),
        "keypoints": {name: _two(xy, name) for name, xy in (points or {}).items() if xy is not None},
        "output": file_name(fields.get("output"), WRITABLE, fallback=".png"),
    }


def _four(numbers: Any, written: Any) -> tuple[float, ...]:
    if not _are_numbers(numbers, 4):
        raise UserError(f"box {shown(written)} is not four numbers X,Y,W,H: left top corner, width and height")
    return tuple(numbers)


def _two(numbers: Any, name: str) -> tuple[float, ...]:
    if not _are_numbers(numbers, 2):
        raise UserError(f"keypoint {name!r} needs two numbers X,Y, e.g. 20,14")
    return tuple(numbers)


def _are_numbers(values: Any, count: int) -> bool:
    if not isinstance(values, list | tuple) or len(values) != count:
        return False
    plain = (isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return all(plain) and all(abs(value) <= _FARTHEST for value in values)


def _number(text: str) -> float | None:
    """An int where there is no decimal point; None where there is no number."""
    if re.fullmatch(r"\s*[+-]?[0-9]{1,12}\s*", text):
        return int(text)
    try:
        return float(text)
    except ValueError:
        return None
