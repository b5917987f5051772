"""Where something was asked for, drawn over the picture: the outline of a box, points with their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIDE = 384  # pixels a side at least: names of a bird's fifteen parts can be read there, at 64 they cannot
FONT_SIZE = 12
MARK, EDGE, GROUND = (255, 230, 0), (0, 0, 0), 96  # a mark on an edge is seen on any ground

_Rectangle = tuple[float, float, float, float]  # left, top, right, bottom in pixels


def draw_layout(
    picture: np.ndarray,
    *,
    box: Sequence[float] | None = None,
    keypoints: Mapping[str, Sequence[float] | None] | None = None,
    completed: Mapping[str, Sequence[float] | None] | None = None,
    side: int = SIDE,
    names: bool = True,
) -> np.ndarray:
    """A picture with a place on it.

    Args:
        picture: uint8 (H, W, 3) or (H, W, 1).
        box: x, y of the left top corner, width and height, as fractions of the picture.
        keypoints: x and y of each by its name, as fractions; None is not visible.
        completed: further ones that a model has put there; their points are hollow.
        side: the picture is enlarged by a whole factor, without smoothing, until its shorter side has so many pixels.
        names: of the points, beside them.

    Returns:
        uint8 (H', W', 3).
    """
    scale = max(1, -(-side // min(picture.shape[:2])))
    coloured = np.broadcast_to(picture, (*picture.shape[:2], 3))
    image = Image.fromarray(coloured.repeat(scale, axis=0).repeat(scale, axis=1))
    draw, thickness = ImageDraw.Draw(image), max(1, side // 192)
    if box is not None:
        _outline(draw, box, image.size, thickness)
    everything = {**(completed or {}), **(keypoints or {})}
    points = {name: _on(image.size, xy) for name, xy in everything.items() if xy is not None}
    for name, (x, y) in points.items():
        draw.circle((x, y), 2 * thickness + 1, fill=EDGE)
        draw.circle((x, y), 2 * thickness, fill=MARK if name in (keypoints or {}) else EDGE, outline=MARK)
    if names:
        _label(draw, points, image.size, 2 * thickness + 3)
    return np.array(image)  # writable


def plain_layout(size: int, **place: object) -> np.ndarray:
    """A place on plain grey of `size` pixels a side; `place` and the result are as of `draw_layout`."""
    return draw_layout(np.full((size, size, 1), GROUND, np.uint8), **place)


def _on(size: tuple[int, int], xy: Sequence[float]) -> tuple[float, float]:
    """The pixel of a point; one on the right or lower edge is in the last."""
    return min(xy[0] * size[0], size[0] - 1), min(xy[1] * size[1], size[1] - 1)


def _outline(draw: ImageDraw.ImageDraw, box: Sequence[float], size: tuple[int, int], thickness: int) -> None:
    """Inside the box's border, so that it is seen at the edge of the picture; dark on both sides of the mark."""
    left, top = round(box[0] * size[0]), round(box[1] * size[1])
    right, bottom = round((box[0] + box[2]) * size[0]) - 1, round((box[1] + box[3]) * size[1]) - 1
    draw.rectangle((left, top, right, bottom), outline=EDGE, width=3 * thickness)
    inner = (left + thickness, top + thickness, right - thickness, bottom - thickness)
    if inner[0] <= inner[2] and inner[1] <= inner[3]:
        draw.rectangle(inner, outline=MARK, width=thickness)


def _label(
    draw: ImageDraw.ImageDraw, points: Mapping[str, tuple[float, float]], size: tuple[int, int], gap: int
) -> None:
    """Each name on that side of its point where it is inside the picture and covers least of what is there."""
    font = ImageFont.load_default(FONT_SIZE)
    taken = [(x - gap, y - gap, x + gap, y + gap) for x, y in points.values()]
    for name, (x, y) in points.items():
        sides = [((x + gap, y), "lm"), ((x - gap, y), "rm"), ((x, y + gap), "ma"), ((x, y - gap), "md")]
        found = [(draw.textbbox(xy, name, font, anchor, stroke_width=1), xy, anchor) for xy, anchor in sides]
        costs = [_outside(place, size) + sum(_shared(place, other) for other in taken) for place, _, _ in found]
        place, xy, anchor = found[costs.index(min(costs))]
        draw.text(xy, name, MARK, font, anchor, stroke_width=1, stroke_fill=EDGE)
        taken.append(place)


def _outside(place: _Rectangle, size: tuple[int, int]) -> float:
    """Area that nobody would see."""
    return _area(place) - _shared(place, (0, 0, *size))


def _shared(one: _Rectangle, other: _Rectangle) -> float:
    left, top = max(one[0], other[0]), max(one[1], other[1])
    return _area((left, top, max(left, min(one[2], other[2])), max(top, min(one[3], other[3]))))


def _area(place: _Rectangle) -> float:
    return (place[2] - place[0]) * (place[3] - place[1])
