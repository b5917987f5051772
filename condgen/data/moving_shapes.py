"""Moving Shapes: clips of one or two shapes and the sentences that say all of it (Balaji et al., IJCAI 2019).

A shape, its colour and size, how it moves and where to: 360 sentences, whose truth can be measured from pixels. The
authors' set was never released; sentences follow their code, what is unknown is chosen here.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

import numpy as np

from condgen.data.figures import Figure, contains
from condgen.data.manifest import Row
from condgen.data.synthetic_shapes import FINER, Shape
from condgen.errors import UserError

REFERENCE = 64  # pixels a side: lengths below are fractions of the side, written in its pixels
MARGIN = 1 / REFERENCE  # from the shape to the edge
TRAVELLED = (22.5 / REFERENCE, 37.5 / REFERENCE)  # along the path in a clip: 1.5 to 2.5 pixels in each of 15 steps
AMPLITUDE = (6 / REFERENCE, 8 / REFERENCE)  # of a zigzag, from its middle to a turn
WAVES = (15 / 8, 15 / 6)  # of a zigzag in a clip: a period is 6 to 8 of 16 frames
PLACEMENTS = 100  # of two shapes that are tried for one in which they do not meet: one clip in six has none


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"
    YELLOW = "yellow"
    WHITE = "white"


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Motion(StrEnum):
    STRAIGHT = "straight"
    ZIGZAG = "zigzag"
    DIAGONAL = "diagonal"


class Direction(StrEnum):
    NORTH = "north"
    SOUTH = "south"
    EAST = "east"
    WEST = "west"
    NORTHEAST = "northeast"
    NORTHWEST = "northwest"
    SOUTHEAST = "southeast"
    SOUTHWEST = "southwest"


PALETTE: Mapping[Colour, tuple[int, int, int]] = {
    Colour.RED: (255, 0, 0),
    Colour.GREEN: (0, 255, 0),
    Colour.BLUE: (0, 0, 255),
    Colour.YELLOW: (255, 255, 0),
    Colour.WHITE: (255, 255, 255),
}
RADII: Mapping[Size, tuple[float, float]] = {  # half the side of the box around a shape
    Size.SMALL: (5 / REFERENCE, 6 / REFERENCE),
    Size.LARGE: (9 / REFERENCE, 11 / REFERENCE),
}
HEADINGS: Mapping[Direction, tuple[float, float]] = {  # x to the right, y down; of length 1
    Direction.NORTH: (0, -1),
    Direction.SOUTH: (0, 1),
    Direction.EAST: (1, 0),
    Direction.WEST: (-1, 0),
    Direction.NORTHEAST: (math.sqrt(0.5), -math.sqrt(0.5)),
    Direction.NORTHWEST: (-math.sqrt(0.5), -math.sqrt(0.5)),
    Direction.SOUTHEAST: (math.sqrt(0.5), math.sqrt(0.5)),
    Direction.SOUTHWEST: (-math.sqrt(0.5), math.sqrt(0.5)),
}
PHRASES: Mapping[Motion, str] = {
    Motion.STRAIGHT: "in a straight line towards {direction}",
    Motion.ZIGZAG: "in a zigzag path towards {direction}",
    Motion.DIAGONAL: "in a diagonal path in the {direction} direction",
}
FIGURES = {Shape.CIRCLE: Figure.ELLIPSE, Shape.SQUARE: Figure.RECTANGLE, Shape.TRIANGLE: Figure.TRIANGLE}


@dataclass(frozen=True)
class Attributes:
    """What a sentence says of one shape."""

    shape: Shape
    colour: Colour
    size: Size
    motion: Motion
    direction: Direction

    @classmethod
    def from_fields(cls, row: Mapping[str, Any] | Row) -> Attributes:
        """From a manifest's row, or from its field `second`."""
        kinds = (Shape, Colour, Size, Motion, Direction)
        return cls(*(kind(row[field.name]) for kind, field in zip(kinds, fields(cls), strict=True)))

    @property
    def described(self) -> str:
        """The sentence without its article."""
        phrase = PHRASES[self.motion].format(direction=self.direction)
        return f"{self.size} {self.colour} {self.shape} is moving {phrase}"

    @property
    def name(self) -> str:
        """All five words: the class."""
        return " ".join(asdict(self).values())

    @property
    def label(self) -> tuple[int, ...]:
        """Five integers in the order of the fields, each counted in the order of its names (the paper's is unknown)."""
        return tuple(list(type(value)).index(value) for value in asdict(self).values())

    def pairs(self) -> list[tuple[str, str]]:
        """Every two of its five values."""
        return list(itertools.combinations(asdict(self).values(), 2))


def _directions(motion: Motion) -> list[Direction]:
    return list(Direction)[4:] if motion is Motion.DIAGONAL else list(Direction)[:4]


ALL = tuple(
    Attributes(shape, colour, size, motion, direction)
    for shape, colour, size, motion in itertools.product(Shape, Colour, Size, Motion)
    for direction in _directions(motion)
)
"""The 360 combinations."""


@dataclass(frozen=True, eq=False)
class MovingShape:
    """One shape and the way it takes."""

    attributes: Attributes
    radius: float  # half the side of the box around it; a fraction of the picture's side, as all lengths
    path: np.ndarray  # (T, 2): x and y of the middle of that box


def sentence(shapes: Sequence[Attributes], *, article: str = "A") -> str:
    """`A large red circle is moving in a straight line towards east and a small ...`: 12 or 14 words for each shape."""
    return f"{article} " + " and a ".join(one.described for one in shapes)


def unseen_attributes(share: float, seed: int) -> frozenset[Attributes]:
    """A seeded choice of combinations to be kept from training.

    Every value, and every two values that ever go together, are still left together in some combination.

    Raises:
        UserError: so many cannot be kept from training.
    """
    if not 0 <= share < 1:
        raise UserError(f"the share of unseen combinations must lie in [0, 1), got {share}")
    wanted = round(share * len(ALL))
    left = Counter(pair for one in ALL for pair in one.pairs())
    chosen: set[Attributes] = set()
    for number in np.random.default_rng(seed).permutation(len(ALL)):
        pairs = ALL[number].pairs()
        if len(chosen) < wanted and all(left[pair] > 1 for pair in pairs):
            chosen.add(ALL[number])
            left.subtract(pairs)
    if len(chosen) < wanted:
        most = len(chosen) / len(ALL)
        raise UserError(
            f"{share:g} of the combinations cannot stay unseen, {most:.2f} can: any two words must be learnt"
        )
    return frozenset(chosen)


def random_shapes(
    random: np.random.Generator, count: int, frames: int, among: Sequence[Attributes]
) -> list[MovingShape]:
    """Shapes of different colours that, if a place for it is found, never meet.

    Args:
        count: 1 or 2.
        frames: of the clip; a longer clip shows the same way in smaller steps.
        among: combinations to choose from, all alike.
    """
    chosen: list[Attributes] = []
    while len(chosen) < count:
        one = among[random.integers(len(among))]
        if all(one.colour is not other.colour for other in chosen):
            chosen.append(one)
    radii = [random.uniform(*RADII[one.size]) for one in chosen]
    gap, best = -math.inf, []
    for _ in range(PLACEMENTS if count > 1 else 1):
        shapes = [
            MovingShape(one, r, random_path(one, r, frames, random)) for one, r in zip(chosen, radii, strict=True)
        ]
        if (apart := _gap(shapes)) > gap:
            gap, best = apart, shapes
        if gap > MARGIN:
            break
    return best


def random_path(attributes: Attributes, radius: float, frames: int, random: np.random.Generator) -> np.ndarray:
    """Where the middle of the box around a shape is in each frame, (frames, 2): all of the shape stays inside.

    Speed is constant along the direction; a zigzag adds a triangle wave across it.
    """
    time = np.linspace(0, 1, frames)
    along = np.array(HEADINGS[attributes.direction])
    moved = np.outer(random.uniform(*TRAVELLED) * time, along)
    amplitude, waves, phase = random.uniform(*AMPLITUDE), random.uniform(*WAVES), random.random()
    if attributes.motion is Motion.ZIGZAG:
        wave = 4 * np.abs((waves * time + phase) % 1 - 0.5) - 1
        moved += np.outer(amplitude * wave, along[::-1])
    lowest, highest = radius + MARGIN - moved.min(axis=0), 1 - radius - MARGIN - moved.max(axis=0)
    return lowest + random.random(2) * (highest - lowest) + moved


def coverage(shape: Shape, path: np.ndarray, radius: float, size: int) -> np.ndarray:
    """How much of each pixel a shape covers in each frame, in [0, 1]: float32 (T, size, size).

    Only the surroundings of the shape are drawn finer.
    """
    side = math.ceil(2 * radius * size) + 1
    corners = (path - radius) * size  # x, y of the box
    origins = np.floor(corners).astype(int)
    places = (np.arange(FINER * side) + 0.5) / FINER + (origins - corners)[..., None]  # (T, 2, L) within the box
    right, down = np.moveaxis(places / (2 * radius * size), 1, 0)
    inside = contains(FIGURES[shape], right[:, None, :], down[:, :, None])
    patches = inside.reshape(len(path), side, FINER, side, FINER).mean(axis=(2, 4), dtype=np.float32)
    canvas = np.zeros((len(path), size + 2 * side, size + 2 * side), np.float32)  # a patch may lie over the edge
    for frame, patch, (x, y) in zip(canvas, patches, (origins + side).clip(0, size + side), strict=True):
        frame[y : y + side, x : x + side] = patch
    return canvas[:, side:-side, side:-side]


def draw(shapes: Sequence[MovingShape], size: int, ground: np.ndarray | None = None) -> np.ndarray:
    """A clip, antialiased: uint8 (T, size, size, 3); the later shapes lie over the earlier.

    Args:
        ground: lightness behind the shapes, (T, size, size), of 255; None is black.
    """
    clip = np.zeros((len(shapes[0].path), size, size, 3), np.float32)
    if ground is not None:
        clip += ground[..., None]
    for one in shapes:
        share = coverage(one.attributes.shape, one.path, one.radius, size)[..., None]
        clip += share * (np.array(PALETTE[one.attributes.colour], np.float32) - clip)
    return np.rint(clip).astype(np.uint8)


def _gap(shapes: Sequence[MovingShape]) -> float:
    """The least distance between the boxes around any two shapes in any frame; negative: they overlap."""
    return min(
        (
            float(np.abs(one.path - other.path).max(axis=1).min()) - one.radius - other.radius
            for one, other in itertools.combinations(shapes, 2)
        ),
        default=math.inf,
    )
