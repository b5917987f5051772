"""Clips side by side, with captions: one clip for people to look at."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from condgen.data.picture_grid import BLACK, FONT_SIZE, WHITE, grid, to_uint8

LETTER = 7  # pixels, about
PORTION = 256  # frames that are rounded at once: of a long clip there are several copies on the way
MOST_LINES = 10  # of a caption


def clips_to_uint8(clips: Tensor) -> np.ndarray:
    """(N, C, T, H, W) in [-1, 1], clamped -> uint8 (N, T, H, W, C)."""
    frames = clips.transpose(1, 2)
    made = [to_uint8(part) for part in frames.flatten(0, 1).split(PORTION)]
    return np.concatenate(made).reshape(*frames.shape[:2], *frames.shape[3:], frames.shape[2])


def clip_grid(
    clips: Sequence[np.ndarray], columns: int, *, captions: Sequence[str] | None = None, scale: int = 1
) -> Iterator[np.ndarray]:
    """Set clips in rows on white; all begin together.

    Args:
        clips: uint8 (T, H, W, 3), all of one shape.
        columns: clips a row; the last row may have fewer.
        captions: one a clip, under it, in lines as wide as the clip; what needs more than `MOST_LINES` is cut.
        scale: whole factor by which each clip is enlarged, without smoothing.

    Returns:
        T frames uint8 (H', W', 3), each made when it is taken: memory does not grow with T.

    Raises:
        ValueError: there are no clips, they differ in shape, the number of captions does not fit, or `columns` or
            `scale` is below 1.
    """
    if not len(clips) or columns < 1 or scale < 1:
        raise ValueError(f"a grid needs clips, columns and scale, got {len(clips)}, {columns} and {scale}")
    if len({clip.shape for clip in clips}) > 1:
        raise ValueError(f"clips of several shapes in one grid: {sorted({clip.shape for clip in clips})}")
    if captions is not None and len(captions) != len(clips):
        raise ValueError(f"{len(captions)} captions for {len(clips)} clips")
    width = clips[0].shape[2] * scale
    below = [_caption(text, width) for text in captions or ()]
    return _frames(clips, columns, below, scale)


def _frames(clips: Sequence[np.ndarray], columns: int, below: Sequence[np.ndarray], scale: int) -> Iterator[np.ndarray]:
    highest = max((len(caption) for caption in below), default=0)
    padded = [np.pad(one, ((0, highest - len(one)), (0, 0), (0, 0)), constant_values=255) for one in below]
    for number in range(len(clips[0])):
        shown = [clip[number].repeat(scale, axis=0).repeat(scale, axis=1) for clip in clips]
        yield grid([np.vstack(pair) for pair in zip(shown, padded, strict=True)] if padded else shown, columns)


def _caption(text: str, width: int) -> np.ndarray:
    """Lines of text, uint8 (H, width, 3)."""
    font = ImageFont.load_default(FONT_SIZE)
    letters = max(1, width // LETTER)
    placeholder = "..." if letters >= 3 else ""
    lines = textwrap.wrap(text, letters, max_lines=MOST_LINES, placeholder=placeholder) or [""]
    step = sum(font.getmetrics()) + 1
    canvas = Image.new("RGB", (width, len(lines) * step), WHITE)
    draw = ImageDraw.Draw(canvas)
    for row, line in enumerate(lines):
        draw.text((width / 2, row * step), line, BLACK, font, anchor="ma")
    return np.asarray(canvas)
