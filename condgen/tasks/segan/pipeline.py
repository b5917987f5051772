"""Noisy recordings in, enhanced recordings out, from a generator or a model folder."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from condgen.config import Precision
from condgen.data import audio
from condgen.data.audio_output import Writer
from condgen.data.waveform import Kind, in_its_kind, resampled
from condgen.runtime.device import choose_device, choose_precision
from condgen.tasks.segan.data import emphasise
from condgen.tasks.segan.networks import Generator

if TYPE_CHECKING:
    from condgen.runtime.model_folder import ModelFolder
    from condgen.tasks.segan.task import Config

WINDOWS_AT_ONCE = 16  # as one batch: more is hardly faster, and needs more memory
QUIET = 10 ** (-45 / 20)  # level (RMS) of a pre-emphasised window: speech at about -35 dBFS; LibriSpeech's lowest 1 %


class Pipeline:
    """A trained generator as a callable, and as a stream of constant memory.

    The generator sees windows of the length it was trained on, always at the same places of a recording and as many at
    once, so that the result does not depend on how the recording arrives: it is the same, bit for bit. Each channel is
    enhanced for itself. The noise z of a window depends on its place alone: the same recording gives the same result.

    A window whose pre-emphasised signal exceeds full scale, more than the generator's tanh can give back, goes through
    at full scale and gets its level back behind; one that is digital silence stays it. A recording quieter than
    anybody trains on is raised likewise, by what its loudest window so far lacks: what is close to silence is strange
    to a generator, and comes out as noise. So is a constant offset, as cheap sound cards add it: a window's mean goes
    around the generator.

    Args:
        generator: taken as in eval mode and copied; it may go on training.
        config: the task's config that the generator was built from.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: of all layers but the last, which is in fp32.
        cross_fade: windows overlap by half and are blended, so that no border is heard; False: the paper's, windows
            side by side, twice as fast.
    """

    def __init__(
        self,
        generator: Generator,
        config: Config,
        *,
        device: str = "auto",
        precision: Precision = Precision.AUTO,
        cross_fade: bool = True,
    ):
        self.generator, self.config = generator, config
        self.device = choose_device(device)
        self.seconds = 0.0  # of audio enhanced so far
        self._hop = -(-config.window // 2) if cross_fade else config.window
        self._overlap = config.window - self._hop
        self._fade = _fade(self._hop, self._overlap)
        last = copy.deepcopy(generator.decoder[-1]).float()
        self._network = copy.deepcopy(generator).to(self.device, choose_precision(precision, self.device).dtype).eval()
        self._network.decoder[-1] = last.to(self.device)

    @classmethod
    def from_folder(cls, folder: ModelFolder, *, device: str = "auto", **options) -> Pipeline:
        """Raises UserError when the folder's weights do not fit its config."""
        from condgen.tasks.segan.task import build_generator

        generator = build_generator(folder.config)
        folder.fill(generator, "generator")
        return cls(generator, folder.config, device=device, **options)

    def __call__(self, waveform: Kind, sample_rate: int) -> Kind:
        """Enhance a recording; returns the same kind, shape and type.

        Args:
            waveform: a floating-point array or tensor (T,) or (C, T) in [-1, 1]; computed in float32.
            sample_rate: Hz, any; resampled to the model's and back, so that nothing above half of the model's remains.

        Raises:
            UserError: the waveform has no such form, or holds samples that are not finite.
        """

        def change(channels: np.ndarray, rate: int) -> np.ndarray:
            return np.concatenate(list(self.stream([channels.T], rate, len(channels)))).T

        return in_its_kind(waveform, sample_rate, change)

    def enhance_file(self, source: Path, target: Path) -> None:
        """Read, enhance, write, in blocks; the target appears whole or not at all.

        Sample rate, channels, length, bit depth and tags stay, where the target's format can hold them.

        Raises:
            UserError: the source cannot be read or the target not written, as `condgen.data.audio` and `audio_output`
                say.
        """
        with audio.Reader(source) as reader, Writer(target, reader.form) as writer:
            for block in self.stream(reader.blocks(), reader.form.sample_rate, reader.form.channels):
                writer.write(block)
        if writer.clipped:
            logging.getLogger(__name__).warning("%s: %d samples beyond full scale were clipped", target, writer.clipped)

    def stream(self, blocks: Iterable[np.ndarray], sample_rate: int, channels: int) -> Iterator[np.ndarray]:
        """Enhance what arrives in blocks, in memory that does not grow with their number.

        Args:
            blocks: finite floating-point samples (frames, channels) in [-1, 1], of any sizes.
            sample_rate: Hz, any whole number.
            channels: of all blocks.

        Yields:
            float32 (frames, channels), later and cut otherwise, but as many frames in all, each in its place.
        """
        rate = self.config.sample_rate
        taken = given = 0

        def counted() -> Iterator[np.ndarray]:
            nonlocal taken
            for block in blocks:
                taken += len(block)
                yield block

        spare = np.zeros((int(sample_rate != rate), channels), np.float32)  # what rounding of the length took off
        inside = chain(resampled(_evenly(counted(), audio.BLOCK), sample_rate, rate, channels), [spare])
        for block in resampled(self._enhanced(inside, channels), rate, sample_rate, channels):
            wanted = block[: taken - given]  # cuts only at the end, what was enhanced behind it
            given += len(wanted)
            if len(wanted):
                yield wanted
        self.seconds += taken / sample_rate

    def _enhanced(self, blocks: Iterable[np.ndarray], channels: int) -> Iterator[np.ndarray]:
        """At the model's rate; goes on behind the end until the last window is full."""
        factor = self.config.pre_emphasis
        mirrored = _mirrored_behind(_emphasised(blocks, factor, channels), self._overlap)
        batches = _evenly(mirrored, WINDOWS_AT_ONCE * self._hop)
        return _de_emphasised(self._blended(batches, channels), factor, channels)

    def _blended(self, batches: Iterable[np.ndarray], channels: int) -> Iterator[np.ndarray]:
        """Overlapping windows of the recording through the generator and added up.

        What lies beyond the ends is the recording backwards: noise that begins or ends at once would get through.
        """
        hop, length, overlap = self._hop, self.config.window, self._overlap
        before = tail = np.zeros((overlap, channels), np.float32)  # of the input, seen by the next window too; of the
        # output, without the next window's share
        ahead = overlap  # the output for what lies in front
        loudest = np.zeros(channels, np.float32)  # level of a window so far, of each channel
        for number, batch in enumerate(batches):
            if not number:
                before = np.pad(batch, ((overlap, 0), (0, 0)), mode="symmetric")[:overlap]
            whole = np.pad(batch, ((0, -len(batch) % hop), (0, 0)), mode="symmetric")
            signal = np.concatenate([before, whole])
            starts = range(0, len(signal) - overlap, hop)
            windows = np.stack([signal[start : start + length].T for start in starts])  # (N, channels, window)
            made = np.pad(tail, ((0, len(signal) - overlap), (0, 0)))
            offsets = windows.mean(axis=2, keepdims=True)
            windows = windows - offsets
            levels = np.sqrt(np.square(windows).mean(axis=2))
            levels = np.maximum.accumulate(np.concatenate([loudest[None], levels]))[1:]
            loudest = levels[-1]
            generated = self._generated(windows, levels, number * WINDOWS_AT_ONCE)
            for start, window in zip(starts, generated + offsets, strict=True):
                made[start : start + length] += (self._fade * window).T
            before, tail = signal[len(signal) - overlap :], made[len(made) - overlap :]
            yield made[ahead : len(made) - overlap]
            ahead = 0

    @torch.inference_mode()
    def _generated(self, windows: np.ndarray, levels: np.ndarray, first: int) -> np.ndarray:
        """Pre-emphasised windows (N, channels, window) to enhanced ones.

        Args:
            levels: (N, channels), of the recording's loudest window so far.
            first: number of the first window.
        """
        count, channels, length = windows.shape
        peak = np.abs(windows).max(axis=2, keepdims=True)
        scale = np.where(peak > 1, peak, np.clip(levels[..., None] / QUIET, np.finfo(np.float32).tiny, 1))
        signal = torch.from_numpy(np.where(peak > 0, windows / scale, 0)).reshape(-1, 1, length)
        noise = self._noise(first, count).repeat_interleave(channels, dim=0)
        parts = zip(signal.split(WINDOWS_AT_ONCE), noise.split(WINDOWS_AT_ONCE), strict=True)
        made = torch.cat([self._network(one.to(self.device), z.to(self.device)).float().cpu() for one, z in parts])
        return made.numpy().reshape(windows.shape) * (scale * (peak > 0))

    def _noise(self, first: int, count: int) -> Tensor:
        shape = (self.generator.noise_channels, self.config.window // self.generator.reduction)
        draws = [torch.randn(shape, generator=torch.Generator().manual_seed(first + n)) for n in range(count)]
        return torch.stack(draws)


def _fade(hop: int, overlap: int) -> np.ndarray:
    """The weight of a window's samples; copies `hop` apart sum to one. A Hann window where they overlap by half."""
    rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(overlap) / max(overlap, 1))
    return np.concatenate([rise, np.ones(hop - overlap), 1 - rise]).astype(np.float32)


def _evenly(blocks: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """The same frames as float32 blocks of `size`; the last may be shorter."""
    waiting, missing = [], size
    for block in blocks:
        rest = np.array(block, np.float32)  # a copy: callers may use their memory again
        while len(rest) >= missing:
            yield np.concatenate([*waiting, rest[:missing]])
            rest = rest[missing:]
            waiting, missing = [], size
        waiting.append(rest)
        missing -= len(rest)
    if missing < size:
        yield np.concatenate(waiting)


def _mirrored_behind(blocks: Iterable[np.ndarray], count: int) -> Iterator[np.ndarray]:
    """The same blocks (frames, channels), and behind them the last `count` frames backwards, again if there are fewer.

    So every frame lies in as many windows.
    """
    last = None
    for block in blocks:
        last = (block if last is None else np.concatenate([last, block]))[-count:]
        yield block
    if last is not None and count:
        yield np.pad(last, ((0, count), (0, 0)), mode="symmetric")[len(last) :]


def _emphasised(blocks: Iterable[np.ndarray], factor: float, channels: int) -> Iterator[np.ndarray]:
    """Pre-emphasis that goes on from block to block."""
    before = np.zeros(channels, np.float32)
    for block in blocks:
        if len(block):
            rows = [emphasise(row, factor, ahead) for row, ahead in zip(block.T, before, strict=True)]
            before = block[-1]
            yield np.stack(rows, axis=1)


def _de_emphasised(blocks: Iterable[np.ndarray], factor: float, channels: int) -> Iterator[np.ndarray]:
    """x[n] = y[n] + factor x[n - 1], in double precision, which goes on from block to block."""
    from scipy.signal import lfilter

    memory = np.zeros((1, channels))
    for block in blocks:
        made, memory = lfilter([1.0], [1.0, -factor], block.astype(np.float64), axis=0, zi=memory)
        yield made.astype(np.float32)
