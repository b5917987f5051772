"""What a data check hears: the defects of one recording, and whether two recordings of the same thing are aligned."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from condgen.data.audio import Form, Reader
from condgen.data.findings import File
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


def compare(small: File, large: File) -> Iterator[Problem]:
    """Whether two recordings have one form and one length and sound at the same time; told about the large one.

    Lags are found by cross-correlation of the beginnings, with spectra partly whitened (generalized cross-correlation,
    Knapp and Carter, 1976), because the plain correlation of speech is as wide as its vowels.
    """
    forms = [(file.look.sample_rate, file.look.channels) for file in (small, large)]
    if forms[0] != forms[1]:
        (rate, channels), (large_rate, large_channels) = forms
        text = f"{large_rate} Hz with {large_channels} channels, {small.field} has {rate} with {channels}"
        yield Problem(text, "prepare the data anew, which resamples and mixes")
    elif small.look.size != large.look.size:
        text = f"{large.look.size[0]} samples, {small.field} has {small.look.size[0]}"
        yield Problem(text, "align them, then cut both to one length")
    else:
        yield from _misalignment(small, large)


def _misalignment(small: File, large: File) -> Iterator[Problem]:
    one, other = _beginning(small.path), _beginning(large.path)
    if not one.any() or not other.any():
        return  # silence is told elsewhere, or only begins these files
    rate = small.look.sample_rate
    lag, clearness, at_no_lag = peak_lag(one, other, round(LARGEST_LAG * rate), round(NEAR * rate))
    if clearness < CLEAR:
        text = f"{small.field} does not sound like it"
        yield Problem(text, "make sure that both are the same recording", is_error=False)
    elif abs(lag) > TOLERANCE and at_no_lag < AMBIGUOUS:
        way = "lags" if lag > 0 else "is ahead of"
        yield Problem(f"{small.field} {way} {large.field} by {abs(lag)} samples", "align them")


def peak_lag(one: np.ndarray, other: np.ndarray, largest: int, near: int) -> tuple[int, float, float]:
    """By how many samples `one` lags behind `other`, from their cross-correlation.

    Args:
        one: (samples,).
        other: (samples,).
        largest: lag that is considered, in samples.
        near: samples on either side of the peak that belong to it.

    Returns:
        The lag, positive if `one` is late; the peak over the rms of the rest; the correlation at no lag over the peak.
    """
    from scipy import fft

    size = fft.next_fast_len(len(one) + len(other), real=True)
    cross = fft.rfft(one, size) * np.conj(fft.rfft(other, size))
    cross /= (np.abs(cross) + 1e-12 * np.abs(cross).max()) ** WHITENING
    circular = fft.irfft(cross, size)
    largest = min(largest, len(one) // 4, len(other) // 4)  # where less overlaps, two clicks are enough for a peak
    magnitude = np.abs(np.concatenate([circular[size - largest :], circular[: largest + 1]]))
    place = int(magnitude.argmax())
    rest = np.delete(magnitude, slice(max(0, place - near), place + near + 1))
    rms = float(np.sqrt(np.mean(np.square(rest)))) if len(rest) else 0.0
    peak = float(magnitude[place])
    return place - largest, peak / rms if rms else 0.0, float(magnitude[largest]) / peak


def _beginning(path: Path) -> np.ndarray:
    """Up to `SECONDS_COMPARED` seconds, channels mixed: (samples,)."""
    with Reader(path) as reader:
        block = next(reader.blocks(SECONDS_COMPARED * reader.form.sample_rate))
    return block.mean(axis=1, dtype=np.float32)
