"""Labelled pictures that are drawn: data for small runs without a download or a licence."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from condgen.data.labelled_preparation import write_pictures
from condgen.data.manifest import Split
from condgen.data.preparation import Prepared

FINER = 4  # drawn so many times as large and reduced: smooth edges


class Shape(StrEnum):
    CIRCLE = "circle"
    SQUARE = "square"
    TRIANGLE = "triangle"


def draw_shapes(output: Path, *, train: int, validation: int, size: int, seed: int) -> Prepared:
    """Filled shapes of random place, size and colour on darker grounds; the same seed gives the same pictures.

    Args:
        train, validation: pictures of each shape.
        size: pixels a side.
    """
    return write_pictures(
        {Split.TRAIN: _drawn(train, size, (seed, 0)), Split.VALIDATION: _drawn(validation, size, (seed, 1))}, output
    )


def _drawn(count: int, size: int, seed: tuple[int, int]) -> Iterator[tuple[np.ndarray, str]]:
    random = np.random.default_rng(seed)
    for _ in range(count):
        for shape in Shape:
            yield _draw(shape, size, random), str(shape)


def _draw(shape: Shape, size: int, random: np.random.Generator) -> np.ndarray:
    """uint8 (size, size, 3)."""
    large = FINER * size
    ground, colour = random.integers(0, 80, 3), random.integers(120, 256, 3)
    radius = large * random.uniform(0.2, 0.4)
    x, y = random.uniform(radius, large - radius, 2)
    canvas = Image.new("RGB", (large, large), tuple(map(int, ground)))
    pen, fill = ImageDraw.Draw(canvas), tuple(map(int, colour))
    match shape:
        case Shape.CIRCLE:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill)
        case Shape.SQUARE:
            pen.rectangle((x - radius, y - radius, x + radius, y + radius), fill)
        case Shape.TRIANGLE:
            pen.polygon(((x, y - radius), (x - radius, y + radius), (x + radius, y + radius)), fill)
    return np.asarray(canvas.resize((size, size), Image.Resampling.BOX))
