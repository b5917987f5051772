"""Clips without sentences: windows of so many frames.

    {"split": "train", "clip": "a.mp4"}

Further fields, such as sentences, are not looked at. Frames: see `condgen.data.clip_windows`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from condgen.data import captioned_clips, loading
from condgen.data.check import Demands
from condgen.data.clip_windows import ClipWindows
from condgen.data.image import to_signed
from condgen.data.loading import Draw
from condgen.data.manifest import Manifest, Row
from condgen.errors import refuse_below

if TYPE_CHECKING:
    from condgen.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Clips in a manifest."""

    manifest: str = "data/captioned_clips/manifest.jsonl"
    flip: bool = False  # left and right, half of the draws
    cache_gigabytes: float = 4.0  # decoded clips kept in memory
    validation_clips: int = 16  # how many of the validation split a report during training looks at

    def __post_init__(self):
        refuse_below(self, 0, "cache_gigabytes")
        refuse_below(self, 1, "validation_clips")


@dataclass(frozen=True, eq=False)
class Batch(loading.Batch):
    clip: Tensor  # (B, 3, T, S, S) in [-1, 1]


class Dataset(TorchDataset):
    """Windows of clips from random starts (the authors' code: the first frames alone).

    Args:
        size: pixels a side.
        frames: of a window.
        stride: frames of the file from one to the next; 0: as far apart as fits.
    """

    def __init__(self, config: DataConfig, rows: Sequence[Row], *, size: int, frames: int, stride: int = 0):
        self.config = config
        self.windows = ClipWindows(
            rows, size=size, frames=frames, stride=stride, cache_gigabytes=config.cache_gigabytes
        )

    def __len__(self) -> int:
        return len(self.windows.rows)

    def __getitem__(self, draw: Draw) -> Batch:
        random = draw.random()
        frames = self.windows.random(draw.index, random)
        if self.config.flip and random.integers(2):
            frames = frames[:, :, ::-1]
        return Batch(clip=to_signed(frames))


def demands(config: RunConfig) -> Demands:
    """What `condgen data check` must find before training."""
    return captioned_clips.demands(frames=config.model.frames, stride=config.model.stride, captions=False)


def open_split(config: RunConfig, split: str) -> Dataset:
    """The clips of one split, as a run's config asks for them."""
    rows, model = Manifest.read(config.data.manifest).rows(split), config.model
    return Dataset(config.data, rows, size=model.size, frames=model.frames, stride=model.stride)
