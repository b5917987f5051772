"""Captioned pictures of one figure each, whose obedience to text and place can be measured from pixels.

Six figures in six colours, each stretched to fill a box, on grey-ish plain or textured grounds. Only the figure is
saturated, so that it can be told from any ground. Six of the 36 pairs of colour and figure are kept from training.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from condgen.data.figures import NAMES, PLACES, Box, Figure, coverage, grid, reduced
from condgen.data.files import writing
from condgen.data.manifest import Split, write
from condgen.data.preparation import IMAGES, MANIFEST, Prepared, drawn_rows, save_png
from condgen.data.synthetic_styles import PALETTE, Colour
from condgen.errors import UserError

SMALLEST_PICTURE = 32  # pixels a side: below it the arms of a small cross are two pixels wide
SIDES = (0.25, 0.7)  # of a figure's box; all lengths are fractions of the picture's side
MOST_STRETCHED = 2.0  # the longer side of a box over the shorter
MARGIN = 0.03  # from the box to the picture's edge
SMALL, LARGE = 0.16, 0.28  # area of the box, at most and at least; between them the size is not said
DARK, GREY, LIGHT = 85, (105, 150), 170  # lightness of a plain ground, at most, between, at least
CAPTIONS = 5  # of a picture
SAID = 0.5  # how often a caption says the size or the ground


class Pattern(StrEnum):
    PLAIN = "plain"
    STRIPED = "striped"
    CHECKED = "checked"
    SHADED = "shaded"
    CLOUDY = "cloudy"


HELD_OUT = frozenset(zip(Colour, Figure, strict=True))  # red ellipse, yellow rectangle, ...: each of both once

NOUNS: Mapping[Figure, tuple[str, ...]] = {
    Figure.ELLIPSE: ("ellipse", "oval"),
    Figure.RECTANGLE: ("rectangle", "box"),
    Figure.TRIANGLE: ("triangle", "three-cornered shape"),
    Figure.DIAMOND: ("diamond", "rhombus"),
    Figure.CROSS: ("cross", "plus sign"),
    Figure.STAR: ("star", "five-pointed star"),
}
FORMS = (  # no two give the same sentence
    "{described}{place}",
    "{named} that is {qualities}{place}",
    "the picture shows {described}{place}",
    "there is {described}{place}",
    "{named} drawn in {colour}{place}",
    "here is {named} of {colour} colour{place}",
    "one {adjectives} {noun}{place}",
    "{named}{place}, {qualities}",
)


@dataclass(frozen=True)
class Ground:
    """What lies behind a figure: shades of one hardly saturated colour."""

    pattern: Pattern
    lightness: tuple[float, float]  # of 255, between which it varies; plain: the first
    tint: tuple[int, int, int]  # added to red, green and blue: at most 30 apart
    angle: float  # radians, of stripes, checks and shading
    period: float  # of stripes and checks
    seed: int  # of clouds

    @property
    def name(self) -> str:
        """As captions say it: `striped`, `plain dark`, ..."""
        if self.pattern is not Pattern.PLAIN:
            return str(self.pattern)
        lightness = self.lightness[0]
        if lightness <= DARK:
            return "plain dark"
        if lightness >= LIGHT:
            return "plain light"
        return "plain grey" if GREY[0] <= lightness <= GREY[1] else "plain"

    def paint(self, size: int) -> np.ndarray:
        """The ground: float (size, size, 3), of 255."""
        x, y = grid(size)
        along = x * math.cos(self.angle) + y * math.sin(self.angle)
        across = y * math.cos(self.angle) - x * math.sin(self.angle)
        match self.pattern:
            case Pattern.PLAIN:
                mixture = np.zeros_like(along)
            case Pattern.STRIPED:
                mixture = np.sin(math.tau * along / self.period) > 0
            case Pattern.CHECKED:
                mixture = np.sin(math.tau * along / self.period) * np.sin(math.tau * across / self.period) > 0
            case Pattern.SHADED:
                mixture = (along - along.min()) / np.ptp(along)
            case Pattern.CLOUDY:
                coarse = Image.fromarray(np.random.default_rng(self.seed).random((6, 6), np.float32))
                mixture = np.asarray(coarse.resize((len(x[0]), len(y)), Image.Resampling.BICUBIC)).clip(0, 1)
        first, second = self.lightness
        return reduced(first + (second - first) * mixture)[..., None] + np.array(self.tint)


@dataclass(frozen=True)
class DrawnFigure:
    """What a picture shows, or is asked to show."""

    figure: Figure
    colour: Colour
    box: Box

    @property
    def label(self) -> str:
        """`red triangle`: the class."""
        return f"{self.colour} {self.figure}"

    @property
    def size(self) -> str:
        """`small`, `large`, or empty between them."""
        area = self.box[2] * self.box[3]
        return "small" if area <= SMALL else "large" if area >= LARGE else ""

    @property
    def seen(self) -> bool:
        """Whether pictures for training have this colour and figure together."""
        return (self.colour, self.figure) not in HELD_OUT

    def keypoints(self) -> dict[str, tuple[float, float]]:
        """Fractions of the picture, of the keypoints that the figure has, by name."""
        x, y, width, height = self.box
        return {name: (x + right * width, y + down * height) for name, (right, down) in PLACES[self.figure].items()}

    def captions(self, random: np.random.Generator, ground: Ground | None = None) -> list[str]:
        """`CAPTIONS` different true sentences, all with colour and figure, some with size and, if given, ground."""
        forms = random.permutation(len(FORMS))[:CAPTIONS]
        return [self._sentence(FORMS[form], random, ground) for form in forms]

    def _sentence(self, form: str, random: np.random.Generator, ground: Ground | None) -> str:
        says_size, says_ground = random.random(2) < SAID
        noun = str(random.choice(NOUNS[self.figure]))
        behind = str(random.choice(("ground", "background")))
        size = [self.size] if says_size and self.size else []
        adjectives = " ".join([*size, self.colour])
        return form.format(
            noun=noun,
            named=_with_article(noun),
            colour=self.colour,
            adjectives=adjectives,
            described=_with_article(f"{adjectives} {noun}"),
            qualities=" and ".join([self.colour, *size]),
            place=f" on a {ground.name} {behind}" if ground is not None and says_ground else "",
        )


def random_request(random: np.random.Generator, *, held_out: bool = True) -> DrawnFigure:
    """A figure to draw, of any place, size, colour and kind; without `held_out`, a pair that training shows."""
    pairs = [(colour, figure) for colour in Colour for figure in Figure if held_out or (colour, figure) not in HELD_OUT]
    colour, figure = pairs[random.integers(len(pairs))]
    while True:
        width, height = random.uniform(*SIDES, 2)
        if max(width, height) <= MOST_STRETCHED * min(width, height):
            break
    x, y = random.uniform(MARGIN, 1 - MARGIN - np.array([width, height]))
    return DrawnFigure(figure, colour, tuple(round(float(length), 4) for length in (x, y, width, height)))


def random_ground(random: np.random.Generator) -> Ground:
    """As often plain as textured; a texture's two shades are visibly apart."""
    pattern = Pattern.PLAIN if random.random() < 0.5 else list(Pattern)[random.integers(1, len(Pattern))]
    darker, contrast = random.uniform(20, 235), random.uniform(40, 110)
    lightness = (darker, darker + contrast if darker + contrast <= 235 else darker - contrast)
    tint = tuple(random.integers(-15, 16, 3).tolist())
    angle, period = random.uniform(0, math.pi), random.uniform(0.1, 0.3)
    return Ground(pattern, lightness, tint, angle, period, int(random.integers(2**32)))


def draw(figure: DrawnFigure, ground: Ground, size: int) -> np.ndarray:
    """A picture, antialiased: uint8 (size, size, 3)."""
    share = coverage(figure.figure, figure.box, size)[..., None]
    return np.rint(ground.paint(size) * (1 - share) + share * PALETTE[figure.colour]).astype(np.uint8)


def draw_captioned_shapes(
    output: Path,
    *,
    train: int,
    validation: int,
    test: int,
    size: int,
    seed: int,
    all_combinations: bool = False,
    jobs: int = 1,
) -> Prepared:
    """Draw pictures into a folder, with their manifest, written last.

    A row has `captions`, `class` and `label` ("red triangle"), `box` and `keypoints` in pixels, and the hidden
    `figure`, `colour`, `ground`, `size` and `seen`. A picture depends on the seed, its split and number alone.

    Args:
        train, validation, test: pictures of each split; the test has all pairs of colour and figure.
        size: pixels a side.
        all_combinations: the other splits have them, too.
        jobs: processes that draw.

    Raises:
        UserError: a number is out of range, or the folder cannot be written.
    """
    if min(train, validation, test, jobs) < 1 or size < SMALLEST_PICTURE:
        raise UserError(f"drawing needs a picture for each split, {SMALLEST_PICTURE} pixels a side and a process")
    counts = {Split.TRAIN: train, Split.VALIDATION: validation, Split.TEST: test}
    make = partial(_row, output=output, size=size, seed=seed, all_combinations=all_combinations)
    with writing(output):
        rows = drawn_rows(make, counts, jobs, "drawing pictures")
    write(output / MANIFEST, rows)
    return Prepared(output / MANIFEST, counts, (), sources="pictures")


def _row(one: tuple[Split, int], output: Path, size: int, seed: int, all_combinations: bool) -> dict[str, Any]:
    """Draw a picture into its file; its row."""
    split, number = one
    random = np.random.default_rng((seed, list(Split).index(split), number))
    figure = random_request(random, held_out=all_combinations or split is Split.TEST)
    ground = random_ground(random)
    captions = figure.captions(random, ground)
    image = f"{IMAGES}/{split}/{number:06}.png"
    places = {name: [round(size * place, 3) for place in at] for name, at in figure.keypoints().items()}
    return {
        "split": str(split),
        "image": image,
        "sha256": save_png(draw(figure, ground, size), output / image),
        "captions": captions,
        "class": figure.label,
        "label": figure.label,
        "box": [round(size * length, 3) for length in figure.box],
        "keypoints": {name: places.get(name) for name in NAMES},
        "figure": str(figure.figure),
        "colour": str(figure.colour),
        "ground": ground.name,
        "size": figure.size,
        "seen": all_combinations or figure.seen,
    }


def _with_article(words: str) -> str:
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"
