"""Pictures side by side, with captions: what people look at."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

GAP = 4  # pixels between cells, and around all
FONT_SIZE = 12
BESIDE = 30  # letters in a line beside a row; where the row has no room for lines, they are longer
LEAST_BESIDE = 90  # letters that are shown of a text beside a row, however low it is
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def to_uint8(pictures: Tensor) -> np.ndarray:
    """(N, C, H, W) in [-1, 1], clamped -> uint8 (N, H, W, C)."""
    values = ((pictures.detach().float() + 1) * 127.5).round().clamp(0, 255)
    return values.permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8)


def grid(
    pictures: Tensor | Sequence[np.ndarray],
    columns: int,
    *,
    captions: Sequence[str] | None = None,
    row_captions: Sequence[str] | None = None,
    scale: int = 1,
) -> np.ndarray:
    """Set pictures in rows on white.

    Args:
        pictures: (N, C, H, W) in [-1, 1], or uint8 arrays (H, W, C), which may differ in size; C is 1 or 3.
        columns: pictures a row; the last row may have fewer.
        captions: one a picture, under it.
        row_captions: one a row, on its left; lines are those of `beside`, or one.
        scale: whole factor by which each picture is enlarged, without smoothing.

    Returns:
        uint8 (H', W', 3).

    Raises:
        ValueError: there are no pictures, the numbers of captions do not fit, or `columns` or `scale` is below 1.
    """
    _refuse_misfits(len(pictures), columns, captions, row_captions, scale)
    shown = [_enlarged(one, scale) for one in (to_uint8(pictures) if isinstance(pictures, Tensor) else pictures)]
    rows = -(-len(shown) // columns)
    font = ImageFont.load_default(FONT_SIZE)
    line = _line_height(font)
    left = max(_width(text, font) for text in row_captions) + GAP if row_captions else 0
    widest = max(*(one.width for one in shown), *(_width(text, font) for text in captions or ("",)))
    highest = max(one.height for one in shown)
    step_x, step_y = widest + GAP, highest + GAP + (line if captions else 0)
    canvas = Image.new("RGB", (GAP + left + columns * step_x, GAP + rows * step_y), WHITE)
    draw = ImageDraw.Draw(canvas)
    for number, picture in enumerate(shown):
        x, y = GAP + left + number % columns * step_x, GAP + number // columns * step_y
        canvas.paste(picture, (x + (widest - picture.width) // 2, y + (highest - picture.height) // 2))
        if captions:
            draw.text((x + widest / 2, y + highest), captions[number], BLACK, font, anchor="ma")
    for row, text in enumerate(row_captions or ()):
        draw.text((GAP, GAP + row * step_y + highest / 2), text, BLACK, font, anchor="lm")
    return np.array(canvas)  # writable


def beside(text: str, height: int) -> str:
    """A caption for the left of a row so many pixels high, in lines that fit there; what they do not hold is cut."""
    lines = max(1, height // _line_height(ImageFont.load_default(FONT_SIZE)))
    letters = max(BESIDE, -(-LEAST_BESIDE // lines))
    return textwrap.fill(text, letters, max_lines=lines, placeholder="...")


def _refuse_misfits(
    count: int, columns: int, captions: Sequence[str] | None, row_captions: Sequence[str] | None, scale: int
) -> None:
    if not count or columns < 1 or scale < 1:
        raise ValueError(f"a grid needs pictures, columns and scale, got {count}, {columns} and {scale}")
    rows = -(-count // columns)
    if captions is not None and len(captions) != count:
        raise ValueError(f"{len(captions)} captions for {count} pictures")
    if row_captions is not None and len(row_captions) != rows:
        raise ValueError(f"{len(row_captions)} captions for {rows} rows")


def _enlarged(pixels: np.ndarray, scale: int) -> Image.Image:
    picture = Image.fromarray(np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3))))
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def _width(text: str, font: ImageFont.FreeTypeFont) -> int:
    return int(np.ceil(max(font.getlength(line) for line in text.split("\n"))))


def _line_height(font: ImageFont.FreeTypeFont) -> int:
    return sum(font.getmetrics()) + 1
