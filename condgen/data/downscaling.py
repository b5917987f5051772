"""From high to low resolution, as the pairs of super-resolution are made."""

from __future__ import annotations

import numpy as np
from PIL import Image

from condgen.errors import UserError


def crop_to_multiple(pixels: np.ndarray, factor: int) -> np.ndarray:
    """(H, W, C) cut at the bottom and the right so that both sides are multiples of `factor`; a view.

    Raises:
        UserError: nothing would be left.
    """
    height, width = (side - side % factor for side in pixels.shape[:2])
    if not height or not width:
        raise UserError(f"a picture of {pixels.shape[1]}x{pixels.shape[0]} pixels cannot be reduced {factor} times")
    return pixels[:height, :width]


def bicubic_downscale(pixels: np.ndarray, factor: int) -> np.ndarray:
    """uint8 (H, W, 3) -> (H / factor, W / factor, 3) by Pillow's antialiased bicubic filter (a = -0.5).

    This is the degradation of the super-resolution literature (MATLAB's imresize) up to rounding. Without the
    antialiasing one would train for, and measure on, other low-resolution pictures.
    """
    height, width = pixels.shape[:2]
    if height % factor or width % factor:
        raise ValueError(f"{width}x{height} is not a multiple of {factor}; crop_to_multiple first")
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((width // factor, height // factor), Image.Resampling.BICUBIC))
