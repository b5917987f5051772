"""Which figure a picture of the captioned shapes shows, and where, from its pixels alone; and whether it was asked for.

All lengths are fractions of the picture's side, x to the right and y down, unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from condgen.data.captioned_shapes import DrawnFigure
from condgen.data.figures import NAMES, PLACES, Box, Figure, contains, coverage
from condgen.data.synthetic_styles import PALETTE, Colour

# range of red, green and blue, of 255: halfway from the grounds' 30 at most to the palette's 100 or more
SATURATED = 65
NOTICEABLE = 0.0025  # of the picture: 10 pixels at 64; the smallest figure has eight times that
LIKENESS = 0.8  # intersection over union with the most alike of the ideal figures
EPSILON = 1e-9
TOLERANCE = 0.04  # of completed keypoints: 2.6 pixels at 64
SMALLEST_SIDE = 0.125  # of a figure: half of the smallest drawn; keypoints all in one place form no figure


@dataclass(frozen=True)
class Seen:
    """The largest connected piece of ink."""

    figure: Figure | None  # None: like none of them
    colour: Colour
    box: Box  # of the most alike figure with the centroid and the spread of the ink: subpixel, also at thin tips
    extent: Box  # of the pixels that are inked by half or more: short of `box` at thin tips by about a pixel each
    likeness: float  # intersection over union with the most alike figure in `box`
    share: float  # of all ink: 1 is a single object
    keypoints: Mapping[str, tuple[float, float]]  # of the most alike figure, where its ink reaches; by name


@dataclass(frozen=True)
class Obedience:
    """What of a request a picture shows."""

    colour: bool
    figure: bool
    iou: float  # of the box asked for and `Seen.box`; 0 where nothing is seen
    extent_iou: float  # of it and `Seen.extent`
    distances: Mapping[str, float]  # pixels, from each keypoint of the figure asked for; infinite where nothing is seen

    @property
    def keypoint_error(self) -> float:
        """Median of the distances, in pixels."""
        return float(np.median(list(self.distances.values())))


def look(picture: np.ndarray) -> Seen | None:
    """What a picture shows; None where no ink is noticeable.

    Ink is measured along the line from the ground's tint to the ink's, both with lightness taken out, so that textures
    do not matter, and an edge of a half-covered pixel counts half, whatever the colours.

    Meant for pictures of 64 pixels a side or more. Files whose colour is stored at half their resolution, as JPEG does,
    have lost the tips of small stars.

    Args:
        picture: uint8 (S, S, 3).

    Raises:
        ValueError: the picture has another shape or type.
    """
    return None if (ink := _Ink.of(picture)) is None else _seen(ink)


def obeys(picture: np.ndarray, asked: DrawnFigure) -> Obedience:
    """What of a request a picture shows.

    Keypoints are read where the ink reaches in their directions, also if it has become another figure.

    Args:
        picture: uint8 (S, S, 3).

    Raises:
        ValueError: the picture has another shape or type.
    """
    places = asked.keypoints()
    ink = _Ink.of(picture)
    if ink is None:
        return Obedience(False, False, 0.0, 0.0, dict.fromkeys(places, float("inf")))
    seen, reached = _seen(ink), ink.reaches(asked.figure)
    size = len(picture)
    return Obedience(
        colour=seen.colour == asked.colour,
        figure=seen.figure == asked.figure,
        iou=iou(seen.box, asked.box),
        extent_iou=iou(seen.extent, asked.box),
        distances={name: size * float(np.hypot(*np.subtract(reached[name], places[name]))) for name in places},
    )


def iou(one: Box, other: Box) -> float:
    """Area of the boxes' intersection over that of their union, in [0, 1]."""
    (corner, extent), (other_corner, other_extent) = (np.split(np.asarray(box, float), 2) for box in (one, other))
    overlap = np.minimum(corner + extent, other_corner + other_extent) - np.maximum(corner, other_corner)
    intersection = np.prod(overlap.clip(0))
    return float(intersection / (np.prod(extent) + np.prod(other_extent) - intersection))


def valid(keypoints: ArrayLike, figure: Figure) -> bool:
    """Whether keypoints form a figure.

    Its names and no others are visible, and all lie within `TOLERANCE` of where the box puts them that fits best by
    least squares, whose sides are `SMALLEST_SIDE` or more.

    Args:
        keypoints: (K, 3), x, y and visible (1 or 0), in the order of `NAMES`.

    Raises:
        ValueError: they have another shape.
    """
    keypoints = np.asarray(keypoints, dtype=float)
    if keypoints.shape != (len(NAMES), 3):
        raise ValueError(f"expected keypoints ({len(NAMES)}, 3), got {keypoints.shape}")
    visible = keypoints[:, 2] > 0.5
    if {name for name, is_visible in zip(NAMES, visible, strict=True) if is_visible} != set(PLACES[figure]):
        return False
    ideal = np.array([PLACES[figure][name] for name in NAMES if name in PLACES[figure]])
    actual = keypoints[visible, :2]
    middle = actual.mean(axis=0)
    spread = ideal - ideal.mean(axis=0)
    sides = (spread * actual).sum(axis=0) / np.square(spread).sum(axis=0)  # each axis is a line through the middle
    distances = np.linalg.norm(actual - (middle + sides * spread), axis=1)
    return bool((distances <= TOLERANCE).all() and (sides >= SMALLEST_SIDE).all())


@dataclass(frozen=True)
class _Ink:
    """The largest piece of ink of a picture."""

    covered: np.ndarray  # float (S, S): how much of each pixel it covers
    colour: Colour
    share: float

    @classmethod
    def of(cls, picture: np.ndarray) -> _Ink | None:
        """None where there is no noticeable ink."""
        from scipy import ndimage

        if picture.dtype != np.uint8 or picture.shape != (len(picture), len(picture), 3):
            raise ValueError(f"expected a picture uint8 (S, S, 3), got {picture.dtype} {picture.shape}")
        pixels = picture.astype(np.float64)
        saturation = np.ptp(pixels, axis=2)
        inked = saturation > SATURATED
        piece = _largest(inked)
        if piece.sum() < NOTICEABLE * piece.size or inked.all():
            return None
        core = pixels[piece & (saturation >= np.median(saturation[piece]))]  # the other half has the edges
        tint = pixels - pixels.mean(axis=2, keepdims=True)
        around = ~ndimage.binary_dilation(inked, iterations=2)
        ground = np.median(tint[around if around.any() else ~inked], axis=0)
        towards = np.median(core - core.mean(axis=1, keepdims=True), axis=0) - ground
        covered = ((tint - ground) @ towards / (towards @ towards + EPSILON)).clip(0, 1)
        piece = _largest((covered >= 0.5) & ndimage.binary_dilation(piece))
        if piece.sum() < NOTICEABLE * piece.size:
            return None
        near = ndimage.binary_dilation(piece, structure=np.ones((3, 3)))
        colour = min(PALETTE, key=lambda colour: np.linalg.norm(np.median(core, axis=0) - PALETTE[colour]))
        return cls(np.where(near, covered, 0), colour, float((inked & near).sum() / inked.sum()))

    def box(self, figure: Figure) -> Box:
        """Of a figure with the centroid and the spread of this ink: stray pixels hardly move them."""
        size = len(self.covered)
        sides = []
        for across, (centroid, spread) in enumerate(zip(*_moments(figure), strict=True)):
            profile = self.covered.sum(axis=across)
            profile = profile / profile.sum()
            places = np.arange(size) + 0.5
            mean = profile @ places
            variance = profile @ (places - mean) ** 2 - 1 / 12  # less what a pixel's width adds
            length = max(variance, 1 / 12) ** 0.5 / spread
            sides.append(((mean - centroid * length) / size, length / size))
        (x, width), (y, height) = sides
        return tuple(map(float, (x, y, width, height)))

    def extent(self) -> Box:
        (top, bottom), (left, right) = ((places.min(), places.max() + 1) for places in np.nonzero(self.covered >= 0.5))
        size = len(self.covered)
        return tuple(float(length) / size for length in (left, top, right - left, bottom - top))

    def likeness(self, figure: Figure) -> float:
        """Intersection over union in `box`; edges count by their coverage, twice as steep so that blur matters less."""
        ideal = coverage(figure, self.box(figure), len(self.covered))
        ideal, actual = ((2 * covered - 0.5).clip(0, 1) for covered in (ideal, self.covered))
        return float(np.minimum(ideal, actual).sum() / np.maximum(ideal, actual).sum())

    def reaches(self, figure: Figure) -> dict[str, tuple[float, float]]:
        """How far the ink reaches from the middle of its extent towards each keypoint of a figure.

        It is the mean of the pixels that lie furthest, half a pixel further: the middle of a side, or a corner. The
        keypoint `centre` is the middle of the extent.
        """
        size = len(self.covered)
        x, y, *sides = self.extent()
        middle, sides = size * (np.array((x, y)) + np.array(sides) / 2), size * np.array(sides)
        places = np.argwhere(self.covered >= 0.5)[:, ::-1] + 0.5
        found = {}
        for name, place in PLACES[figure].items():
            outwards = np.array(place) - 0.5
            if not outwards.any():
                found[name] = middle / size
                continue
            step = outwards / sides  # in the box, a direction is the same whatever its stretch
            along = (places - middle) @ step
            furthest = places[along > along.max() - np.abs(step).max() / 2]
            found[name] = (furthest.mean(axis=0) + outwards / np.abs(outwards).max() / 2) / size
        return {name: (float(x), float(y)) for name, (x, y) in found.items()}


def _seen(ink: _Ink) -> Seen:
    likeness = {figure: ink.likeness(figure) for figure in Figure}
    best = max(likeness, key=likeness.__getitem__)
    return Seen(
        figure=best if likeness[best] >= LIKENESS else None,
        colour=ink.colour,
        box=ink.box(best),
        extent=ink.extent(),
        likeness=likeness[best],
        share=ink.share,
        keypoints=ink.reaches(best),
    )


def _largest(inked: np.ndarray) -> np.ndarray:
    """The largest piece, whose pixels touch at sides or corners: bool (S, S), all False where there is none."""
    from scipy import ndimage

    pieces, count = ndimage.label(inked, structure=np.ones((3, 3)))
    areas = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
    return pieces == 1 + areas.argmax() if count else inked


@cache
def _moments(figure: Figure) -> tuple[tuple[float, float], tuple[float, float]]:
    """Centroid and standard deviation, (x, y) each, of a figure's area in its box."""
    places = (np.arange(512) + 0.5) / 512
    right, down = np.meshgrid(places, places)
    inside = contains(figure, right, down)
    right, down = right[inside], down[inside]
    return (right.mean(), down.mean()), (right.std(), down.std())
