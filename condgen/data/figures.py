"""Six plane figures that fill a box: their keypoints, and which places they contain."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum

import numpy as np

from condgen.data.synthetic_shapes import FINER


class Figure(StrEnum):
    ELLIPSE = "ellipse"
    RECTANGLE = "rectangle"
    TRIANGLE = "triangle"
    DIAMOND = "diamond"
    CROSS = "cross"
    STAR = "star"


Box = tuple[float, float, float, float]
"""x, y of the left top corner, width, height: fractions of the picture, x to the right, y down."""

NAMES = ("centre", "top", "bottom", "left", "right", "top left", "top right", "bottom left", "bottom right")
"""Of the keypoints, in the manifest's order."""

TIPS = np.array([(math.sin(turn), -math.cos(turn)) for turn in np.arange(5) * math.tau / 5])  # of a regular star
TIPS = (TIPS - TIPS.min(axis=0)) / np.ptp(TIPS, axis=0)  # from the top clockwise, in its box

_CENTRE, _TOP = {"centre": (0.5, 0.5)}, {"top": (0.5, 0.0)}
_SIDES = _TOP | {"bottom": (0.5, 1.0), "left": (0.0, 0.5), "right": (1.0, 0.5)}
_UPPER = {"top left": (0.0, 0.0), "top right": (1.0, 0.0)}
_LOWER = {"bottom left": (0.0, 1.0), "bottom right": (1.0, 1.0)}
_FIVE = dict(zip(("top", "right", "bottom right", "bottom left", "left"), map(tuple, TIPS.tolist()), strict=True))
PLACES: Mapping[Figure, Mapping[str, tuple[float, float]]] = {
    Figure.ELLIPSE: _CENTRE | _SIDES,
    Figure.RECTANGLE: _CENTRE | _UPPER | _LOWER,
    Figure.TRIANGLE: _CENTRE | _TOP | _LOWER,
    Figure.DIAMOND: _CENTRE | _SIDES,
    Figure.CROSS: _CENTRE | _SIDES,
    Figure.STAR: _CENTRE | _FIVE,
}
"""Of the keypoints that a figure has, in its box: the middle of the box, and the figure's vertices or extremes."""


def coverage(figure: Figure, box: Box, size: int) -> np.ndarray:
    """How much of each pixel a figure covers, in [0, 1]: float (size, size)."""
    (x, y), (left, top, width, height) = grid(size), box
    return reduced(contains(figure, (x - left) / width, (y - top) / height))


def contains(figure: Figure, right: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Whether places lie in a figure; they are fractions of its box and are broadcast against one another."""
    x, y = 2 * right - 1, 2 * down - 1
    match figure:
        case Figure.ELLIPSE:
            return x**2 + y**2 <= 1
        case Figure.RECTANGLE:
            return np.maximum(abs(x), abs(y)) <= 1
        case Figure.TRIANGLE:
            return (abs(x) <= (y + 1) / 2) & (y <= 1)
        case Figure.DIAMOND:
            return abs(x) + abs(y) <= 1
        case Figure.CROSS:
            return (np.minimum(abs(x), abs(y)) <= 1 / 3) & (np.maximum(abs(x), abs(y)) <= 1)
        case Figure.STAR:  # on the inner side of four at least of the five lines through every other tip
            lines = zip(TIPS, np.roll(TIPS, -2, axis=0) - TIPS, strict=True)
            return sum(along * (down - b) >= fall * (right - a) for (a, b), (along, fall) in lines) >= 4


def grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Places x (1, L) and y (L, 1), the middles of pixels `FINER` times as fine, as fractions of the picture."""
    middles = (np.arange(FINER * size) + 0.5) / (FINER * size)
    return middles[None], middles[:, None]


def reduced(finer: np.ndarray) -> np.ndarray:
    """Means of `FINER` x `FINER` values: (L, L) -> float (L / FINER, L / FINER)."""
    size = len(finer) // FINER
    return finer.reshape(size, FINER, size, FINER).mean(axis=(1, 3))
