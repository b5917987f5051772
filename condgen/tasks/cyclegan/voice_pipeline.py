"""A recording through a generator of log-mel frames: any rate, length and number of channels in, the same out."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from condgen.config import Precision
from condgen.data import audio
from condgen.data.audio_output import Writer
from condgen.data.waveform import Kind, in_its_kind, resampled
from condgen.errors import UserError
from condgen.networks.inference import InferenceNetwork
from condgen.networks.translation import Generator
from condgen.networks.translator import Settings
from condgen.runtime.device import choose_device, choose_precision
from condgen.tasks.cyclegan import speech

if TYPE_CHECKING:
    from condgen.tasks.cyclegan.task import Config

FULL_SCALE = 1 - 2**-15  # the largest value of 16 bits


class VoiceConverter:
    """A generator as a function of recordings.

    Each channel is converted for itself, at the model's sample rate, and is as loud as it was (RMS); equal channels
    stay equal. Where the other voice has higher peaks, so that they would exceed full scale, all channels become
    softer by what is too much: nothing is clipped. Nothing above half of the model's rate remains.

    Memory is that of a block of 30 s (see `speech.convert`), and 10 MB a minute and channel for the recording itself.

    Args:
        generator: copied; it may go on training.
        config: the task's config that it was built from.
        settings: seed and noise; pictures' have no meaning here.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: of the convolutions.

    Raises:
        UserError: there is no such device, or a setting is one of pictures.
    """

    def __init__(
        self,
        generator: Generator,
        config: Config,
        settings: Settings,
        *,
        device: str = "auto",
        precision: Precision = Precision.AUTO,
    ):
        for name in ("longest_side", "tile"):
            if getattr(settings, name):
                option = name.replace("_", "-")
                raise UserError(f"the model translates recordings, which have no use for --{option}; leave it out")
        self.mel, self.settings = config.mel, settings
        self._dimensions, self.device = config.generator.dimensions, choose_device(device)
        self._multiple = math.lcm(speech.MULTIPLE, generator.multiple)
        dtype = choose_precision(precision, self.device).dtype
        self._network = InferenceNetwork(generator, dtype, self.device, noise=settings.noise)

    def __call__(self, waveform: Kind, sample_rate: float) -> Kind:
        """Convert a recording; returns the same kind, shape and type.

        Args:
            waveform: a floating-point array or tensor (T,) or (C, T) in [-1, 1]; computed in float32.
            sample_rate: Hz, any whole number; resampled to the model's and back.

        Raises:
            UserError: the waveform has no such form, or holds samples that are not finite.
        """

        def change(channels: np.ndarray, rate: int) -> np.ndarray:
            return np.concatenate(list(self._made([channels.T], rate, len(channels)).blocks())).T

        return in_its_kind(waveform, sample_rate, change)

    def file(self, source: Path, target: Path) -> None:
        """Read, convert, write; the target appears whole or not at all.

        Sample rate, channels, length, bit depth and tags stay, where the target's format can hold them.

        Raises:
            UserError: the source cannot be read or the target not written, as `condgen.data.audio` and `audio_output`
                say.
        """
        with audio.Reader(source) as reader, Writer(target, reader.form) as writer:
            made = self._made(reader.blocks(), reader.form.sample_rate, reader.form.channels)
            for block in made.blocks():
                writer.write(block)
        log = logging.getLogger(__name__)
        if made.gain < 1:
            softer = -20 * math.log10(made.gain)
            log.warning("%s: %.1f dB softer than the input: its peaks would have been clipped", target, softer)
        if writer.clipped:
            log.warning("%s: %d samples beyond full scale were clipped", target, writer.clipped)

    def frames(self, frames: Tensor) -> Tensor:
        """Log-mel frames (1, mels, frames), or with two dimensions (1, 1, mels, frames), in [-1, 1] to as many."""
        return self._network(frames, self.settings.seed).cpu()

    def converted(self, signal: np.ndarray, translate: Callable[[Tensor], Tensor] | None = None) -> np.ndarray:
        """A signal (T,) at the model's rate to float32 (T,), which may exceed [-1, 1].

        Args:
            translate: takes the place of `frames`.
        """
        translate = translate or self.frames
        return speech.convert(signal, translate, self.mel, dimensions=self._dimensions, multiple=self._multiple)

    def _made(self, blocks: Iterable[np.ndarray], sample_rate: int, channels: int) -> _Made:
        """Of blocks (frames, channels) at a sample rate."""
        taken, highest = 0, 0.0

        def watched() -> Iterator[np.ndarray]:
            nonlocal taken, highest
            for block in blocks:
                taken, highest = taken + len(block), max(highest, float(np.abs(block).max(initial=0)))
                yield block

        signal = np.concatenate(list(resampled(watched(), sample_rate, self.mel.sample_rate, channels)))
        self._convert(signal)
        made = _Made(signal, self.mel.sample_rate, sample_rate, taken)
        found = max(float(np.abs(block).max()) for block in made.blocks())
        allowed = highest if highest > 1 else FULL_SCALE  # floating-point files may exceed it a little
        return replace(made, gain=allowed / found) if found > allowed else made

    def _convert(self, signal: np.ndarray) -> None:
        """Every channel of (T, channels), in place; of equal ones the first alone is computed."""
        columns = signal.T
        firsts = [next(n for n, one in enumerate(columns) if np.array_equal(one, channel)) for channel in columns]
        for number, first in enumerate(firsts):
            new = number == first
            columns[number] = self.converted(np.ascontiguousarray(columns[number])) if new else columns[first]


@dataclass(frozen=True, eq=False)
class _Made:
    """What was made of a recording, on its way back to the recording's sample rate."""

    signal: np.ndarray  # (T, channels)
    rate: int  # Hz, of the signal
    sample_rate: int  # Hz, of the recording
    frames: int  # of the recording
    gain: float = 1.0

    def blocks(self) -> Iterator[np.ndarray]:
        """float32 (frames, channels), none of them empty."""
        channels, left = self.signal.shape[1], self.frames
        parts = (self.signal[start : start + audio.BLOCK] for start in range(0, len(self.signal), audio.BLOCK))
        spare = np.zeros((int(self.rate != self.sample_rate), channels), np.float32)  # what rounding may have taken off
        for block in resampled(chain(parts, [spare]), self.rate, self.sample_rate, channels):
            wanted = block[:left]
            left -= len(wanted)
            if len(wanted):
                yield wanted * np.float32(self.gain)
