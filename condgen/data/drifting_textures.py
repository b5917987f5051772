"""Grey textures that drift behind moving shapes: drawn ones of five kinds, or pieces of photos such as Kylberg's."""

from __future__ import annotations

import math
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from condgen.data.image import read_rgb

TILES = 2  # a texture repeats after so many pictures' sides
MODES = 64  # waves that a tile's noise is made of, along each axis: the look does not depend on the picture's size
DRIFT = 22.5 / 64  # of the picture's side in a clip, at most: 1.5 pixels in each of 15 steps at 64
MIDDLE, CONTRAST = (50, 100), (10, 30)  # of the lightness, of 255: shapes are twice as far from any of it
KEPT_PHOTOS = 256  # tiles that a process remembers


class Pattern(StrEnum):
    CLOUDY = "cloudy"
    GRAINY = "grainy"
    STRIPED = "striped"
    WOVEN = "woven"
    CHECKED = "checked"


def random_tile(pattern: Pattern, size: int, random: np.random.Generator) -> np.ndarray:
    """A periodic texture for pictures of `size` pixels a side: float (2 size, 2 size) in [-1, 1]."""
    phase = math.tau * np.arange(TILES * size) / (TILES * size)
    x, y = phase[None], phase[:, None]
    across, down = random.integers(8, 19, 2) * random.choice([-1, 1], 2)
    start, other_start = random.uniform(0, math.tau, 2)
    grain = _noise(size, random, 16, 30, slope=0)
    match pattern:
        case Pattern.CLOUDY:
            texture = _noise(size, random, 1, 24, slope=1.5)
        case Pattern.GRAINY:
            texture = grain
        case Pattern.STRIPED:
            texture = np.tanh(2 * np.cos(across * x + down * y + start)) + 0.3 * grain
        case Pattern.WOVEN:
            texture = np.cos(across * x + start) + np.cos(down * y + other_start) + 0.3 * grain
        case Pattern.CHECKED:
            texture = np.tanh(4 * np.cos(across / 2 * x + start) * np.cos(down / 2 * y + other_start)) + 0.3 * grain
    return _standardised(texture)


@lru_cache(KEPT_PHOTOS)
def photo_tile(path: Path, size: int) -> np.ndarray:
    """A photo as such a texture, float32 (4 size, 4 size): its middle square, mirrored so that it is periodic.

    Raises:
        UserError: it cannot be read.
    """
    pixels = read_rgb(path)
    grey = Image.fromarray(pixels).convert("L")
    side = min(grey.size)
    left, top = (grey.width - side) // 2, (grey.height - side) // 2
    square = grey.resize((TILES * size,) * 2, Image.Resampling.BOX, (left, top, left + side, top + side))
    one = _standardised(np.asarray(square, np.float32)).astype(np.float32)
    return np.block([[one, one[:, ::-1]], [one[::-1], one[::-1, ::-1]]])


def drifting(tile: np.ndarray, size: int, frames: int, random: np.random.Generator) -> np.ndarray:
    """A random piece of a texture that drifts evenly, whatever the direction: float (frames, size, size), of 255."""
    middle, contrast = random.uniform(*MIDDLE), random.uniform(*CONTRAST)
    start = random.random(2) * len(tile)
    angle, drift = random.uniform(0, math.tau), random.uniform(0, DRIFT) * size
    moved = start + np.outer(np.linspace(0, drift, frames), (math.cos(angle), math.sin(angle)))
    whole = np.floor(moved).astype(int)
    pixels = (whole[..., None] + np.arange(size + 1)) % len(tile)  # (T, 2, size + 1)
    piece = tile[pixels[:, 1, :, None], pixels[:, 0, None, :]]
    right, down = (moved - whole).T[..., None, None]
    piece = piece[:, :, :-1] * (1 - right) + piece[:, :, 1:] * right
    piece = piece[:, :-1] * (1 - down) + piece[:, 1:] * down
    return middle + contrast * piece


def _noise(size: int, random: np.random.Generator, lowest: int, highest: int, slope: float) -> np.ndarray:
    """Random waves, of so many periods in a tile, and of amplitudes as their periods' number to the power -slope."""
    number = np.fft.fftfreq(MODES, 1 / MODES).astype(int)
    periods = np.hypot(number[None], number[:, None])
    amplitude = np.where((periods >= lowest) & (periods <= highest), np.maximum(periods, 1) ** -slope, 0)
    spectrum = np.zeros((TILES * size, TILES * size), complex)
    real, imaginary = random.normal(size=(2, MODES, MODES))
    spectrum[np.ix_(number, number)] = amplitude * (real + 1j * imaginary)
    noise = np.fft.ifft2(spectrum).real
    return noise / noise.std()


def _standardised(texture: np.ndarray) -> np.ndarray:
    """Half of the way to -1 and 1 is one standard deviation."""
    return ((texture - texture.mean()) / (2 * texture.std() + 1e-6)).clip(-1, 1)
