"""What measures of enhanced speech look at: a pair of equal length, cut into windowed frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from condgen.errors import UserError

FRAME_SECONDS = 0.030


def pair(enhanced: ArrayLike, clean: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both signals in double precision.

    Raises:
        ValueError: they are not one-dimensional and of equal length.
        UserError: a sample is not finite.
    """
    enhanced, clean = np.asarray(enhanced, dtype=np.float64), np.asarray(clean, dtype=np.float64)
    if enhanced.ndim != 1 or enhanced.shape != clean.shape:
        raise ValueError(f"a pair is two (samples,) arrays of equal length, got {enhanced.shape} and {clean.shape}")
    for name, signal in (("enhanced", enhanced), ("clean", clean)):
        if bad := np.count_nonzero(~np.isfinite(signal)):
            raise UserError(f"the {name} signal has {bad} samples that are no finite number; repair or leave it out")
    return enhanced, clean


def silent(signal: NDArray[np.float64]) -> bool:
    """Whether all samples are equal, or there is none."""
    return signal.size == 0 or bool(np.ptp(signal) == 0)


def windowed(
    enhanced: ArrayLike, clean: ArrayLike, sample_rate: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frames of 30 ms under a Hann window, a quarter frame apart, as in Hu and Loizou's `composite.m`.

    As there, the window has no zeros at its ends and the last whole frame is left out.

    Args:
        enhanced: (samples,)
        clean: (samples,)
        sample_rate: in Hz.

    Returns:
        (frames, window) twice; no frame where the clean signal is silent or shorter than a frame and a quarter.

    Raises:
        ValueError, UserError: as `pair`.
    """
    enhanced, clean = pair(enhanced, clean)
    length = round(FRAME_SECONDS * sample_rate)
    hop = length // 4
    count = 0 if silent(clean) else max(0, (len(clean) - length) // hop)
    window = np.hanning(length + 2)[1:-1]
    starts = hop * np.arange(count)[:, None] + np.arange(length)
    return enhanced[starts] * window, clean[starts] * window


def mean(frame_values: NDArray[np.float64], best: float = 1.0) -> float:
    """Mean over the given share of frames with the smallest values; not a number where there is no frame."""
    if frame_values.size == 0:
        return float("nan")
    return float(np.sort(frame_values)[: round(best * frame_values.size)].mean())
