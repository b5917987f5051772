"""Perceptual evaluation of speech quality."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from condgen.errors import UserError
from condgen.metrics.speech_signals import pair, silent

SAMPLE_RATE = 16000
LEAST = 0.999  # lower end of the mapping to MOS-LQO
LONGEST_SECONDS = 20  # the package's C code overruns its arrays at 50 utterances, one of which takes 0.4 s or more


def pesq(enhanced: ArrayLike, clean: ArrayLike, sample_rate: int) -> float:
    """PESQ as MOS-LQO, 1 to 4.64, higher is better (ITU-T P.862.2, wide band), as the package pesq does.

    Signals of more than 20 s are judged in equal pieces, averaged: the package cannot take many utterances at once.

    Args:
        enhanced: (samples,); its level does not matter, and a constant delay is allowed for.
        clean: (samples,)
        sample_rate: 16000.

    Returns:
        MOS-LQO, the least (0.999) where the enhanced signal is silent; not a number where the package finds no speech
        in the clean signal or it lasts less than a quarter second: leave such a file out of a mean, and say so.

    Raises:
        ValueError: the signals are not one-dimensional and of equal length.
        UserError: another sample rate, a sample is not finite, or the package is missing.
    """
    if sample_rate != SAMPLE_RATE:
        raise UserError(f"PESQ is defined at {SAMPLE_RATE} Hz, got {sample_rate}; resample both signals first")
    enhanced, clean = pair(enhanced, clean)
    pieces = max(1, -(-len(clean) // (LONGEST_SECONDS * SAMPLE_RATE)))
    scores = [
        _piece(*both) for both in zip(np.array_split(enhanced, pieces), np.array_split(clean, pieces), strict=True)
    ]
    judged = [score for score in scores if not np.isnan(score)]
    return float(np.mean(judged)) if judged else float("nan")


def _piece(enhanced: NDArray[np.float64], clean: NDArray[np.float64]) -> float:
    """PESQ of 20 s or less; not a number where it cannot be judged."""
    try:
        import pesq as package
    except ImportError:
        raise UserError("pesq is not installed; pip install 'condgen[metrics]' (it needs a C compiler)") from None
    if silent(clean):
        return float("nan")
    try:
        return LEAST if silent(enhanced) else float(package.pesq(SAMPLE_RATE, clean, enhanced, "wb"))
    except package.PesqError:  # no utterance found, or too short
        return float("nan")
