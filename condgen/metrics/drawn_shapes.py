"""Which shapes a picture of the two-style drawings shows, measured from its pixels alone, and whether they are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from condgen.data.synthetic_shapes import Shape
from condgen.data.synthetic_styles import GROUNDS, PALETTE, Colour, DrawnShape, Scene, Style

INKED = 100  # RGB distance from the ground, of 255 a channel: about half of each colour's on either ground
NOTICEABLE = 0.0025  # of the picture: 10 pixels at 64; the smallest outline has over ten times that
TOLERANCE = 0.04  # of the side: 2.6 pixels at 64
# intersection over union: true drawings reach 0.96, noisy, blurred and compressed ones of 64 pixels 0.88
LIKENESS = 0.8
HOLLOW = 0.07  # least share of a silhouette that an outline leaves free; the smallest triangle's is 0.18
AREA: Mapping[Shape, float] = {Shape.CIRCLE: np.pi, Shape.SQUARE: 4.0, Shape.TRIANGLE: 2.0}  # in squared radii


@dataclass(frozen=True)
class FoundShape:
    """A connected piece of ink; lengths are fractions of the picture's side, x to the right, y down."""

    shape: Shape | None  # None: like none of them
    colour: Colour
    x: float  # the middle of the box around the shape, as in `DrawnShape`
    y: float
    radius: float
    style: Style  # its own, whatever the ground


class Kept(NamedTuple):
    """What of a scene a picture shows as it should; `all(kept)` is the whole scene."""

    shape: bool  # every shape is of its kind, of its size within the tolerance, and in the picture's style
    colour: bool
    position: bool


def read_scene(picture: np.ndarray, style: Style) -> list[FoundShape]:
    """The shapes on a style's ground, from the top down; specks below `NOTICEABLE` are passed over.

    Meant for pictures of 64 pixels a side or more: at 32, blur alone breaks outlines.

    Args:
        picture: uint8 (S, S, 3).
        style: whose ground the picture has.

    Raises:
        ValueError: the picture has another shape or type.
    """
    from scipy import ndimage

    if picture.dtype != np.uint8 or picture.shape != (len(picture), len(picture), 3):
        raise ValueError(f"expected a picture uint8 (S, S, 3), got {picture.dtype} {picture.shape}")
    distance = np.linalg.norm(picture.astype(np.float32) - GROUNDS[style], axis=2)
    pieces, count = ndimage.label(distance > INKED, structure=np.ones((3, 3)))
    inks = [pieces == number for number in range(1, count + 1)]
    return [_found(picture, distance, ink) for ink in inks if ink.sum() >= NOTICEABLE * ink.size]


def keeps(picture: np.ndarray, scene: Scene, style: Style) -> Kept:
    """Whether a picture shows a scene in a style: its shapes, each with its colour and within `TOLERANCE` of its place.

    Nothing is kept where there are more or fewer pieces than shapes. A shape in the other style, or with a broken
    outline, is no longer the shape.

    Args:
        picture: uint8 (S, S, 3).
        scene: what it should show.
        style: in which it should show it.

    Raises:
        ValueError: the picture has another shape or type.
    """
    found = read_scene(picture, style)
    if len(found) != len(scene):
        return Kept(False, False, False)
    pairs = _nearest(scene, found)
    return Kept(
        shape=all(
            piece.shape == true.shape and piece.style == style and abs(piece.radius - true.radius) <= TOLERANCE
            for true, piece in pairs
        ),
        colour=all(piece.colour == true.colour for true, piece in pairs),
        position=all(_distance(true, piece) <= TOLERANCE for true, piece in pairs),
    )


def _found(picture: np.ndarray, distance: np.ndarray, ink: np.ndarray) -> FoundShape:
    """What one piece is like: the shape that, of the area and centroid of its silhouette, covers it best."""
    from scipy import ndimage

    silhouette = ndimage.binary_fill_holes(ink)
    fits = {shape: _fit(silhouette, shape) for shape in Shape}
    shape = max(fits, key=lambda shape: fits[shape][0])
    likeness, *place = fits[shape]
    is_hollow = ink.sum() < (1 - HOLLOW) * silhouette.sum()
    return FoundShape(
        shape if likeness >= LIKENESS else None,
        _colour(picture[ink], distance[ink]),
        *(length / len(picture) for length in place),
        Style.OUTLINED if is_hollow else Style.FILLED,
    )


def _fit(silhouette: np.ndarray, shape: Shape) -> tuple[float, float, float, float]:
    """Likeness to the shape of equal area and centroid, and its x, y and radius in pixels.

    Area and centroid, unlike the extent, hardly move for a few pixels of noise on the edge.
    """
    down, right = (places + 0.5 for places in np.nonzero(silhouette))
    radius = (len(down) / AREA[shape]) ** 0.5
    x, y = right.mean(), down.mean()
    if shape is Shape.TRIANGLE:
        y -= radius / 3  # the centroid lies a third of its height above the base
    rows, columns = (np.arange(side) + 0.5 for side in silhouette.shape)
    down, right = (rows[:, None] - y) / radius, (columns - x) / radius
    match shape:
        case Shape.CIRCLE:
            ideal = right**2 + down**2 <= 1
        case Shape.SQUARE:
            ideal = np.maximum(np.abs(right), np.abs(down)) <= 1
        case Shape.TRIANGLE:
            ideal = (np.abs(right) <= (down + 1) / 2) & (down <= 1)
    return (silhouette & ideal).sum() / (silhouette | ideal).sum(), x, y, radius


def _colour(pixels: np.ndarray, distance: np.ndarray) -> Colour:
    """The palette's nearest to the middle of (N, 3) pixels, of which the half nearer the ground are edges."""
    core = np.median(pixels[distance >= np.median(distance)], axis=0)
    return min(PALETTE, key=lambda colour: np.linalg.norm(core - PALETTE[colour]))


def _nearest(scene: Scene, found: Sequence[FoundShape]) -> list[tuple[DrawnShape, FoundShape]]:
    """Each true shape with its piece, so that the distances together are smallest."""
    from scipy.optimize import linear_sum_assignment

    distances = [[_distance(true, piece) for piece in found] for true in scene]
    return [(scene[row], found[column]) for row, column in zip(*linear_sum_assignment(distances), strict=True)]


def _distance(true: DrawnShape, piece: FoundShape) -> float:
    return float(np.hypot(piece.x - true.x, piece.y - true.y))
