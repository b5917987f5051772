"""Log-likelihood ratio: how well the enhanced speech's spectral envelope predicts the clean speech."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from condgen.metrics.speech_signals import mean, windowed

BEST = 0.95  # share of frames that counts
FLOOR = 1e-10  # white noise energy a frame, below that of 16-bit rounding (1.4e-8): gives silence a predictor


def log_likelihood_ratio(enhanced: ArrayLike, clean: ArrayLike, sample_rate: int) -> float:
    """LLR, lower is better, 0 for equal envelopes (Hu and Loizou, 2008, IEEE TASLP 16(1), equation 2).

    log(a_e R a_e / a_c R a_c) of each frame, with a_e and a_c the linear predictors of enhanced and clean speech and R
    the clean speech's autocorrelation. As in their `composite.m`: 30 ms Hann frames a quarter frame apart, order 16
    (10 below 10 kHz), no upper limit, mean without the worst 5 % of frames.

    Args:
        enhanced: (samples,) in [-1, 1].
        clean: (samples,), aligned with it.
        sample_rate: in Hz.

    Returns:
        At least 0; not a number where the clean signal is silent or shorter than a frame.

    Raises:
        ValueError: the signals are not one-dimensional and of equal length.
        UserError: a sample is not finite.
    """
    order = 10 if sample_rate < 10_000 else 16
    enhanced, clean = windowed(enhanced, clean, sample_rate)
    autocorrelation = _autocorrelation(clean, order)
    error_of_enhanced = _energy(_whitening(_autocorrelation(enhanced, order)), autocorrelation)
    error_of_clean = _energy(_whitening(autocorrelation), autocorrelation)
    return mean(np.log(error_of_enhanced / error_of_clean), best=BEST)


def _autocorrelation(frames: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    """(frames, window) -> matrices (frames, order + 1, order + 1)."""
    length = frames.shape[1]
    lags = np.stack(
        [np.einsum("fn,fn->f", frames[:, : length - lag], frames[:, lag:]) for lag in range(order + 1)], axis=1
    )
    lags[:, 0] += FLOOR
    index = np.arange(order + 1)
    return lags[:, abs(index[:, None] - index)]


def _whitening(autocorrelation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Prediction error filters (frames, order + 1), first coefficient 1, of least energy."""
    prediction = np.linalg.solve(autocorrelation[:, 1:, 1:], -autocorrelation[:, 1:, :1])[..., 0]
    return np.concatenate([np.ones_like(prediction[:, :1]), prediction], axis=1)


def _energy(filters: NDArray[np.float64], autocorrelation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Energy of each filtered frame: (frames,)."""
    return np.einsum("fi,fij,fj->f", filters, autocorrelation, filters)
