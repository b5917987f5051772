"""Peak signal-to-noise ratio."""

from __future__ import annotations

from torch import Tensor

from condgen.metrics.luma import luma


def psnr(prediction: Tensor, target: Tensor, *, border: int = 0) -> Tensor:
    """PSNR of Y in dB, higher is better; the protocol of the super-resolution papers (Ledig et al., 2017, section 3.1).

    Args:
        prediction: (B, 3, H, W), RGB in [0, 1].
        target: the same.
        border: pixels left out on each side (the scale).

    Returns:
        (B,), 10 log10(255^2 / mean squared error of Y); infinite where both are equal.
    """
    error = (luma(prediction, border) - luma(target, border)).square().mean(dim=(1, 2, 3))
    return 10 * (255**2 / error).log10()
