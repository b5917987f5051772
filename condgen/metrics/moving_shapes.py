"""What a Moving Shapes clip shows, from its pixels alone, on black or textured ground; and whether it was asked for.

All lengths are fractions of the picture's side, x to the right and y down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from condgen.data.manifest import Row
from condgen.data.moving_shapes import HEADINGS, PALETTE, REFERENCE, Colour, Direction, Motion, Size, coverage
from condgen.data.synthetic_shapes import Shape

COVERED = 0.5  # of a pixel, from which on it belongs to an object
SPECK = 10 / REFERENCE**2  # area of a piece, below which it is none; the smallest object has 50
PLAUSIBLE = (25 / REFERENCE**2, 700 / REFERENCE**2)  # area of an object: half of the least drawn, to 1.4 of the largest
LARGE = 14.5 / REFERENCE  # side of the box around an object: small ones have up to 12, large ones from 18
LIKENESS = 0.7  # intersection over union: drawings reach 0.95, blurred and noisy ones 0.85
STILL = 6 / REFERENCE  # travelled in a clip: 22 are drawn
WAVY = 1.75 / REFERENCE  # standard deviation of a path from its line: 3 or more are drawn
CROSSINGS = 3  # of a zigzag through its line, at least: a bend has two
_IN_A_FRAME = np.zeros((3, 3, 3), bool)  # pixels that touch at sides or corners belong together; frames are apart
_IN_A_FRAME[1] = True
_CENTROIDS: Mapping[Shape, float] = {Shape.CIRCLE: 0, Shape.SQUARE: 0, Shape.TRIANGLE: 1 / 3}  # below the box's middle
_AREAS: Mapping[Shape, float] = {Shape.CIRCLE: np.pi, Shape.SQUARE: 4, Shape.TRIANGLE: 2}  # all in radii


@dataclass(frozen=True)
class Seen:
    """The object of a clip: the largest connected piece of each frame."""

    shape: Shape | None  # None: like none of them
    colour: Colour
    size: Size
    motion: Motion | None  # None: it stands still, or sways in every direction
    direction: Direction | None  # None: it stands still
    likeness: float  # intersection over union with the most alike shape of its area, the median of the frames
    coherent: float  # share of frames with one object and no other, of an area between the `PLAUSIBLE`

    def agrees(self, row: Mapping[str, Any] | Row) -> dict[str, bool]:
        """Whether it is what a row says, by attribute."""
        names = ("colour", "size", "shape", "motion", "direction")
        return {name: getattr(self, name) == row[name] for name in names}


def watch(frames: np.ndarray) -> Seen | None:
    """What a clip shows; None where an object is seen in fewer than half of its frames.

    How much of a pixel an object covers is read from its saturation, or from how far it is on the way from the ground's
    lightness to white: grounds are grey, and no lighter than halfway to white. Pieces of less than `SPECK` are passed
    over.

    Meant for 8 frames or more, of 32 pixels a side or more: true clips of that size are read without a mistake, but a
    little blur hides a shape there; of 64 pixels it does not.

    Args:
        frames: uint8 (T, S, S, 3).

    Raises:
        ValueError: the clip has another shape or type.
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[1:] != (frames.shape[2], frames.shape[2], 3):
        raise ValueError(f"expected a clip uint8 (T, S, S, 3), got {frames.dtype} {frames.shape}")
    covered = _covered(frames)
    largest, coherent = _largest_pieces(covered)
    present = largest.any(axis=(1, 2))
    if 2 * present.sum() < len(frames):
        return None
    covered, largest = covered[present], largest[present]
    own = _steep(covered) * _dilated(largest)
    area = own.mean(axis=(1, 2))
    centroids = _centroids(own, area)
    shape, likeness = _shape(own, float(np.median(area)), centroids)
    motion, direction = _movement(np.linspace(0, 1, len(frames))[present], centroids)
    core = frames[present][largest & (covered >= np.median(covered[largest]))]  # the other half has the edges
    return Seen(
        shape=shape if likeness >= LIKENESS else None,
        colour=min(PALETTE, key=lambda colour: float(np.linalg.norm(np.median(core, axis=0) - PALETTE[colour]))),
        size=Size.LARGE if _side(largest) >= LARGE else Size.SMALL,
        motion=motion,
        direction=direction,
        likeness=likeness,
        coherent=coherent,
    )


def measure(clips: np.ndarray, rows: Sequence[Mapping[str, Any] | Row]) -> dict[str, float]:
    """How often clips show what their rows say.

    A clip in which nothing is seen has nothing right, and is in no frame coherent.

    Args:
        clips: uint8 (N, T, S, S, 3), of one object each.
        rows: N, with the fields `colour`, `size`, `shape`, `motion` and `direction`.

    Returns:
        Shares of clips in [0, 1], under these names and `together`, all five at once; `coherent`, the mean share of
        frames.

    Raises:
        ValueError: there are no clips, or more or fewer than rows, or they have another shape or type.
    """
    if not len(clips) or len(clips) != len(rows):
        raise ValueError(f"expected a row for each of one clip or more, got {len(clips)} clips and {len(rows)} rows")
    sums = dict.fromkeys(("colour", "size", "shape", "motion", "direction", "together", "coherent"), 0.0)
    for clip, row in zip(clips, rows, strict=True):
        if (seen := watch(clip)) is None:
            continue
        agrees = seen.agrees(row)
        for name, value in {**agrees, "together": all(agrees.values()), "coherent": seen.coherent}.items():
            sums[name] += value
    return {name: value / len(clips) for name, value in sums.items()}


def _covered(frames: np.ndarray) -> np.ndarray:
    """How much of each pixel an object of any colour covers: float32 (T, S, S).

    Mixed with a grey, a pure colour keeps its share as the range of red, green and blue, and white as the lightness.
    """
    least, most = (of(frames, axis=3).astype(np.float32) for of in (np.min, np.max))
    ground = np.median(least, axis=(1, 2), keepdims=True)
    return np.maximum((most - least) / 255, (least - ground) / np.maximum(255 - ground, 1))


def _largest_pieces(covered: np.ndarray) -> tuple[np.ndarray, float]:
    """Of each frame, bool (T, S, S), all False where there is none; and the share of frames that are coherent."""
    from scipy import ndimage

    count, side, _ = covered.shape
    pieces, _ = ndimage.label(covered >= COVERED, _IN_A_FRAME)
    numbers, first, areas = np.unique(pieces, return_index=True, return_counts=True)
    frames = first // side**2
    is_piece = (numbers > 0) & (areas >= SPECK * side**2)
    largest, coherent = np.zeros(covered.shape, bool), 0
    for frame in range(count):
        here = np.nonzero(is_piece & (frames == frame))[0]
        if len(here):
            chosen = here[areas[here].argmax()]
            largest[frame] = pieces[frame] == numbers[chosen]
            coherent += int(len(here) == 1 and PLAUSIBLE[0] <= areas[chosen] / side**2 <= PLAUSIBLE[1])
    return largest, coherent / count


def _dilated(pieces: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    return ndimage.binary_dilation(pieces, _IN_A_FRAME)


def _steep(covered: np.ndarray) -> np.ndarray:
    """Edges twice as steep: so blur and noise matter less."""
    return (2 * covered - 0.5).clip(0, 1)


def _centroids(own: np.ndarray, area: np.ndarray) -> np.ndarray:
    """(T, 2): x and y."""
    places = (np.arange(own.shape[1]) + 0.5) / own.shape[1]
    return np.stack([own.mean(axis=1) @ places, own.mean(axis=2) @ places], axis=1) / (area * len(places))[:, None]


def _shape(own: np.ndarray, area: float, centroids: np.ndarray) -> tuple[Shape, float]:
    """The shape that, of this area and with these centroids, covers the pieces best; and how well."""
    likeness = {}
    for shape in Shape:
        radius = (area / _AREAS[shape]) ** 0.5
        ideal = _steep(coverage(shape, centroids - [0, _CENTROIDS[shape] * radius], radius, own.shape[1]))
        overlap = np.minimum(ideal, own).sum(axis=(1, 2)) / np.maximum(ideal, own).sum(axis=(1, 2))
        likeness[shape] = float(np.median(overlap))
    best = max(likeness, key=likeness.__getitem__)
    return best, likeness[best]


def _side(pieces: np.ndarray) -> float:
    """Mean of width and height, the median of the frames."""
    width, height = (np.ptp(_ends(pieces.any(axis=axis)), axis=0) for axis in (1, 2))
    return float(np.median((width + height) / 2)) / pieces.shape[1]


def _ends(line: np.ndarray) -> np.ndarray:
    """Where the True of bool (T, S) begin and end: (2, T)."""
    return np.stack([line.argmax(axis=1), line.shape[1] - line[:, ::-1].argmax(axis=1)])


def _movement(time: np.ndarray, path: np.ndarray) -> tuple[Motion | None, Direction | None]:
    """From a path, (T, 2), at times in [0, 1]."""
    line = np.stack([np.ones_like(time), time], axis=1)
    coefficients = np.linalg.lstsq(line, path, rcond=None)[0]
    moved, beside = coefficients[1], path - line @ coefficients
    sways = beside.std(axis=0)
    motion = None
    if sways.max() > WAVY:
        across = int(sways.argmax())
        crossings = np.count_nonzero(np.diff(np.sign(beside[:, across])))
        if sways.min() <= WAVY and crossings >= CROSSINGS:
            motion = Motion.ZIGZAG
            moved = np.where(np.arange(2) == across, 0, moved)
    if np.linalg.norm(moved) < STILL:
        return None, None
    direction = max(HEADINGS, key=lambda direction: float(np.dot(moved, HEADINGS[direction])))
    if sways.max() <= WAVY:
        motion = Motion.STRAIGHT if 0 in HEADINGS[direction] else Motion.DIAGONAL
    return motion, direction
