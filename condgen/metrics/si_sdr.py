"""Scale-invariant signal-to-distortion ratio."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from condgen.metrics.speech_signals import pair, silent


def si_sdr(enhanced: ArrayLike, clean: ArrayLike, sample_rate: int) -> float:
    """SI-SDR in dB, higher is better (Le Roux et al., 2019, arXiv 1811.02508, equation 3), of zero-mean signals.

    Three lines, because importing a library for them takes longer than evaluating a test set.

    Args:
        enhanced: (samples,)
        clean: (samples,), aligned with it.
        sample_rate: not used; all speech measures are called alike.

    Returns:
        dB; infinite for equal signals, minus infinity where the enhanced signal has nothing of the clean one (silence
        too), not a number where the clean signal is silent.

    Raises:
        ValueError: the signals are not one-dimensional and of equal length.
        UserError: a sample is not finite.
    """
    enhanced, clean = pair(enhanced, clean)
    if silent(clean):
        return float("nan")
    if silent(enhanced):
        return float("-inf")
    enhanced, clean = enhanced - enhanced.mean(), clean - clean.mean()
    target = (enhanced @ clean) / (clean @ clean) * clean
    distortion = enhanced - target
    with np.errstate(divide="ignore"):
        return float(10 * np.log10((target @ target) / (distortion @ distortion)))
