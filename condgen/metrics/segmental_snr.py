"""Segmental signal-to-noise ratio."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from condgen.metrics.speech_signals import mean, windowed

LEAST, MOST = -10.0, 35.0  # dB; beyond, a listener hears no difference
EPSILON = np.finfo(np.float64).eps


def segmental_snr(enhanced: ArrayLike, clean: ArrayLike, sample_rate: int) -> float:
    """Mean over frames of the signal-to-noise ratio in dB, higher is better.

    The definition of Hu and Loizou's `composite.m`, from which the published tables come: 30 ms Hann frames a quarter
    frame apart, 10 log10(sum clean^2 / sum (clean - enhanced)^2) each, limited to [-10, 35] dB; neither mean nor
    level is adjusted, no frame is left out, and one without any sound in the clean signal counts -10. A delay of a few
    samples or another gain is noise to this measure.

    Args:
        enhanced: (samples,) in [-1, 1].
        clean: (samples,), aligned with it.
        sample_rate: in Hz.

    Returns:
        dB; not a number where the clean signal is silent or shorter than a frame.

    Raises:
        ValueError: the signals are not one-dimensional and of equal length.
        UserError: a sample is not finite.
    """
    enhanced, clean = windowed(enhanced, clean, sample_rate)
    signal = np.square(clean).sum(axis=1)
    noise = np.square(clean - enhanced).sum(axis=1)
    ratio = 10 * np.log10(signal / (noise + EPSILON) + EPSILON)
    return mean(ratio.clip(LEAST, MOST))
