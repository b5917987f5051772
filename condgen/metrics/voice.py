"""Whose voice it is, and whether it says the same: measures of voice conversion that need no parallel recordings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from condgen.data.mel import MelSpectrogram, active_frames

LOWEST, HIGHEST = 70.0, 400.0  # Hz, of a speaking voice
STEP = 0.010  # seconds from a pitch to the next
PERIODS = 3  # of the lowest pitch in a window
VOICED = 0.5  # correlation of a frame with itself one period later, at least
QUIET = 35.0  # dB below the loudest frame: nobody speaks
OCTAVE_COST = 0.05  # of correlation an octave: two periods of a signal are a period, too
EPSILON = 1e-12


def fundamental_frequency(signal: ArrayLike, sample_rate: int) -> NDArray[np.float64]:
    """Pitch every 10 ms by autocorrelation (Boersma, 1993), without his search for the best path.

    Args:
        signal: (samples,)
        sample_rate: in Hz, 2000 or more.

    Returns:
        (frames,) in Hz, 70 to 400; not a number where there is no voice.
    """
    signal = np.asarray(signal, dtype=np.float64)
    shortest, longest = int(sample_rate / HIGHEST), int(np.ceil(sample_rate / LOWEST))
    correlation, energy = _autocorrelation(signal, PERIODS * longest, round(STEP * sample_rate))
    lags = np.arange(shortest, longest + 1)
    here = correlation[:, shortest : longest + 1]
    is_peak = (here >= correlation[:, shortest - 1 : longest]) & (here >= correlation[:, shortest + 1 : longest + 2])
    scores = np.where(is_peak, here - OCTAVE_COST * np.log2(lags / shortest), -np.inf)
    best = scores.argmax(axis=1)
    rows, lag = np.arange(len(best)), best + shortest
    before, middle, after = (correlation[rows, lag + offset] for offset in (-1, 0, 1))
    curvature = np.minimum(before - 2 * middle + after, -EPSILON)
    frequency = sample_rate / (lag + np.clip((before - after) / (2 * curvature), -0.5, 0.5))  # top of a parabola
    loud = energy > max(energy.max(initial=0) * 10 ** (-QUIET / 10), EPSILON)
    return np.where(is_peak[rows, best] & (middle > VOICED) & loud, frequency, np.nan)


def pitch(signals: Sequence[ArrayLike], sample_rate: int) -> float:
    """The median pitch of a voice in Hz over all voiced frames: a few frames an octave off do not move it.

    Returns:
        Not a number where no frame is voiced.
    """
    frequencies = [fundamental_frequency(signal, sample_rate) for signal in signals]
    voiced = np.concatenate([some[~np.isnan(some)] for some in frequencies]) if frequencies else np.empty(0)
    return float(np.median(voiced)) if len(voiced) else float("nan")


def mean_spectrum(spectra: Sequence[Tensor]) -> Tensor:
    """The mean frame of a voice, without pauses: (mels,) in dB of spectra (mels, frames) in dB.

    The mean level is taken off: how loud somebody speaks is not who speaks.
    """
    mean = torch.cat([some[:, active_frames(some)] for some in spectra], dim=1).mean(dim=1)
    return mean - mean.mean()


def spectrum_distance(one: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    """Root mean square difference in dB between the mean frames of two voices; what is said averages out.

    Args:
        one, other: log-mel spectra (mels, frames) in dB.
    """
    return float((mean_spectrum(one) - mean_spectrum(other)).square().mean().sqrt())


def log_mel_distance(made: Tensor, wanted: Tensor) -> float:
    """Root mean square difference in dB over the bands of a frame, mean over the frames, e.g. after a whole cycle.

    Args:
        made, wanted: (mels, frames) in dB, aligned.
    """
    if made.shape != wanted.shape:
        raise ValueError(f"spectra must be of one size, got {tuple(made.shape)} and {tuple(wanted.shape)}")
    return float((made - wanted).square().mean(dim=0).sqrt().mean())


def envelope_correlation(made: ArrayLike, source: ArrayLike, sample_rate: int) -> float:
    """Pearson correlation of the levels in dB every 10 ms: 1 where syllables and pauses stay in their places.

    Levels stop 40 dB below the loudest: what goes on in pauses is nobody's speech.

    Args:
        made, source: (samples,), aligned.

    Returns:
        Not a number where one is of constant level, e.g. silent.
    """
    made, source = (_levels(np.asarray(signal, dtype=np.float64), sample_rate) for signal in (made, source))
    if made.shape != source.shape:
        raise ValueError("the signals must be equally long")
    if not len(made) or min(np.ptp(made), np.ptp(source)) < EPSILON:
        return float("nan")
    return float(np.corrcoef(made, source)[0, 1])


def compare(
    converted: Sequence[ArrayLike], sources: Sequence[ArrayLike], targets: Sequence[ArrayLike], mel: MelSpectrogram
) -> dict[str, float]:
    """Where converted speech lies between the group of voices it comes from and the one it should come to.

    Args:
        converted: signals (samples,) made from `sources`, one each and aligned.
        sources, targets: signals (samples,) of the two groups.
        mel: its spectra are compared, and its sample rate is that of all signals.

    Returns:
        `pitch`, `source_pitch` and `target_pitch` in Hz, `from_source`, `to_target` and `groups_apart` in dB (of
        `spectrum_distance`), and `envelope`, the mean of `envelope_correlation` where it is a number.
    """
    rate = mel.config.sample_rate
    made, there, wanted = (
        [mel.config.decibels(mel(torch.as_tensor(np.asarray(signal, np.float32)))) for signal in some]
        for some in (converted, sources, targets)
    )
    envelopes = [envelope_correlation(*pair, rate) for pair in zip(converted, sources, strict=True)]
    judged = [value for value in envelopes if not np.isnan(value)]
    return {
        "pitch": pitch(converted, rate),
        "source_pitch": pitch(sources, rate),
        "target_pitch": pitch(targets, rate),
        "from_source": spectrum_distance(made, there),
        "to_target": spectrum_distance(made, wanted),
        "groups_apart": spectrum_distance(there, wanted),
        "envelope": float(np.mean(judged)) if judged else float("nan"),
    }


def _autocorrelation(
    signal: NDArray[np.float64], length: int, step: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of frames under a Hann window, (frames, length), 1 at lag 0, freed of the window's own; and the frames' power."""
    padded = np.pad(signal, (length // 2, length - length // 2))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[::step]
    window = np.hanning(length + 2)[1:-1]
    size = 1 << (2 * length - 1).bit_length()

    def correlate(frames: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.fft.irfft(np.abs(np.fft.rfft(frames, size)) ** 2)[..., :length]

    own = correlate(window)
    found = correlate((frames - frames.mean(axis=1, keepdims=True)) * window)
    energy = found[:, :1]
    return found / np.maximum(energy, EPSILON) / (own / own[0]), energy[:, 0] / own[0]


def _levels(signal: NDArray[np.float64], sample_rate: int) -> NDArray[np.float64]:
    """(frames,) in dB of 10 ms frames, smoothed over 50 ms, 40 dB deep."""
    from scipy.ndimage import uniform_filter1d

    step = round(STEP * sample_rate)
    power = np.square(signal[: len(signal) // step * step].reshape(-1, step)).mean(axis=1)
    power = np.maximum(uniform_filter1d(power, 5), 0) if len(power) else power
    return 10 * np.log10(np.maximum(power, max(power.max(initial=0) * 1e-4, EPSILON)))
