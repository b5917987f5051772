"""Voices of two speakers, or of two groups of speakers, as log-mel frames: to train on, and to convert."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from condgen.data import audio
from condgen.data.loading import Draw
from condgen.data.manifest import Row
from condgen.data.mel import MelConfig, MelSpectrogram, active_frames
from condgen.data.mixing import active_level
from condgen.errors import UserError
from condgen.tasks.cyclegan.data import Batch

LEVEL = -26.0  # dB of full scale of active speech (P.56), at which the networks hear every recording
LEAST_SPEECH = 0.25  # part of a training crop that is no pause
MULTIPLE = 16  # of frames that the networks take: enough for ResNets, and for U-Nets of 4 levels
CONTEXT = 0.5  # seconds that a block sees of its neighbours
FADE = 0.02  # seconds, from one block into the next
LULL = 0.05  # seconds over which the quietest place is sought
MINUTE = 60  # seconds whose level is taken at once


class SpeechDataset(TorchDataset):
    """Random crops of both domains: as many as the larger has recordings, each with a random one of the other.

    All recordings are decoded at once and kept as frames, of which a minute takes 0.6 MB; all at one level, so that
    loudness tells no domain. Crops are chosen so that a quarter is no pause, where there are such. Recordings that are
    shorter than a crop go on backwards.

    Args:
        rows_a, rows_b: of a manifest, field `audio`: mono, at the rate of `mel`.
        mel: what the frames are made of.
        frames: of a crop.
        dimensions: of the networks: 1 for items (mels, frames), 2 for (1, mels, frames).

    Raises:
        UserError: a file is missing, damaged or silent, not mono, or of another rate.
    """

    def __init__(
        self, rows_a: Sequence[Row], rows_b: Sequence[Row], mel: MelConfig, frames: int, *, dimensions: int = 1
    ):
        self.frames, self.dimensions = frames, dimensions
        spectrogram = MelSpectrogram(mel)
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            self._spectra = [list(pool.map(lambda row: _frames(row, spectrogram), rows)) for rows in (rows_a, rows_b)]
        self._drawn = 0 if len(self._spectra[0]) < len(self) else 1
        self._starts = [[_starts(mel.decibels(one), frames) for one in some] for some in self._spectra]

    def __len__(self) -> int:
        return max(map(len, self._spectra))

    def __getitem__(self, draw: Draw) -> Batch:
        random = draw.random()
        a, b = (self._crop(domain, draw.index, random) for domain in range(2))
        return Batch(a=a, b=b)

    def _crop(self, domain: int, index: int, random: np.random.Generator) -> Tensor:
        spectra = self._spectra[domain]
        if domain == self._drawn:
            index = int(random.integers(len(spectra)))
        start = int(random.choice(self._starts[domain][index]))
        crop = _extended(spectra[index][:, start : start + self.frames], self.frames)
        return crop.reshape(*[1] * (self.dimensions - 1), *crop.shape)


def read_speech(row: Row, sample_rate: int) -> np.ndarray:
    """The recording of a row, float32 (T,) in [-1, 1].

    Raises:
        UserError: the file is missing or damaged, not mono, or of another rate.
    """
    path = row.path("audio")
    signal, rate = audio.read(path)
    if rate != sample_rate or signal.shape[1] != 1:
        raise UserError(
            f"{path}: {rate} Hz and {signal.shape[1]} channels, the model takes {sample_rate} Hz mono; prepare the "
            "data anew with data_prep/voices.py, which converts"
        )
    return signal[:, 0]


def convert(
    waveform: np.ndarray,
    translate: Callable[[Tensor], Tensor],
    mel: MelConfig,
    *,
    dimensions: int = 1,
    seconds: float = 30.0,
    multiple: int = MULTIPLE,
) -> np.ndarray:
    """A recording in the other voice, as loud as it was (RMS).

    The networks hear it at the level they were trained at; of what they make, nothing but that level is changed:
    means and variances of the bands are theirs.

    Recordings longer than `seconds` are converted in blocks that end where it is quietest within their second half,
    each with half a second of its neighbours, and faded into each other there: memory is that of a block, beside the
    recordings themselves. What blocks change: instance norm takes its statistics from a block instead of from the
    recording, so that the same words may come out a little otherwise; `seconds=math.inf` takes the recording whole.

    Args:
        waveform: floating point (T,) in [-1, 1], at the rate of `mel`.
        translate: log-mel frames (1, mels, frames), or with two dimensions (1, 1, mels, frames), in [-1, 1] to as many.
        mel: what the frames are made of.
        dimensions: of the networks, 1 or 2.
        seconds: of a block at most, 1 or more.
        multiple: of frames that the networks take. What is missing is the recording backwards.

    Returns:
        float32 (T,), which may exceed [-1, 1] if the other voice has higher peaks.

    Raises:
        ValueError: the waveform or a value has no such form, or `translate` returns another number of frames.
    """
    if waveform.ndim != 1 or waveform.dtype.kind != "f" or not seconds >= 1:
        raise ValueError(f"give floating point (T,), blocks of 1 s or more; got {waveform.shape} and {seconds} s")
    level = _speech_level(waveform, mel.sample_rate)
    made = np.zeros(len(waveform), np.float32)
    if level == -math.inf:
        return made
    gain, spectrogram = np.float32(10 ** ((LEVEL - level) / 20)), MelSpectrogram(mel)

    def converted(part: np.ndarray) -> np.ndarray:
        signal = _whole(np.float32(part) * gain, mel.hop, multiple)
        frames = spectrogram(torch.from_numpy(signal))
        wanted = frames.reshape(*[1] * dimensions, *frames.shape)
        given = translate(wanted)
        if given.shape != wanted.shape:
            raise ValueError(f"translate made {tuple(given.shape)} of {tuple(wanted.shape)}; it must keep the shape")
        return spectrogram.to_waveform(given.reshape(frames.shape), len(signal))[: len(part)].numpy()

    fade = min(round(FADE / 2 * mel.sample_rate), mel.hop)  # no cut lies nearer to an end
    context = round(CONTEXT * mel.sample_rate)
    for first, last in pairwise([0, *_cuts(waveform, mel, seconds), len(waveform)]):
        seen = slice(max(first - context, 0), last + context)
        kept = slice(max(first - fade, 0), min(last + fade, len(waveform)))
        block = converted(waveform[seen])[kept.start - seen.start : kept.stop - seen.start]
        made[kept] += block * _fade(kept, first, last, fade, len(waveform))
    power = _rms(made)
    return made * np.float32(_rms(waveform) / power if power else 0)


def _frames(row: Row, spectrogram: MelSpectrogram) -> Tensor:
    """Log-mel frames of a row's recording at the common level; float16, whose steps are 0.02 dB at most."""
    rate = spectrogram.config.sample_rate
    signal = read_speech(row, rate)
    level = _speech_level(signal, rate)
    if level == -math.inf:
        raise UserError(f"{row.path('audio')}: is silent; take the row out")
    return spectrogram(torch.from_numpy(signal) * 10 ** ((LEVEL - level) / 20)).half()


def _starts(decibels: Tensor, length: int) -> np.ndarray:
    """Where crops may begin: enough of them is speech, or else as much as can be had."""
    speech = np.pad(np.cumsum(active_frames(decibels.float()).numpy()), (1, 0))
    last = max(len(speech) - 1 - length, 0)
    active = speech[np.minimum(np.arange(last + 1) + length, len(speech) - 1)] - speech[: last + 1]
    return np.flatnonzero(active >= min(math.ceil(LEAST_SPEECH * length), active.max()))


def _extended(frames: Tensor, length: int) -> Tensor:
    """(mels, frames) to (mels, length), backwards and forwards again where it is shorter."""
    missing = length - frames.shape[1]
    return torch.from_numpy(np.pad(frames.float().numpy(), ((0, 0), (0, missing)), mode="symmetric"))


def _whole(signal: np.ndarray, hop: int, multiple: int) -> np.ndarray:
    """The signal, and behind it itself backwards until its frames are a multiple."""
    frames = -(-(1 + len(signal) // hop) // multiple) * multiple
    return np.pad(signal, (0, max(0, (frames - 1) * hop - len(signal))), mode="symmetric")


def _speech_level(signal: np.ndarray, sample_rate: int) -> float:
    """The active level in dB, of long recordings that of the median minute; -inf for silence."""
    size = MINUTE * sample_rate
    levels = [active_level(signal[start : start + size], sample_rate) for start in range(0, len(signal), size)]
    heard = [level for level in levels if level > -math.inf]
    return float(np.median(heard)) if heard else -math.inf


def _cuts(waveform: np.ndarray, mel: MelConfig, seconds: float) -> Iterator[int]:
    """Samples at which a block ends and the next begins: the quietest place of the second half of each block."""
    if len(waveform) <= seconds * mel.sample_rate:
        return
    size, lull = (round(span * mel.sample_rate / mel.hop) for span in (seconds, LULL))
    steps = waveform[: len(waveform) // mel.hop * mel.hop].reshape(-1, mel.hop)
    power = np.convolve(np.square(steps).mean(axis=1, dtype=np.float64), np.ones(max(lull, 1)), mode="same")
    start = 0
    while len(power) - start > size:
        middle = start + size // 2
        start = middle + int(power[middle : start + size].argmin())
        yield start * mel.hop + mel.hop // 2


def _fade(kept: slice, first: int, last: int, fade: int, length: int) -> np.ndarray:
    """The weight of a block's samples: it rises around `first` and falls around `last`, unless nothing is there."""
    weight = np.ones(kept.stop - kept.start, np.float32)
    ramp = ((np.arange(2 * fade) + 0.5) / (2 * fade)).astype(np.float32)
    if first:
        weight[: 2 * fade] *= ramp
    if last < length:
        weight[-2 * fade :] *= ramp[::-1]
    return weight


def _rms(signal: np.ndarray) -> float:
    return math.sqrt(np.mean(np.square(signal, dtype=np.float64))) if len(signal) else 0.0
