"""Predicted opinions about enhanced speech: signal, background, overall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Composite:
    """Predicted mean opinion scores, 1 (bad) to 5 (excellent)."""

    signal: float  # CSIG: distortion of the speech alone
    background: float  # CBAK: intrusiveness of the noise alone
    overall: float  # COVL


def composite(
    *, pesq: float, log_likelihood_ratio: float, weighted_spectral_slope: float, segmental_snr: float
) -> Composite:
    """CSIG, CBAK and COVL from four measures of one file (Hu and Loizou, 2008, IEEE TASLP 16(1); their `composite.m`).

    They were fitted to raw narrow-band PESQ; the tables for VoiceBank-DEMAND put in the wide-band MOS-LQO all the same.

    Returns:
        Each limited to [1, 5]; not a number where one of its measures is.
    """
    signal = 3.093 - 1.029 * log_likelihood_ratio + 0.603 * pesq - 0.009 * weighted_spectral_slope
    background = 1.634 + 0.478 * pesq - 0.007 * weighted_spectral_slope + 0.063 * segmental_snr
    overall = 1.594 + 0.805 * pesq - 0.512 * log_likelihood_ratio - 0.007 * weighted_spectral_slope
    return Composite(*(float(np.clip(score, 1, 5)) for score in (signal, background, overall)))
