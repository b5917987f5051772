"""How well the amount of detail at each scale is restored."""

from __future__ import annotations

import torch
from torch import Tensor

from condgen.metrics.luma import luma

FLOOR = 1e-2  # power of rounding to 8 bits is 1/12: weaker frequencies are no content


def spectral_distance(prediction: Tensor, target: Tensor, *, border: int = 0) -> Tensor:
    """Root mean square difference in dB between the radial power spectra of Y; 0 is best.

    A pixel error rewards blur where the right texture cannot be known; this measure ignores where texture lies and asks
    whether there is the right amount of it at each frequency, too little (blur) and too much (noise, checkerboard)
    counting alike. It needs no network. The spectrum is the azimuthal average that Durall et al. use to tell generated
    from real pictures (2020, arXiv 2003.01826); the distance is the log-spectral distance of audio.

    Args:
        prediction: (B, 3, H, W), RGB in [0, 1].
        target: the same.
        border: pixels left out on each side (the scale).

    Returns:
        (B,)
    """
    difference = radial_spectrum(luma(prediction, border)) - radial_spectrum(luma(target, border))
    return difference.square().mean(dim=1).sqrt()


def radial_spectrum(images: Tensor) -> Tensor:
    """Power in dB, averaged over all directions, from frequency 0 (left out) to 0.5 cycles a pixel.

    A Hann window keeps the jump between opposite edges out of the spectrum.

    Args:
        images: (B, 1, H, W), 0..255.

    Returns:
        (B, min(H, W) // 2), each ring one cycle of the shorter side wide.
    """
    height, width = images.shape[-2:]
    like = {"device": images.device, "dtype": images.dtype}
    window = torch.hann_window(height, **like)[:, None] * torch.hann_window(width, **like)
    centred = images[:, 0] - images[:, 0].mean(dim=(1, 2), keepdim=True)
    power = torch.fft.fft2(centred * window).abs().square() / window.square().sum()
    frequency = torch.hypot(torch.fft.fftfreq(height, **like)[:, None], torch.fft.fftfreq(width, **like))
    rings = min(height, width) // 2
    ring = (frequency * 2 * rings).round().long().flatten()
    inside = (ring >= 1) & (ring <= rings)
    ring = ring[inside] - 1
    totals = power.flatten(1)[:, inside].new_zeros(len(images), rings).index_add(1, ring, power.flatten(1)[:, inside])
    return 10 * (totals / torch.bincount(ring, minlength=rings) + FLOOR).log10()
