"""The same kind of scene drawn in two styles, unpaired, with hidden true pairs: translation that can be measured.

Domain a is filled on a light ground, domain b outlined on a dark one. Everything of a scene (shape, colour, place,
size) is seen in either style and the grounds never change, so a picture determines its partner, both ways.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from condgen.data.files import writing
from condgen.data.manifest import Split, write
from condgen.data.pairs import Domain
from condgen.data.preparation import IMAGES, MANIFEST, Prepared, save_png, with_progress
from condgen.data.synthetic_shapes import FINER, Shape
from condgen.errors import UserError

PARTNERS = "partners"  # the folder of the hidden true pictures
SMALLEST_SIZE = 32  # pixels a side: below it the hole of a small outlined triangle closes
MOST_SHAPES = 3
RADII = (0.14, 0.21)  # of the picture's side, as all lengths of a scene are
MARGIN, GAP = 0.03, 0.05  # to the picture's edge, and between the boxes around two shapes
STROKE = 0.05  # width of an outline: 3.2 pixels at 64
TRIANGLE_INRADIUS = 2 / (1 + 5**0.5)  # of the radius: area 2 r^2 over half the perimeter, (1 + sqrt 5) r


class Style(StrEnum):
    FILLED = "filled"
    OUTLINED = "outlined"


class Colour(StrEnum):
    RED = "red"
    YELLOW = "yellow"
    GREEN = "green"
    CYAN = "cyan"
    BLUE = "blue"
    MAGENTA = "magenta"


PALETTE: Mapping[Colour, tuple[int, int, int]] = {
    Colour.RED: (214, 40, 40),
    Colour.YELLOW: (245, 200, 20),
    Colour.GREEN: (40, 180, 60),
    Colour.CYAN: (20, 205, 205),
    Colour.BLUE: (40, 70, 220),
    Colour.MAGENTA: (190, 50, 190),
}
GROUNDS: Mapping[Style, tuple[int, int, int]] = {Style.FILLED: (240, 238, 228), Style.OUTLINED: (22, 26, 40)}
DOMAINS: Mapping[Domain, Style] = {Domain.A: Style.FILLED, Domain.B: Style.OUTLINED}


@dataclass(frozen=True)
class DrawnShape:
    """One shape of a scene; lengths are fractions of the picture's side, x to the right, y down."""

    shape: Shape
    colour: Colour
    x: float  # the middle of the box around the shape
    y: float
    radius: float  # half the side of that box

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> DrawnShape:
        """From an entry of a manifest's field `shapes`."""
        places = {name: float(fields[name]) for name in ("x", "y", "radius")}
        return cls(Shape(fields["shape"]), Colour(fields["colour"]), **places)


Scene = Sequence[DrawnShape]


def draw_styles(output: Path, *, train: int, validation: int, size: int, seed: int, paired: bool = False) -> Prepared:
    """Draw scenes of one to three shapes in two styles into a folder, with their manifest, written last.

    No scene is in both domains: training is unpaired. Validation rows have a `partner`, the same scene in the other
    style, and every row has its `shapes`. A scene depends on the seed, its split, domain and number alone.

    Args:
        train, validation: scenes of each domain.
        size: pixels a side.
        paired: rows are pairs instead: `input`, the filled scenes of domain a, and `target`, the same outlined.

    Raises:
        UserError: a number is out of range, or the folder cannot be written.
    """
    if min(train, validation) < 1 or size < SMALLEST_SIZE:
        raise UserError(f"drawing needs at least one scene for each split and {SMALLEST_SIZE} pixels a side")
    counts = {Split.TRAIN: train, Split.VALIDATION: validation}
    domains, make = ([Domain.A], _pair) if paired else (list(Domain), _row)
    jobs = [(split, domain, number) for split in counts for domain in domains for number in range(counts[split])]
    with writing(output):
        rows = [make(output, *job, size, seed) for job in with_progress(jobs, "drawing scenes", len(jobs))]
    write(output / MANIFEST, rows)
    rows_of = {split: len(domains) * count for split, count in counts.items()}
    return Prepared(output / MANIFEST, rows_of, (), what="pairs" if paired else "pictures", sources="pictures")


def random_scene(random: np.random.Generator) -> Scene:
    """One to three shapes whose boxes keep a gap between them and a margin to the edge."""
    count = random.integers(1, MOST_SHAPES + 1)
    while True:  # all anew when the last does not fit: what is placed must not depend on a number of tries
        scene = [_random_shape(random) for _ in range(count)]
        if all(_are_apart(one, other) for index, one in enumerate(scene) for other in scene[:index]):
            return scene


def draw_scene(scene: Scene, style: Style, size: int) -> np.ndarray:
    """A scene in a style, antialiased: uint8 (size, size, 3)."""
    large = FINER * size
    canvas = Image.new("RGB", (large, large), GROUNDS[style])
    pen = ImageDraw.Draw(canvas)
    for one in scene:
        _fill(pen, one, PALETTE[one.colour], large)
        if style is Style.OUTLINED:
            _fill(pen, _hole(one), GROUNDS[style], large)
    return np.asarray(canvas.resize((size, size), Image.Resampling.BOX))


def _random_shape(random: np.random.Generator) -> DrawnShape:
    shape = list(Shape)[random.integers(len(Shape))]
    colour = list(Colour)[random.integers(len(Colour))]
    radius = random.uniform(*RADII)
    x, y = random.uniform(radius + MARGIN, 1 - radius - MARGIN, 2)
    return DrawnShape(shape, colour, round(x, 4), round(y, 4), round(radius, 4))  # as the manifest states them


def _are_apart(one: DrawnShape, other: DrawnShape) -> bool:
    return max(abs(one.x - other.x), abs(one.y - other.y)) >= one.radius + other.radius + GAP


def _hole(one: DrawnShape) -> DrawnShape:
    """What an outline leaves free: every side moved inwards by the stroke."""
    if one.shape is not Shape.TRIANGLE:
        return DrawnShape(one.shape, one.colour, one.x, one.y, one.radius - STROKE)
    inradius = TRIANGLE_INRADIUS * one.radius
    scale = 1 - STROKE / inradius  # about the incentre, which lies the inradius above the base
    y = one.y + (1 - scale) * (one.radius - inradius)
    return DrawnShape(one.shape, one.colour, one.x, y, scale * one.radius)


def _fill(pen: ImageDraw.ImageDraw, one: DrawnShape, colour: tuple[int, int, int], side: int) -> None:
    left, top, right, bottom = (
        side * edge for edge in (one.x - one.radius, one.y - one.radius, one.x + one.radius, one.y + one.radius)
    )
    match one.shape:
        case Shape.CIRCLE:
            pen.ellipse((left, top, right, bottom), colour)
        case Shape.SQUARE:
            pen.rectangle((left, top, right, bottom), colour)
        case Shape.TRIANGLE:
            pen.polygon(((side * one.x, top), (left, bottom), (right, bottom)), colour)


def _row(output: Path, split: Split, domain: Domain, number: int, size: int, seed: int) -> dict[str, Any]:
    """Draw a scene into its file, for validation its partner too."""
    scene = _scene(split, domain, number, seed)
    name = f"{split}/{domain}/{number:05}.png"
    style, other_style = DOMAINS[domain], next(DOMAINS[other] for other in Domain if other != domain)
    image = f"{IMAGES}/{name}"
    sha256 = save_png(draw_scene(scene, style, size), output / image)
    row = {"split": str(split), "domain": str(domain), "image": image, "sha256": sha256}
    if split == Split.VALIDATION:
        row["partner"] = f"{PARTNERS}/{name}"
        row["partner_sha256"] = save_png(draw_scene(scene, other_style, size), output / row["partner"])
    return row | {"shapes": [asdict(one) for one in scene]}


def _pair(output: Path, split: Split, domain: Domain, number: int, size: int, seed: int) -> dict[str, Any]:
    """Draw a scene into two files, one of each style."""
    scene, row = _scene(split, domain, number, seed), {"split": str(split)}
    for side, style in (("input", Style.FILLED), ("target", Style.OUTLINED)):
        row[side] = f"{side}/{split}/{number:05}.png"
        row[f"{side}_sha256"] = save_png(draw_scene(scene, style, size), output / row[side])
    return row


def _scene(split: Split, domain: Domain, number: int, seed: int) -> Scene:
    return random_scene(np.random.default_rng((seed, list(Split).index(split), list(Domain).index(domain), number)))
