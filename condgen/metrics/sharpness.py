"""How sharp a picture is beside its ground truth."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from condgen.metrics.luma import luma


def sharpness(prediction: Tensor, target: Tensor, *, border: int = 0) -> Tensor:
    """Mean gradient magnitude of Y relative to the ground truth's: 1 is as sharp, below 1 blurred, above 1 overdone.

    The gradient is the Prewitt filter's, as in gradient magnitude similarity (Xue et al., 2014, arXiv 1308.3052).
    Noise counts as sharpness: read it beside PSNR and the spectral distance.

    Args:
        prediction: (B, 3, H, W), RGB in [0, 1].
        target: the same.
        border: pixels left out on each side (the scale).

    Returns:
        (B,); infinite or not a number where the ground truth is flat.
    """
    return _gradient(luma(prediction, border)) / _gradient(luma(target, border))


def _gradient(images: Tensor) -> Tensor:
    """Mean gradient magnitude of (B, 1, H, W): (B,)."""
    across = torch.tensor([[1.0, 0.0, -1.0]] * 3, device=images.device) / 3
    filters = torch.stack([across, across.T])[:, None]
    return F.conv2d(images, filters).square().sum(dim=1).sqrt().mean(dim=(1, 2))
