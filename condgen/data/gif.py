"""GIF animations: how long each frame is shown, and a palette for a whole clip; FFmpeg reads and writes the rest."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import BinaryIO

import numpy as np
from PIL import Image

from condgen.errors import UserError

MAGIC = (b"GIF87a", b"GIF89a")
COLOURS = 256  # of a palette
SHORTEST, USUAL = 2, 10  # hundredths of a second
_PALETTE_PIXELS = 2**16  # of a clip, evenly taken, tell its colours


def delays(file: BinaryIO) -> list[int]:
    """How long each frame is shown, in hundredths of a second; 0 where the file does not say.

    Raises:
        UserError: the file is cut short, as it has no end (GIF89a, section 27), or holds no frames.
    """
    file.seek(0)
    _skip_colours(file, file.read(13)[10:11])
    found, delay = [], 0
    while (block := file.read(1)) != b"\x3b":
        if block == b"\x21":
            is_graphic_control = file.read(1) == b"\xf9"
            first = _skip_parts(file)
            delay = int.from_bytes(first[1:3], "little") if is_graphic_control else delay
        elif block == b"\x2c":
            _skip_colours(file, file.read(9)[8:9])
            file.read(1)
            _skip_parts(file)
            found.append(delay)
            delay = 0
        else:
            raise UserError(f"is damaged or cut short after {len(found)} frames; copy or download it again")
    if not found:
        raise UserError("holds no frames; copy or export it again")
    return found


def _skip_colours(file: BinaryIO, flags: bytes) -> None:
    if flags and flags[0] & 0x80:
        file.read(3 << (flags[0] & 7) + 1)


def _skip_parts(file: BinaryIO) -> bytes:
    """Over the parts of a block; its first part."""
    first = part = file.read((file.read(1) or b"\0")[0])
    while part:
        part = file.read((file.read(1) or b"\0")[0])
    return first


def mean_rate(shown: Sequence[int]) -> Fraction:
    """Frames a second, by the `delays`; as browsers have it, those under 2 hundredths are meant to be 10."""
    return Fraction(100 * len(shown), sum(delay if delay >= SHORTEST else USUAL for delay in shown))


def quantised(clip: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """A clip in at most 256 colours, one palette for all frames: without loss where it has no more.

    Args:
        clip: of uint8 (H, W, 3).

    Returns:
        Indices uint8 (T, H, W), and the palette uint8 (256, 3).
    """
    packed = np.stack([frame.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32) for frame in clip])
    colours = np.unique(packed)
    palette = np.zeros((COLOURS, 3), np.uint8)
    if len(colours) <= COLOURS:
        palette[: len(colours)] = np.stack([colours >> 16, colours >> 8, colours], axis=1)  # cut to their last 8 bits
        return np.searchsorted(colours, packed).astype(np.uint8), palette
    step = -(-packed.size // _PALETTE_PIXELS)
    sample = np.stack(clip).reshape(1, -1, 3)[:, ::step]
    chosen = Image.fromarray(np.ascontiguousarray(sample)).quantize(COLOURS, Image.Quantize.MEDIANCUT, kmeans=1)
    given = np.array(chosen.getpalette(), np.uint8).reshape(-1, 3)
    palette[: len(given)] = given
    return np.stack([np.asarray(Image.fromarray(frame).quantize(palette=chosen)) for frame in clip]), palette
