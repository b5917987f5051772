"""A captioned file on its way into a manifest: what is known of it, and how its captions are cleaned."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path
from typing import Any

from condgen.data.findings import WHOLE_FILE
from condgen.data.manifest import Split
from condgen.errors import UserError

Box = tuple[float, float, float, float]
Point = tuple[float, float]
Keypoints = Mapping[str, Point | None]

REPLACEMENT = "\ufffd"  # what a decoder once put in the place of what it could not read


@dataclass(frozen=True)
class CaptionedFile:
    """A file, such as a clip, and what is said of it."""

    path: Path
    name: str  # without ending, perhaps with folders
    captions: tuple[str, ...] = ()
    category: str = ""  # its class; empty: not said
    _: KW_ONLY
    split: Split | None = None  # None: not said
    further: Mapping[str, Any] = field(default_factory=dict)  # fields that the row keeps
    line: int = WHOLE_FILE  # of the table that it comes from


@dataclass(frozen=True)
class CaptionedPicture(CaptionedFile):
    """A picture. Coordinates are pixels of it as displayed: x right, y down."""

    box: Box | None = None  # x and y of the left top corner, width, height
    keypoints: Keypoints | None = None  # None: not said; a point that is None: not visible
    _: KW_ONLY
    crop: tuple[int, int, int, int] | None = None  # left, top, right, bottom of the part that is stored; None: all


def clean_captions(lines: Iterable[str]) -> tuple[str, ...]:
    """Without white space around and in excess, empty lines and repetitions, in the same order."""
    return tuple(dict.fromkeys(text for line in lines if (text := " ".join(line.split()))))


def read_captions(path: Path) -> tuple[str, ...]:
    """The captions of a text file, one a line.

    Raises:
        UserError: it cannot be read, or is no UTF-8.
    """
    try:
        return clean_captions(path.read_text(encoding="utf-8-sig").splitlines())
    except UnicodeDecodeError:
        raise UserError(f"{path}: is no text in UTF-8; save it as UTF-8") from None
    except OSError as problem:
        raise UserError(f"{path}: cannot be read ({problem.strerror}); check its permissions and the disk") from None


def parsed_box(value: Any) -> Box:
    """A box of four numbers.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(value, Sequence) or len(value) != 4 or not all(map(_is_number, value)):
        raise ValueError("box is not four numbers")
    x, y, width, height = map(float, value)
    return x, y, width, height


def parsed_keypoints(value: Any) -> dict[str, Point | None]:
    """Keypoints of {name: [x, y] or null or [x, y, visible]}, where visible 0 means not visible.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(value, Mapping) or not value:
        raise ValueError("keypoints are no object with a point a name")
    return {str(name).strip(): _point(name, point) for name, point in value.items()}


def _point(name: str, value: Any) -> Point | None:
    if value is None:
        return None
    if not isinstance(value, Sequence) or len(value) not in (2, 3) or not all(map(_is_number, value)):
        raise ValueError(f"keypoint {name!r} is neither [x, y] nor null")
    return (float(value[0]), float(value[1])) if len(value) == 2 or value[2] > 0 else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def keypoint_names(pictures: Iterable[CaptionedPicture]) -> tuple[str, ...]:
    """The names that occur, each once, in the order in which they come."""
    return tuple(dict.fromkeys(name for picture in pictures for name in picture.keypoints or ()))


def with_schema(pictures: Sequence[CaptionedPicture]) -> list[CaptionedPicture]:
    """The same pictures, all with the keypoints that occur, in the same order; not visible where one says nothing.

    Where none has keypoints, none gets any.
    """
    names = keypoint_names(pictures)
    if not names:
        return list(pictures)
    return [
        replace(picture, keypoints={name: (picture.keypoints or {}).get(name) for name in names})
        for picture in pictures
    ]
