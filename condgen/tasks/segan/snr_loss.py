"""How much of the noise is left, on the scale that ears and measures have."""

from __future__ import annotations

import torch
from torch import Tensor

CEILING = 1e-3  # 30 dB: better than that a window need not become (Wisdom et al., 2020, arXiv 2006.12701, eq. 2)
SILENCE = 1e-8  # power of -80 dBFS


def snr_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """Minus the signal-to-noise ratio of each window in dB, averaged over the windows.

    In an L1 distance the loudest noises count most, and what is done to nearly clean speech hardly at all. Here a
    decibel counts as much in each window, quiet or loud, noisy or nearly clean.

    Args:
        made: (B, 1, T), in any floating type; computed in fp32.
        wanted: the same.
    """
    with torch.autocast(made.device.type, enabled=False):
        error = (made.float() - wanted).square().mean(dim=(1, 2))
        power = wanted.float().square().mean(dim=(1, 2))
        return 10 * torch.log10((error + CEILING * power + SILENCE) / (power + SILENCE)).mean()
