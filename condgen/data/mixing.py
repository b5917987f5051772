"""Noisy speech from clean speech and noise: levels, random excerpts, mixtures at a given ratio, degradations.

All signals are mono, float32 in [-1, 1], of shape (samples,), and all signals of a call have one sample rate.
"""

from __future__ import annotations

import math

import numpy as np

MARGIN = 15.9  # dB from the active level down to the threshold of activity (P.56, 5.1)
TIME_CONSTANT, HANGOVER = 0.03, 0.2  # seconds (P.56, 5.1)
PEAK_LIMIT = 0.99  # below full scale, so that a later change of the sample rate does not overshoot
CROSS_FADE = 512  # samples from the end of a loop into its beginning
SILENCE = 1e-3  # of the peak: what stays below it at either end of a noise is padding
QUIET = 1e-3  # of the noise's power (-30 dB): quieter excerpts hold the gap between two events, and no noise
DRAWS = 32  # of an excerpt before the loudest place is taken

_FULL_SCALE_SILENCE = 1e-7  # no 24-bit recording has a quieter envelope that is not digital silence


def active_level(signal: np.ndarray, sample_rate: int) -> float:
    """Level of the active parts, in dB of full scale (an rms of 1 is 0 dB): pauses do not lower it.

    ITU-T P.56 (2011), method B: a sample is active if the smoothed envelope has reached a threshold in the last 0.2
    seconds, and the threshold lies 15.9 dB below the level of the samples that are active by it. P.56 interpolates
    between thresholds 6 dB apart; here every value of the envelope is tried, so that a gain changes the level by
    exactly that gain. For steady noise it is the rms.

    Args:
        signal: (samples,).
        sample_rate: in Hz.

    Returns:
        The level; -inf for silence.
    """
    from scipy.ndimage import maximum_filter1d
    from scipy.signal import lfilter

    energy = float(np.square(signal, dtype=np.float64).sum())
    decay = math.exp(-1 / (sample_rate * TIME_CONSTANT))
    envelope = np.abs(signal).astype(np.float64)
    for _ in range(2):
        envelope = lfilter([1 - decay], [1, -decay], envelope)
    held = round(HANGOVER * sample_rate) + 1
    envelope = maximum_filter1d(envelope, held, origin=held // 2, mode="constant")  # the maximum of the past
    thresholds = np.sort(envelope[envelope > _FULL_SCALE_SILENCE])
    if not len(thresholds):
        return -math.inf
    active = len(thresholds) - np.searchsorted(thresholds, thresholds)  # samples that reach each of them
    levels = 10 * np.log10(energy / active)
    near = levels - 20 * np.log10(thresholds) <= MARGIN
    return float(levels[np.argmax(near) if near.any() else -1])  # a single click: over the hangover


def excerpt(noise: np.ndarray, length: int, random: np.random.Generator) -> np.ndarray:
    """A random excerpt with something in it: drawn again while it is 30 dB below the noise's mean power.

    Silence at both ends is no part of the noise. A noise that is too short is looped; its end is cross-faded into its
    beginning with constant power, as the two are not correlated.

    Args:
        noise: (samples,), not silent.
        length: in samples.
        random: where the excerpt begins.

    Returns:
        (length,).

    Raises:
        ValueError: the noise is silent.
    """
    magnitude = np.abs(noise)
    sounding = np.flatnonzero(magnitude > SILENCE * magnitude.max(initial=0))
    if not len(sounding):
        raise ValueError("the noise is silent")
    noise = noise[sounding[0] : sounding[-1] + 1]
    power = np.square(noise, dtype=np.float64).mean()
    if len(noise) < length:
        noise = _looped(noise, length + len(noise))
    last = len(noise) - length
    for _ in range(DRAWS):
        start = int(random.integers(last + 1))
        part = noise[start : start + length]
        if np.square(part, dtype=np.float64).mean() > QUIET * power:
            return part
    start = min(max(int(np.abs(noise).argmax()) - length // 2, 0), last)
    return noise[start : start + length]


def mix(
    clean: np.ndarray, noise: np.ndarray, snr: float, sample_rate: int, *, heard: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Add noise to speech.

    The ratio is that of the active levels of both. With the mean power of a whole excerpt, one bark in three seconds
    at "0 dB" would be ten times louder than the speech that it hides; with the active level, a ratio says how loud a
    noise is while it lasts. The two agree for steady noise.

    Args:
        clean: (samples,), the target, not silent.
        noise: (samples,), not silent.
        snr: active level of the speech over active level of the noise, in dB.
        sample_rate: in Hz.
        heard: (samples,), the speech as it reaches the microphone, e.g. reverberant; the clean speech unless given.

    Returns:
        noisy and clean, (samples,) each: both scaled down by the same factor where one would exceed full scale.
    """
    speech = clean if heard is None else heard
    gain = 10 ** ((active_level(speech, sample_rate) - active_level(noise, sample_rate) - snr) / 20)
    return without_overload(speech + np.float32(gain) * noise, clean)


def without_overload(noisy: np.ndarray, clean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as they are, or both scaled down by one factor where a sample of one exceeds full scale."""
    peak = max(float(np.abs(noisy).max()), float(np.abs(clean).max()))
    if peak <= PEAK_LIMIT:
        return noisy, clean
    factor = np.float32(PEAK_LIMIT / peak)
    return noisy * factor, clean * factor


def clip_peaks(signal: np.ndarray, share: float) -> np.ndarray:
    """The signal as an overloaded input gives it: the loudest `share` of the samples, in (0, 1), are cut off flat."""
    limit = np.quantile(np.abs(signal), 1 - share)
    return np.clip(signal, -limit, limit)


def reverberate(speech: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Speech in a room, as loud and as late on the direct path as the dry speech: this stays the aligned target.

    Args:
        speech: (samples,).
        response: (taps,) of the room; its largest tap is taken for the direct path.

    Returns:
        (samples,); the tail after the end is cut off.
    """
    from scipy.signal import fftconvolve

    direct = int(np.abs(response).argmax())
    echoes = fftconvolve(speech, response / response[direct])
    return echoes[direct : direct + len(speech)].astype(np.float32)


def limit_band(signal: np.ndarray, sample_rate: int, band_rate: int) -> np.ndarray:
    """Resampled to `band_rate` Hz and back, in place: nothing is left from band_rate / 2 upwards, as on a telephone."""
    import soxr

    low = soxr.resample(signal, sample_rate, band_rate)
    back = soxr.resample(low, band_rate, sample_rate)[: len(signal)]
    return np.pad(back, (0, len(signal) - len(back)))


def _looped(noise: np.ndarray, length: int) -> np.ndarray:
    """(length,) of endless repetitions."""
    fade = min(CROSS_FADE, len(noise) // 2)
    rise = np.sin(np.pi / 2 * (np.arange(fade) + 0.5) / max(fade, 1)).astype(np.float32)
    once = noise.astype(np.float32)
    once[:fade] *= rise
    once[len(once) - fade :] *= rise[::-1]
    step = len(once) - fade
    repeats = math.ceil((length + fade) / step)
    looped = np.zeros(repeats * step + fade, np.float32)
    for number in range(repeats):
        looped[number * step : number * step + len(once)] += once
    return looped[fade : fade + length]  # without the first rise, which fades in from nothing
