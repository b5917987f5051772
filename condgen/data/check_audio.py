"""What a data check hears: the defects of one recording, and whether two recordings of the same thing fit together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from condgen.data.audio import Form, Reader
from condgen.data.findings import Comparison, File
from condgen.data.media import Problem

SILENT = 10 ** (-80 / 20)  # of full scale: no sample above it, 10 dB over the noise of 16 bits, is silence
FULL_SCALE = 1 - 2 / 2**15  # and above: what clipping at 16 bits or more leaves
CLIPPED_SHARE = 1e-4  # of the samples: fewer are single peaks, which nobody hears
OFFSET = 0.02  # of full scale

SECONDS_COMPARED = 30  # of a pair
LARGEST_LAG = 1.0  # seconds
WHITENING = 0.75  # 1 is the phase transform, which gives empty bands as much to say as speech; 0 blurs the peak
CLEAR = 20.0  # peak over rms of the cross-correlation: speech with noise down to -5 dB has more, two sentences less
NEAR = 0.025  # seconds around a peak that belong to it
TOLERANCE = 1  # samples: a filter or a resampler may round to either side
OTHER_LEVEL = 6.0  # dB: noise, rooms and clipping change the level of speech by less
BAND = (300.0, 3400.0)  # Hz, of a telephone: what every recording has, without rumble
FRAME = 0.032  # seconds
FEWEST_FRAMES = 10
NOTHING = 1e-5  # of full scale, -100 dB: a frame below is digital silence, a pause of a synthetic voice or a drop-out
LOUD, QUIET = 95, 10  # percentiles of the frames
AMBIGUOUS = 0.5  # of the peak at no lag at all: a tone fits at every period, and echoes can be louder than the voice


class Listener:
    """Hears one recording, block after block, in constant memory."""

    def __init__(self, form: Form):
        self.frames = 0
        self._rate = form.sample_rate
        self._peak = 0.0
        self._sum = np.zeros(form.channels)
        self._clipped = 0
        self._before = np.zeros((2, form.channels), bool)  # whether the last two frames were at full scale
        self._hash = hashlib.sha256(f"{form.sample_rate} Hz, {form.channels} channels ".encode())

    def hear(self, block: np.ndarray) -> None:
        """The next float32 (frames, channels)."""
        self.frames += len(block)
        self._hash.update(np.ascontiguousarray(block))
        magnitude = np.abs(block)
        self._peak = max(self._peak, float(magnitude.max()))
        self._sum += block.sum(axis=0, dtype=np.float64)
        full = np.concatenate([self._before, magnitude >= FULL_SCALE])
        self._clipped += int(np.count_nonzero(full[:-2] & full[1:-1] & full[2:]))
        self._before = full[-2:]

    @property
    def contents(self) -> str:
        """Hash of what was heard: the same for a lossless copy."""
        return self._hash.hexdigest()

    def problems(self) -> Iterator[Problem]:
        """Once everything has been heard."""
        if self._peak < SILENT:
            yield Problem("silence, no sample above -80 dB of full scale", "take the row out")
            return
        share = self._clipped / (self.frames * len(self._sum))
        if share >= CLIPPED_SHARE:  # samples that follow two others at full scale
            text = f"clipped, {share:.2%} of the samples in runs at full scale"
            yield Problem(text, "record or export it with less gain", is_error=False)
        offset = float(np.abs(self._sum).max() / self.frames)
        if offset > OFFSET:
            yield Problem(f"an offset of {offset:.3f} from zero", "subtract the mean", is_error=False)


@dataclass(frozen=True)
class Alignment:
    """How one signal lies on another."""

    lag: int  # samples, positive if the first is late
    clearness: float  # peak of the cross-correlation over the rms of the rest
    at_no_lag: float  # correlation at no lag over the peak
    inverted: bool  # the peak is negative


def compare(small: File, large: File) -> Comparison:
    """Whether two recordings have one form and one length and hold the same speech; told about the large one."""
    forms = [(file.look.sample_rate, file.look.channels) for file in (small, large)]
    if forms[0] != forms[1]:
        (rate, channels), (large_rate, large_channels) = forms
        text = f"{large_rate} Hz with {large_channels} channels, {small.field} has {rate} with {channels}"
        return Comparison((Problem(text, "prepare the data anew, which resamples and mixes"),))
    if small.look.size != large.look.size:
        text = f"{large.look.size[0]} samples, {small.field} has {small.look.size[0]}"
        return Comparison((Problem(text, "align them, then cut both to one length"),))
    one, other = _beginning(small.path), _beginning(large.path)
    if not one.any() or not other.any():
        return Comparison()  # silence is told elsewhere, or only begins these files
    rate = small.look.sample_rate
    alignment = align(one, other, round(LARGEST_LAG * rate), round(NEAR * rate))
    if alignment.clearness < CLEAR:
        text = f"{small.field} does not sound like it"
        return Comparison((Problem(text, "make sure that both are the same recording", is_error=False),))
    if abs(alignment.lag) > TOLERANCE and alignment.at_no_lag < AMBIGUOUS:
        way = "lags" if alignment.lag > 0 else "is ahead of"
        text = f"{small.field} {way} {large.field} by {abs(alignment.lag)} samples"
        return Comparison((Problem(text, "align them"),))
    return _levels(one, other, alignment, small, large)


def _levels(one: np.ndarray, other: np.ndarray, alignment: Alignment, small: File, large: File) -> Comparison:
    """Polarity, gain and floor of two aligned signals."""
    one, other = (_speech_band(signal, small.look.sample_rate) for signal in (one, other))
    energy = float(np.dot(other, other))
    factor = float(np.dot(one, other)) / energy if energy else 0.0  # least squares: noise is not correlated with speech
    frames = np.stack([_frame_levels(signal, small.look.sample_rate) for signal in (one, other)])
    if not factor or frames.shape[1] < FEWEST_FRAMES:
        return Comparison()
    if alignment.inverted and factor < 0:  # both: an echo can turn the sign of one of them
        text = f"{small.field} has the opposite polarity"
        return Comparison((Problem(text, f"multiply {small.field} or {large.field} by -1"),))
    gain = 20 * np.log10(abs(factor))
    louder = np.subtract(*np.percentile(frames, LOUD, axis=1))
    problems = []
    if min(gain, louder) > OTHER_LEVEL or max(gain, louder) < -OTHER_LEVEL:  # both: strong echoes change the first
        way = "louder" if gain > 0 else "softer"
        text = f"speech in {small.field} is {abs(gain):.1f} dB {way}"
        # a note, as it may be meant: a distant microphone beside a close one
        problems.append(Problem(text, "a model learns to change levels too; scale one, if not meant", is_error=False))
    sounding = frames[:, (frames > 20 * np.log10(NOTHING)).all(axis=0)]
    if sounding.shape[1] < FEWEST_FRAMES:
        return Comparison(tuple(problems))
    floor = np.subtract(*np.percentile(sounding, QUIET, axis=1)) - gain
    return Comparison(tuple(problems), float(floor))


def align(one: np.ndarray, other: np.ndarray, largest: int, near: int) -> Alignment:
    """By how many samples `one` lags behind `other`, from their cross-correlation.

    The spectra are partly whitened (generalized cross-correlation, Knapp and Carter, 1976), because the plain
    correlation of speech is as wide as its vowels.

    Args:
        one: (samples,).
        other: (samples,).
        largest: lag that is considered, in samples.
        near: samples on either side of the peak that belong to it.
    """
    from scipy import fft

    size = fft.next_fast_len(len(one) + len(other), real=True)
    cross = fft.rfft(one, size) * np.conj(fft.rfft(other, size))
    cross /= (np.abs(cross) + 1e-12 * np.abs(cross).max()) ** WHITENING
    circular = fft.irfft(cross, size)
    largest = min(largest, len(one) // 4, len(other) // 4)  # where less overlaps, two clicks are enough for a peak
    correlation = np.concatenate([circular[size - largest :], circular[: largest + 1]])
    magnitude = np.abs(correlation)
    place = int(magnitude.argmax())
    rest = np.delete(magnitude, slice(max(0, place - near), place + near + 1))
    rms = float(np.sqrt(np.mean(np.square(rest)))) if len(rest) else 0.0
    peak = float(magnitude[place])
    return Alignment(
        lag=place - largest,
        clearness=peak / rms if rms else 0.0,
        at_no_lag=float(magnitude[largest]) / peak,
        inverted=bool(correlation[place] < 0),
    )


def _speech_band(signal: np.ndarray, rate: int) -> np.ndarray:
    from scipy.signal import butter, sosfilt

    low, high = (min(edge, share * rate) for edge, share in zip(BAND, (0.05, 0.45), strict=True))
    return sosfilt(butter(2, (low, high), "bandpass", fs=rate, output="sos"), signal)


def _frame_levels(signal: np.ndarray, rate: int) -> np.ndarray:
    """(frames,) in dB of full scale."""
    length = max(1, round(FRAME * rate))
    frames = signal[: len(signal) // length * length].reshape(-1, length)
    return 10 * np.log10(np.mean(np.square(frames), axis=1) + 1e-20)


def _beginning(path: Path) -> np.ndarray:
    """Up to `SECONDS_COMPARED` seconds, channels mixed: (samples,)."""
    with Reader(path) as reader:
        block = next(reader.blocks(SECONDS_COMPARED * reader.form.sample_rate))
    return block.mean(axis=1, dtype=np.float32)
