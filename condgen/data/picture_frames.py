"""Frames that are pictures: film strips, and folders with a picture a frame.

A film strip is one picture whose frames are squares side by side, from left to right or from top to bottom.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from condgen.data.image import read_rgb
from condgen.errors import UserError

_STRIPS = ("PNG", "JPEG", "WEBP", "BMP")
_FRAMES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm"})


def strip_size(file: BinaryIO) -> tuple[int, int] | None:
    """Width and height of a picture by its header; None where the file is no picture.

    Raises:
        UserError: it has several pictures, or more pixels than are safe.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large pictures
            image = Image.open(file, formats=_STRIPS)
    except UnidentifiedImageError:
        return None
    except Image.DecompressionBombError:
        raise UserError("is too large for a film strip; cut it into parts, or write it as mp4") from None
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise UserError(f"is an animated {image.format}, which is not read; write it as mp4 or GIF")
    return image.size


def strip_frames(width: int, height: int) -> int:
    """How many squares lie side by side.

    Raises:
        UserError: they do not fill the picture.
    """
    side = min(width, height)
    if max(width, height) % side:
        raise UserError(
            f"is a picture of {width}x{height} pixels, no film strip: its frames are squares, so the long side must be "
            f"a multiple of {side}"
        )
    return max(width, height) // side


def split_strip(pixels: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) -> (T, S, S, 3), where S is the shorter side. Raises UserError as `strip_frames`."""
    height, width = pixels.shape[:2]
    count, side = strip_frames(width, height), min(width, height)
    if height >= width:
        return pixels.reshape(count, side, side, 3)
    return pixels.reshape(side, count, side, 3).swapaxes(0, 1)


def folder_pictures(folder: Path) -> list[Path]:
    """The pictures of a folder, frame2 before frame10; hidden files and what lies deeper are left out.

    Raises:
        UserError: there are none, or the folder cannot be listed.
    """
    try:
        pictures = [path for path in folder.iterdir() if path.suffix.lower() in _FRAMES and path.name[0] != "."]
    except OSError as problem:
        raise UserError(f"cannot be listed ({problem.strerror}); check its permissions") from None
    if not pictures:
        raise UserError(f"is a folder without pictures; its frames should be {' '.join(sorted(_FRAMES))}")
    return sorted(pictures, key=_in_natural_order)


def folder_frames(pictures: Sequence[Path], size: tuple[int, int]) -> Iterator[Callable[[], np.ndarray]]:
    """Of each frame what reads it, so that those which nobody wants are not read; uint8 (H, W, 3).

    Args:
        size: width and height that all must have.
    """

    def load(path: Path) -> np.ndarray:
        pixels = read_rgb(path)
        if pixels.shape[1::-1] != size:
            width, height = pixels.shape[1::-1]
            first = f"{pictures[0].name} is {size[0]}x{size[1]}"
            raise UserError(f"{path}: is {width}x{height}, {first}; frames of a clip are of one size")
        return pixels

    return ((lambda path=path: load(path)) for path in pictures)


def _in_natural_order(path: Path) -> tuple[list[int | str], str]:
    parts = re.split(r"(\d+)", path.stem.casefold())
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], path.name
