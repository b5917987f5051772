"""What PSNR and SSIM of super-resolution papers look at: the Y channel of 8-bit pictures, without their border."""

from __future__ import annotations

import torch
from torch import Tensor


def luma(images: Tensor, border: int = 0) -> Tensor:
    """Y of ITU-R BT.601, 16..235, as MATLAB's rgb2ycbcr gives it for a picture read from an 8-bit file.

    Args:
        images: (B, 3, H, W), RGB in [0, 1]; rounded to 8 bits and clamped first, as a saved file would be.
        border: pixels left out on each side (the scale, in super-resolution).

    Returns:
        (B, 1, H - 2 border, W - 2 border), float32 in [16, 235], not rounded.

    Raises:
        ValueError: no pixel is left.
    """
    height, width = images.shape[-2:]
    if min(height, width) <= 2 * border:
        raise ValueError(f"a border of {border} leaves nothing of a {width}x{height} picture")
    inner = images[..., border : height - border, border : width - border]
    eight_bit = (inner.float().clamp(0, 1) * 255).round() / 255
    weights = torch.tensor([65.481, 128.553, 24.966], device=images.device).view(1, 3, 1, 1)
    return 16 + (eight_bit * weights).sum(dim=1, keepdim=True)
