"""A place on its way through the picture: moved, stretched or shrunk (Reed et al., 2016, arXiv 1610.02454, figures).

A sweep has legs, e.g. left to right and then up to down; each is a row of places. Rectangles are x and y of the left
top corner, width and height, as fractions of the picture; keypoints go along with the rectangle around them.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from condgen.data.draw_requests import Request
from condgen.errors import UserError

MARGIN = 1 / 16  # left free at the picture's edges: objects that touch them are rare in training
ROOM = 1 / 32  # of movement, below which a leg shows nothing
SHRUNK = 0.5
NARROWEST, WIDEST = 0.5, 2.0

Rectangle = tuple[float, float, float, float]
_Stretch = tuple[float, float]  # of one axis: where it begins, and how long it is


class Sweep(StrEnum):
    MOVE = "move"
    STRETCH = "stretch"
    SHRINK = "shrink"


START: dict[Sweep, Rectangle] = {
    Sweep.MOVE: (0.25, 0.25, 0.5, 0.5),
    Sweep.STRETCH: (0.25, 0.25, 0.5, 0.5),
    Sweep.SHRINK: (0.1, 0.1, 0.8, 0.8),
}
"""The box of a sweep for which none is given."""


def legs(request: Request, sweep: Sweep, steps: int, smallest: float) -> list[list[Request]]:
    """The request at every place of a sweep, noise unchanged: a list a leg, of `steps` requests.

    move: left to right, then up to down, between margins of a sixteenth; stretch: from half to twice the width, then
    the height, as far as the picture goes; shrink: to half of both.

    Args:
        request: with a box or keypoints.
        steps: 2 or more.
        smallest: extent of a box, as a fraction.

    Raises:
        UserError: there is no place, or it cannot be moved, stretched or shrunk.
    """
    around = extent(request)
    found = _legs(around, sweep, steps, 0.0 if request.box is None else smallest)
    if not found:
        what = "give keypoints apart from one another" if request.box is None else "give another --box"
        fix = "leave more room around the place" if sweep is Sweep.MOVE else what
        raise UserError(f"this place is too {'large' if sweep is Sweep.MOVE else 'small'} to {sweep}; {fix}")
    return [[_placed(request, around, rectangle) for rectangle in leg] for leg in found]


def extent(request: Request) -> Rectangle:
    """The box, or the smallest rectangle around the keypoints.

    Raises:
        UserError: the request has neither.
    """
    if request.box is not None:
        return request.box
    if not request.keypoints:
        raise UserError("a sweep needs a place to start from; give --box X,Y,W,H or --keypoint NAME=X,Y")
    columns, rows = zip(*(point for point in request.keypoints.values() if point is not None), strict=True)
    return min(columns), min(rows), max(columns) - min(columns), max(rows) - min(rows)


def _legs(around: Rectangle, sweep: Sweep, steps: int, smallest: float) -> list[list[Rectangle]]:
    x, y, width, height = around
    if sweep is Sweep.SHRINK:
        least = max(SHRUNK, smallest / min(width, height)) if smallest else SHRUNK
        if (1 - least) * max(width, height) < ROOM:
            return []
        factors = _spread(1.0, least, steps)
        return [[(x + (1 - f) * width / 2, y + (1 - f) * height / 2, f * width, f * height) for f in factors]]
    on_axis = _moves if sweep is Sweep.MOVE else _stretches
    across = [(start, y, length, height) for start, length in on_axis(x, width, steps, smallest)]
    down = [(x, start, width, length) for start, length in on_axis(y, height, steps, smallest)]
    return [leg for leg in (across, down) if leg]


def _moves(_: float, length: float, steps: int, smallest: float) -> list[_Stretch]:
    last = 1 - MARGIN - length
    return [(start, length) for start in _spread(MARGIN, last, steps)] if last - MARGIN >= ROOM else []


def _stretches(start: float, length: float, steps: int, smallest: float) -> list[_Stretch]:
    """About the middle."""
    middle = start + length / 2
    shortest, longest = max(NARROWEST * length, smallest), min(WIDEST * length, 2 * middle, 2 - 2 * middle)
    lengths = _spread(shortest, longest, steps) if longest - shortest >= ROOM else []
    return [(middle - new / 2, new) for new in lengths]


def _spread(first: float, last: float, steps: int) -> list[float]:
    return [first + (last - first) * step / (steps - 1) for step in range(steps)]


def _placed(request: Request, around: Rectangle, rectangle: Rectangle) -> Request:
    """The request with its place, which `around` encloses, moved and stretched into `rectangle`."""
    if request.box is not None:
        return replace(request, box=rectangle)
    left, top, width, height = around
    x, y, new_width, new_height = rectangle
    points = {
        name: point
        and (_along(point[0], (left, width), (x, new_width)), _along(point[1], (top, height), (y, new_height)))
        for name, point in request.keypoints.items()
    }
    return replace(request, keypoints=points)


def _along(value: float, old: _Stretch, new: _Stretch) -> float:
    """Where a point of one stretch lies on another; in one without length it is at the start."""
    share = (value - old[0]) / old[1] if old[1] else 0.0
    return min(max(new[0] + share * new[1], 0.0), 1.0)
