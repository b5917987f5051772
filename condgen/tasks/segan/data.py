"""Pairs of noisy and clean recordings to windows of pre-emphasised speech."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from condgen.data import audio, loading
from condgen.data.check import Demands, FieldPair
from condgen.data.decoded import DecodedCache
from condgen.data.loading import Draw
from condgen.data.manifest import Manifest, Row, Split
from condgen.data.media import Media
from condgen.errors import UserError, refuse_below

if TYPE_CHECKING:
    from condgen.config import RunConfig

QUIETER, LOUDER = -25.0, 3.0  # dB, by how much `augment` changes the level of a window
FAINTER, STRONGER = -15.0, 5.0  # dB, and that of its noise: nearly clean speech must be seen to be left alone
TILT = 6.0  # dB, deviation by which the level of drawn noise changes from an octave to the next
LOWEST, OCTAVES = 40.0, 8  # Hz; of drawn noise, flat below
SHORTEST = 0.25  # seconds of a validation recording that the measures can judge


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Recordings in a manifest: fields `noisy` and `clean`, mono, at the model's sample rate, of equal length."""

    manifest: str = "data/segan/manifest.jsonl"
    hop: int = 8192  # samples from one training window to the next; the paper's half window
    augment: bool = False  # not in the paper, for small data: windows start anywhere, levels of speech and noise vary,
    # and two thirds of the noises come from another recording or are drawn. Noisy minus clean must be noise: it is not
    # where speech is clipped or reverberant
    cache_gigabytes: float = 4.0  # decoded recordings kept in memory
    validation_recordings: int = 16  # how many of the validation split a report during training looks at

    def __post_init__(self):
        if self.hop < 1:
            raise ValueError(f"hop must be 1 sample or more, got {self.hop}")
        refuse_below(self, 0, "cache_gigabytes")
        refuse_below(self, 1, "validation_recordings")


@dataclass(frozen=True, eq=False)
class Batch(loading.Batch):
    noisy: Tensor  # (B, 1, window), pre-emphasised
    clean: Tensor  # (B, 1, window), pre-emphasised


def read_pair(row: Row, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy and clean recording of a row, float32 (T,) each, in [-1, 1].

    Raises:
        UserError: a file is missing or damaged, not mono, of another rate, or the lengths differ.
    """
    signals = []
    for name in ("noisy", "clean"):
        signal, rate = audio.read(row.path(name))
        if rate != sample_rate or signal.shape[1] != 1:
            raise UserError(
                f"{row.path(name)}: {rate} Hz and {signal.shape[1]} channels, the model takes {sample_rate} Hz mono; "
                "prepare the data anew with a script of data_prep/, which converts"
            )
        signals.append(signal[:, 0])
    noisy, clean = signals
    if len(noisy) != len(clean):
        raise UserError(f"{row.where}: {len(noisy)} noisy and {len(clean)} clean samples; run `condgen data check`")
    return noisy, clean


def emphasise(signal: np.ndarray, factor: float, before: float = 0.0) -> np.ndarray:
    """y[n] = x[n] - factor x[n - 1] for (T,) float32; `before` is x[-1]."""
    shifted = np.concatenate([np.float32([before]), signal[:-1]])
    return signal - np.float32(factor) * shifted


class Dataset(TorchDataset):
    """Windows of the recordings of one split, `hop` samples apart; recordings shorter than a window end in silence."""

    def __init__(self, config: DataConfig, sample_rate: int, window: int, pre_emphasis: float, split: str = "train"):
        self.config, self.sample_rate, self.window, self.pre_emphasis = config, sample_rate, window, pre_emphasis
        self.rows = Manifest.read(Path(config.manifest)).rows(split)
        self.windows = [
            (index, start)
            for index, row in enumerate(self.rows)
            for start in range(0, max(audio.length(row.path("clean")) - window, 0) + 1, config.hop)
        ]  # as in the paper, what is left over behind the last whole window is not used
        self._cache = DecodedCache[int](config.cache_gigabytes)

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, draw: Draw) -> Batch:
        index, start = self.windows[draw.index]
        if not self.config.augment:
            noisy, clean = self._window(index, start)
        else:
            noisy, clean = self._augmented(index, draw.random())
        return Batch(noisy=torch.from_numpy(noisy)[None], clean=torch.from_numpy(clean)[None])

    def _augmented(self, index: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """A third keep their noise, a third get another's, as Remix does (Defossez et al., 2020), a third drawn noise.

        Few recordings of noise are few spectra; rain, fans and hiss are Gaussian noise of any spectrum.
        """
        noisy, clean = self._window(index, self._anywhere(index, random))
        noise, source = noisy - clean, random.integers(3)
        if source == 1:
            other = int(random.integers(len(self.rows)))
            other_noisy, other_clean = self._window(other, self._anywhere(other, random))
            noise = other_noisy - other_clean
        elif source == 2:
            noise = np.float32(_level(noise)) * self._drawn_noise(random)
        noisy = clean + np.float32(10 ** (random.uniform(FAINTER, STRONGER) / 20)) * noise
        gain = np.float32(10 ** (random.uniform(QUIETER, LOUDER) / 20))
        return gain * noisy, gain * clean

    def _drawn_noise(self, random: np.random.Generator) -> np.ndarray:
        """Gaussian noise whose level wanders from octave to octave: float32 (window,) of level 1."""
        levels = np.cumsum(random.normal(0, TILT, OCTAVES + 1))
        frequencies = np.fft.rfftfreq(self.window, 1 / self.sample_rate)
        octave = np.log2(np.maximum(frequencies, LOWEST) / LOWEST)
        gains = 10 ** (np.interp(octave, np.arange(OCTAVES + 1), levels) / 20)
        noise = np.fft.irfft(np.fft.rfft(random.standard_normal(self.window)) * gains, self.window)
        noise = emphasise(noise.astype(np.float32), self.pre_emphasis)
        return noise / np.float32(_level(noise))

    def _anywhere(self, index: int, random: np.random.Generator) -> int:
        return int(random.integers(max(len(self._pair(index)[0]) - self.window, 0) + 1))

    def _window(self, index: int, start: int) -> tuple[np.ndarray, np.ndarray]:
        noisy, clean = (self._cut(signal, start) for signal in self._pair(index))
        return noisy, clean

    def _cut(self, signal: np.ndarray, start: int) -> np.ndarray:
        """A window of the recording filtered as a whole: int16 or float32 (T,) -> float32 (window,)."""
        part = signal[max(start - 1, 0) : start + self.window].astype(np.float32)
        if signal.dtype == np.int16:
            part /= 32768
        part = emphasise(part, self.pre_emphasis)[min(start, 1) :]
        return np.pad(part, (0, self.window - len(part)))

    def _pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        pair = self._cache.get(index, lambda: tuple(map(_compact, read_pair(self.rows[index], self.sample_rate))))
        return pair


def _level(signal: np.ndarray) -> float:
    """RMS."""
    return float(np.sqrt(np.mean(np.square(signal, dtype=np.float64))))


def _compact(signal: np.ndarray) -> np.ndarray:
    """As int16 where that loses nothing: half the memory."""
    scaled = signal * 32768
    whole = scaled.astype(np.int16) if np.abs(signal).max(initial=0) < 1 else signal
    return whole if np.array_equal(whole, scaled) else signal


def demands(config: RunConfig) -> Demands:
    """What `condgen data check` must find before training."""
    shortest = int(SHORTEST * config.model.sample_rate)
    return Demands(
        fields={"noisy": Media.AUDIO, "clean": Media.AUDIO},
        pairs=[FieldPair("noisy", "clean")],
        sample_rate=config.model.sample_rate,
        channels=1,
        minimum_sizes={Split.TRAIN: shortest, Split.VALIDATION: shortest},
        apart=("speaker",),
        splits=(Split.TRAIN, Split.VALIDATION),
    )


def open_split(config: RunConfig, split: str) -> Dataset:
    """The windows of one split, as a run's config asks for them."""
    model = config.model
    return Dataset(config.data, model.sample_rate, model.window, model.pre_emphasis, split)
