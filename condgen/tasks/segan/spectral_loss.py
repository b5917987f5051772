"""How far two signals are apart in short-time spectra of several resolutions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

RESOLUTIONS = ((512, 128, 512), (1024, 256, 1024), (2048, 512, 2048))
"""FFT size, hop and window in samples. Hops of a quarter window: those of Parallel WaveGAN (Yamamoto et al., 2020,
arXiv 1910.11480, table 1: 50, 120 and 240) take 2.5 times as long, a third of a step of the compact generator."""

FLOOR = 1e-4  # magnitude of a windowed tone 100 dB below full scale and less: no content


def spectral_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """Spectral convergence plus L1 distance of log magnitudes, mean over the resolutions (eq. 3 to 6 there).

    An L1 error of the waveform alone rewards leaving weak high frequencies out; the ear hears them. Later SEGANs add a
    loss on spectra for the same reason (Pascual et al., 2019, arXiv 1904.03418).

    Args:
        made: (B, 1, T), in any floating type; computed in fp32.
        wanted: the same.
    """
    distances = []
    for size, hop, window in RESOLUTIONS:
        mine, theirs = (_magnitudes(signal, size, hop, window) for signal in (made, wanted))
        convergence = torch.linalg.vector_norm(theirs - mine) / torch.linalg.vector_norm(theirs).clamp(min=FLOOR)
        distances.append(convergence + F.l1_loss(mine.log(), theirs.log()))
    return torch.stack(distances).mean()


def _magnitudes(signal: Tensor, size: int, hop: int, window: int) -> Tensor:
    """(B, 1, T) -> (B, size / 2 + 1, frames), at least FLOOR."""
    shape = torch.hann_window(window, device=signal.device)
    with torch.autocast(signal.device.type, enabled=False):
        spectrum = torch.stft(signal.float()[:, 0], size, hop, window, shape, return_complex=True)
    # not abs(): its gradient at 0 is not finite
    return (spectrum.real.square() + spectrum.imag.square()).clamp(min=FLOOR**2).sqrt()
