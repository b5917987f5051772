"""Structural similarity."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from condgen.metrics.luma import luma

WINDOW, SIGMA = 11, 1.5  # the authors' Gaussian window
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def ssim(prediction: Tensor, target: Tensor, *, border: int = 0) -> Tensor:
    """SSIM of Y, 1 for equal pictures (Wang, Bovik, Sheikh and Simoncelli, 2004, equation 13).

    The mean is taken where the whole window lies inside the picture, as the authors' code does. This is why it is
    written here: libraries differ, from version to version, in whether they count windows that hang over the edge.

    Args:
        prediction: (B, 3, H, W), RGB in [0, 1].
        target: the same.
        border: pixels left out on each side (the scale).

    Returns:
        (B,)

    Raises:
        ValueError: a picture is smaller than the window.
    """
    x, y = luma(prediction, border), luma(target, border)
    if min(x.shape[-2:]) < WINDOW:
        raise ValueError(f"SSIM needs {WINDOW} pixels a side after the border, got {x.shape[-1]}x{x.shape[-2]}")
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x = _blur(x * x) - mean_x**2
    variance_y = _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    similarity = ((2 * mean_x * mean_y + C1) * (2 * covariance + C2)) / (
        (mean_x**2 + mean_y**2 + C1) * (variance_x + variance_y + C2)
    )
    return similarity.mean(dim=(1, 2, 3))


def _blur(images: Tensor) -> Tensor:
    """Gaussian average of every window inside (B, 1, H, W)."""
    offset = torch.arange(WINDOW, device=images.device) - WINDOW // 2
    weights = torch.exp(-(offset**2) / (2 * SIGMA**2))
    weights = weights / weights.sum()
    return F.conv2d(F.conv2d(images, weights.view(1, 1, -1, 1)), weights.view(1, 1, 1, -1))
