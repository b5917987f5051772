"""What of a picture is where: a box and named keypoints, kept right when the picture is cropped or mirrored.

In a manifest they are pixels of the picture's file as it is displayed, places on rulers from 0 to its width (x, to the
right) and to its height (y, down). Inside they are fractions of the picture.

    {"image": "a.png", "box": [12, 30.5, 100, 80], "keypoints": {"beak": [20, 41], "left eye": null, ...}}

A row's `box` is its left top corner and its extent. `null` is a keypoint that cannot be seen.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from condgen.data.manifest import Manifest, Row
from condgen.errors import UserError

MINIMUM_EXTENT = 4 / 128  # of the picture, a side of a box: pasting into less divides by next to nothing
SIDES = {"left": "right", "right": "left"}
_SIDE = re.compile(rf"(?<![a-z])({'|'.join(SIDES)})(?![a-z])")

WHOLE = np.array([0.0, 0.0, 1.0, 1.0])
"""The box of a picture without a box."""

Pair = tuple[int, int]


class Window(NamedTuple):
    """What is cut out of a picture, in fractions of it."""

    left: float
    top: float
    width: float
    height: float


class Location(NamedTuple):
    """Where things are, in fractions of the picture."""

    box: np.ndarray  # (4,) x, y, width, height
    keypoints: np.ndarray  # (K, 3) x, y, visible (1 or 0); all 0 where not visible

    def seen_in(self, window: Window) -> bool:
        """Whether anything of the box is inside."""
        corner, extent = _in_window(self.box, window)
        return bool(np.all(np.clip(corner + extent, 0, 1) > np.clip(corner, 0, 1)))

    def cropped(self, window: Window) -> Location:
        """As it is in a window: what of the box is inside, keypoints outside no longer visible.

        The box keeps `MINIMUM_EXTENT` at least, and lies at the border nearest to it if nothing of it is inside.
        """
        corner, extent = _in_window(self.box, window)
        points = (self.keypoints[:, :2] - window[:2]) / window[2:]
        inside = self.keypoints[:, 2] * np.all((points >= 0) & (points <= 1), axis=1)
        return Location(_clipped(corner, corner + extent), np.column_stack([points, inside]) * inside[:, None])

    def mirrored(self, pairs: Sequence[Pair]) -> Location:
        """Left and right exchanged, those of the named `pairs` of keypoints, too."""
        x, y, width, height = self.box
        x_of, y_of, visible = self.keypoints.T
        points = np.column_stack([(1 - x_of) * visible, y_of, visible])
        for one, other in pairs:
            points[[one, other]] = points[[other, one]]
        return Location(np.array([1 - x - width, y, width, height]), points)


def location_of(row: Row, size: tuple[int, int], *, names: Sequence[str], with_box: bool) -> Location:
    """Where a row's things are, as it says: `cropped` then cuts off what lies outside.

    Args:
        size: width and height of the picture as displayed, pixels.
        names: of the keypoints, in the order wanted; the row may have others.
        with_box: whether the row's box is taken; else the box is the whole picture.

    Raises:
        UserError: the row has no box or no keypoints, or they are none.
    """
    box = np.array(box_of(row)) / (*size, *size) if with_box else WHOLE
    keypoints = np.zeros((len(names), 3))
    stated = keypoints_of(row) if names else {}
    for number, name in enumerate(names):
        if name not in stated:
            raise UserError(f"{row.where}: no keypoint {name!r}; write null where it cannot be seen")
        if (place := stated[name]) is not None:
            keypoints[number] = (place[0] / size[0], place[1] / size[1], 1)
    return Location(box, keypoints)


def box_of(row: Row) -> tuple[float, float, float, float]:
    """Left, top, width and height of a row's box, pixels.

    Raises:
        UserError: there is none, or it is not four numbers, the last two of them above 0.
    """
    box = row["box"]
    if not _are_numbers(box, 4):
        raise UserError(f"{row.where}: box {box!r} is not four numbers; write [x, y, width, height] in pixels")
    if min(box[2:]) <= 0:
        raise UserError(f"{row.where}: box {box!r} has no extent; write [x, y, width, height], the last two above 0")
    return tuple(map(float, box))


def keypoints_of(row: Row) -> dict[str, tuple[float, float] | None]:
    """A row's keypoints, pixels; None: cannot be seen.

    Raises:
        UserError: there are none, or one is neither two numbers nor null.
    """
    keypoints = row["keypoints"]
    if not isinstance(keypoints, Mapping):
        raise UserError(f'{row.where}: keypoints are {keypoints!r}; write {{"name": [x, y], ...}} in pixels')
    for name, place in keypoints.items():
        if place is not None and not _are_numbers(place, 2):
            raise UserError(f"{row.where}: keypoint {name!r} is {place!r}; write [x, y] in pixels, or null")
    return {name: place and (float(place[0]), float(place[1])) for name, place in keypoints.items()}


def keypoint_names(manifest: Manifest) -> tuple[str, ...]:
    """The schema of a manifest: the keypoints of its first row that has any; empty: no row has."""
    stated = (row.fields["keypoints"] for row in manifest.all_rows if "keypoints" in row.fields)
    return next((tuple(keypoints) for keypoints in stated if isinstance(keypoints, Mapping)), ())


def mirrored_pairs(names: Sequence[str]) -> list[Pair]:
    """Indices of names that differ in the word left or right alone, such as `left eye` and `right eye`."""
    lower = [name.lower() for name in names]
    partners = [_SIDE.sub(lambda side: SIDES[side[0]], name) for name in lower]
    return [
        (one, lower.index(partner))
        for one, partner in enumerate(partners)
        if partner in lower and one < lower.index(partner)
    ]


def _in_window(box: np.ndarray, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Left top corner and extent, of a window's side 1."""
    return (box[:2] - window[:2]) / window[2:], box[2:] / window[2:]


def _clipped(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    low, high = np.clip(low, 0, 1), np.clip(high, 0, 1)
    extent = np.maximum(high - low, MINIMUM_EXTENT)
    return np.concatenate([np.clip((low + high - extent) / 2, 0, 1 - extent), extent])


def _are_numbers(value: object, count: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == count
        and all(isinstance(number, int | float) and not isinstance(number, bool) for number in value)
        and all(map(math.isfinite, value))
    )
