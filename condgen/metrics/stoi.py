"""Short-time objective intelligibility."""

from __future__ import annotations

import warnings

from numpy.typing import ArrayLike

from condgen.errors import UserError
from condgen.metrics.speech_signals import pair, silent

LEAST_SECONDS = (29 * 128 + 256) / 10_000  # 30 frames of 256 samples, half overlapping, at 10 kHz


def stoi(enhanced: ArrayLike, clean: ArrayLike, sample_rate: int, *, extended: bool = False) -> float:
    """STOI, 1 for equal signals (Taal, Hendriks, Heusdens and Jensen, 2011), as pystoi computes it.

    Args:
        enhanced: (samples,)
        clean: (samples,), aligned with it.
        sample_rate: in Hz; the measure itself looks at 10 kHz.
        extended: ESTOI instead (Jensen and Taal, 2016), for noise that comes and goes.

    Returns:
        About 0 to 1; not a number where the clean signal has less than 0.4 s of sound.

    Raises:
        ValueError: the signals are not one-dimensional and of equal length.
        UserError: a sample is not finite, or pystoi is missing.
    """
    try:
        import pystoi
    except ImportError:
        raise UserError("pystoi is not installed; pip install 'condgen[metrics]'") from None
    enhanced, clean = pair(enhanced, clean)
    if silent(clean) or len(clean) < LEAST_SECONDS * sample_rate:
        return float("nan")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Not enough STFT frames", category=RuntimeWarning)
        try:
            return float(pystoi.stoi(clean, enhanced, sample_rate, extended=extended))
        except RuntimeWarning:  # it would return 1e-5
            return float("nan")
