"""Pictures with the statistics of photos, drawn from a seed: data without a download or a licence."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from condgen.data.files import sha256_of, writing
from condgen.data.manifest import Split, write
from condgen.data.preparation import IMAGES, MANIFEST, Prepared
from condgen.errors import UserError

OVERSAMPLING = 2  # drawn larger and reduced, so that edges are antialiased as a lens does it
SMALLEST, LARGEST = 0.015, 0.35  # radius of a leaf, in picture sides
COVERED = 5  # area of all leaves over that of the picture: what lies at the bottom hardly shows


def draw(output: Path, *, train: int, validation: int, size: int, seed: int) -> Prepared:
    """Draw a data set with its manifest into a folder.

    Raises:
        UserError: a number is out of range, or the folder cannot be written.
    """
    if min(train, validation) < 0 or train + validation < 1 or size < 32:
        raise UserError("drawing needs at least one picture of 32 pixels a side or more")
    rows = []
    with writing(output):
        (output / IMAGES).mkdir(parents=True, exist_ok=True)
        for index in range(train + validation):
            path = output / IMAGES / f"{index:05}.png"
            picture(seed, index, size).save(path)
            split = Split.TRAIN if index < train else Split.VALIDATION
            sha256 = sha256_of(path)
            rows.append({"split": str(split), "image": path.relative_to(output).as_posix(), "sha256": sha256})
    write(output / MANIFEST, rows)
    return Prepared(output / MANIFEST, {Split.TRAIN: train, Split.VALIDATION: validation}, ())


def picture(seed: int, index: int, size: int = 256) -> Image.Image:
    """The picture number `index` of a seed: the same whatever else is drawn.

    Dead leaves (Lee, Mumford and Huang, 2001): opaque textured shapes with radii of density r^-3 that hide one another
    give the edges and the 1/f^2 power spectrum of photos. Rows of thin strokes stand for writing and twigs.

    Args:
        seed: of the whole set.
        index: of the picture.
        size: pixels a side.

    Returns:
        RGB, size x size.
    """
    random = np.random.default_rng((seed, index))
    side = size * OVERSAMPLING
    palette = _palette(random)
    canvas = _textured(random, palette, side, side)
    for radius in _radii(random, side):
        _add_leaf(canvas, random, palette, radius)
    image = Image.fromarray((canvas.clip(0, 1) * 255).round().astype(np.uint8))
    for _ in range(random.integers(1, 4)):
        _add_writing(image, random, palette)
    return image.resize((size, size), Image.Resampling.BOX)


def _palette(random: np.random.Generator) -> np.ndarray:
    """(8, 3) colours, from dark to light, with the little saturation of photos."""
    light = np.linspace(0.08, 0.92, 8)[:, None] + random.normal(0, 0.04, (8, 1))
    tint = random.normal(0, 0.06, 3) + random.normal(0, 0.05, (8, 3))
    return (light + tint).clip(0.02, 0.98)


def _radii(random: np.random.Generator, side: int) -> np.ndarray:
    """Radii in pixels, enough to cover the canvas; density r^-3 between the two limits."""
    low, high = (SMALLEST * side) ** -2, (LARGEST * side) ** -2
    radii = (low + random.uniform(size=4000) * (high - low)) ** -0.5
    covered = np.cumsum(math.pi * radii**2) / side**2
    return radii[: int(np.searchsorted(covered, COVERED)) + 1]


def _add_leaf(canvas: np.ndarray, random: np.random.Generator, palette: np.ndarray, radius: float) -> None:
    """Paint an ellipse or a polygon of a texture over the canvas (H, W, 3)."""
    side = len(canvas)
    x, y = random.uniform(-0.1 * side, 1.1 * side, 2)
    corners = int(random.choice([3, 4, 5, 7, 40, 40, 40]))
    angle = np.sort(random.uniform(0, 2 * math.pi, corners)) if corners < 40 else np.linspace(0, 2 * math.pi, 40)
    stretch, turn = random.uniform(0.45, 1), random.uniform(0, math.pi)
    across, down = radius * np.cos(angle), radius * stretch * np.sin(angle)
    outline_x = x + across * math.cos(turn) - down * math.sin(turn)
    outline_y = y + across * math.sin(turn) + down * math.cos(turn)
    left, top = (max(int(edge), 0) for edge in (x - radius, y - radius))
    right, bottom = (min(int(edge) + 2, side) for edge in (x + radius, y + radius))
    if right <= left or bottom <= top:
        return
    mask = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(mask).polygon(list(zip(outline_x - left, outline_y - top, strict=True)), fill=1)
    inside = np.asarray(mask, bool)
    canvas[top:bottom, left:right][inside] = _textured(random, palette, bottom - top, right - left)[inside]


def _textured(random: np.random.Generator, palette: np.ndarray, height: int, width: int) -> np.ndarray:
    """(height, width, 3): a colour of the palette, shaded across, with stripes, grain or neither."""
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    shade = random.uniform(-0.3, 0.3) * across / width + random.uniform(-0.3, 0.3) * down / height
    kind = random.choice(["plain", "stripes", "grain"], p=[0.35, 0.3, 0.35])
    if kind == "stripes":
        direction, period = random.uniform(0, math.pi), random.uniform(4, 24) * OVERSAMPLING
        wave = np.sin(2 * math.pi / period * (across * math.cos(direction) + down * math.sin(direction)))
        shade += random.uniform(0.03, 0.2) * np.tanh(random.uniform(0.5, 4) * wave)
    elif kind == "grain":
        shade += random.uniform(0.02, 0.1) * _grain(random, height, width)
    return palette[random.integers(len(palette))].astype(np.float32) * (1 + shade[..., None])


def _grain(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Noise of unit variance whose amplitude falls as 1/f."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    spectrum = np.fft.rfft2(random.standard_normal((height, width))) / np.maximum(frequency, 1 / max(height, width))
    noise = np.fft.irfft2(spectrum, s=(height, width))
    return (noise - noise.mean()) / (noise.std() + 1e-6)


def _add_writing(image: Image.Image, random: np.random.Generator, palette: np.ndarray) -> None:
    """A few rows of letter-sized bent strokes in one colour."""
    draw = ImageDraw.Draw(image)
    side = image.width
    height = random.uniform(0.03, 0.09) * side
    ink = tuple(int(value * 255) for value in palette[random.choice([0, len(palette) - 1])])
    thickness = max(int(height * random.uniform(0.08, 0.2)), 1)
    left, top = random.uniform(0, 0.7, 2) * side
    for row in range(random.integers(1, 4)):
        for column in range(random.integers(3, 12)):
            corner = np.array([left + column * 0.75 * height, top + row * 1.4 * height])
            points = corner + random.uniform(0, 1, (random.integers(2, 6), 2)) * (0.6 * height, height)
            draw.line([tuple(point) for point in points], fill=ink, width=thickness, joint="curve")
