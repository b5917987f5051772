"""Weighted spectral slope distance: do peaks of the spectrum lie where they did."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from condgen.errors import UserError
from condgen.metrics.speech_signals import mean, windowed

BEST = 0.95  # share of frames that counts
GLOBAL_PEAK, LOCAL_PEAK = 20.0, 1.0  # dB; Klatt's K_max and K_locmax
FLOOR = 1e-10  # power of a band below which there is nothing
LEAST_GAIN = np.exp(-30 / (2 * 2.303))  # filters are cut off here

# Hz; even up to 540, then growing
# fmt: off
CENTRES = np.array([
    50, 120, 190, 260, 330, 400, 470, 540, 617.372, 703.378, 798.717, 904.128, 1020.38, 1148.30, 1288.72, 1442.54,
    1610.70, 1794.16, 1993.93, 2211.08, 2446.71, 2701.97, 2978.04, 3276.17, 3597.63,
])
BANDWIDTHS = np.array([
    70, 70, 70, 70, 70, 70, 70, 77.3724, 86.0056, 95.3398, 105.411, 116.256, 127.914, 140.423, 153.823, 168.154,
    183.457, 199.776, 217.153, 235.631, 255.255, 276.072, 298.126, 321.465, 346.136,
])
# fmt: on


def weighted_spectral_slope(enhanced: ArrayLike, clean: ArrayLike, sample_rate: int) -> float:
    """WSS, lower is better, 0 for equal spectra (Klatt, 1982, ICASSP).

    Differences of the slopes between 25 critical bands (50 to 3600 Hz, in dB), squared, and weighted towards bands near
    a peak. Constants, and the normalisation by the sum of weights, are those of Hu and Loizou's `composite.m`, from
    which the published tables come: 30 ms Hann frames a quarter frame apart, mean without the worst 5 % of frames.

    Args:
        enhanced: (samples,) in [-1, 1].
        clean: (samples,), aligned with it.
        sample_rate: in Hz, 8000 or more.

    Returns:
        dB squared, at least 0; not a number where the clean signal is silent or shorter than a frame.

    Raises:
        ValueError: the signals are not one-dimensional and of equal length.
        UserError: a sample is not finite, or the sample rate is too low for the bands.
    """
    if sample_rate < 8000:
        raise UserError(f"the weighted spectral slope needs 8000 Hz or more, got {sample_rate}; take such a recording")
    enhanced, clean = (_levels(frames, sample_rate) for frames in windowed(enhanced, clean, sample_rate))
    weights = (_weights(enhanced) + _weights(clean)) / 2
    differences = np.square(np.diff(enhanced) - np.diff(clean))
    return mean((weights * differences).sum(axis=1) / weights.sum(axis=1), best=BEST)


def _levels(frames: NDArray[np.float64], sample_rate: int) -> NDArray[np.float64]:
    """(frames, window) -> dB in each band (frames, 25)."""
    size = 2 ** int(np.ceil(np.log2(2 * frames.shape[1])))
    power = np.square(np.abs(np.fft.rfft(frames, size)[:, :-1]))
    return 10 * np.log10(np.maximum(power @ _filters(size, sample_rate).T, FLOOR))


@cache
def _filters(size: int, sample_rate: int) -> NDArray[np.float64]:
    """Gaussian filters over the bins of a transform, equal in area: (25, size / 2)."""
    hertz = sample_rate / size
    distance = np.arange(size // 2) - np.floor(CENTRES / hertz)[:, None]
    gains = BANDWIDTHS[0] / BANDWIDTHS[:, None] * np.exp(-11 * np.square(distance * hertz / BANDWIDTHS[:, None]))
    return np.where(gains > LEAST_GAIN, gains, 0)


def _weights(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """(frames, 25) -> 0..1 for each slope (frames, 24), large near the loudest band and near a peak."""
    below_loudest = levels.max(axis=1, keepdims=True) - levels[:, :-1]
    below_peak = np.take_along_axis(levels, _peaks(levels), axis=1) - levels[:, :-1]
    return GLOBAL_PEAK / (GLOBAL_PEAK + below_loudest) * LOCAL_PEAK / (LOCAL_PEAK + below_peak)


def _peaks(levels: NDArray[np.float64]) -> NDArray[np.intp]:
    """(frames, 25) -> the band that each slope climbs to (frames, 24).

    Upwards it is one band short of the peak: a slip of `composite.m` that the published figures have in them.
    """
    rises = np.diff(levels) > 0
    slopes = np.arange(rises.shape[1])
    last_rise = np.maximum.accumulate(np.where(rises, slopes, -1), axis=1)
    next_fall = np.minimum.accumulate(np.where(rises, len(slopes), slopes)[:, ::-1], axis=1)[:, ::-1]
    return np.where(rises, next_fall - 1, last_rise + 1)
