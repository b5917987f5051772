"""Labelled clips: windows of so many frames, and what each head should say.

    {"split": "train", "clip": "a.mp4", "class": "wave"}

Which fields are labels is up to `heads` of the model's config; every row states all of them. Frames: see
`condgen.data.clip_windows`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from condgen.data import check, loading
from condgen.data.check import Demands
from condgen.data.clip_windows import CLIP, ClipWindows, needed
from condgen.data.image import to_signed
from condgen.data.loading import Draw
from condgen.data.manifest import Manifest, Row, Split
from condgen.data.media import Media
from condgen.errors import UserError, refuse_below

if TYPE_CHECKING:
    from condgen.config import RunConfig

PORTION = 256  # clips that are looked at together
SHOWN = 5  # lines and values that a message names


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Labelled clips in a manifest."""

    manifest: str = "data/captioned_clips/manifest.jsonl"
    flip: bool = False  # left and right, half of the draws; not where a head is a direction
    cache_gigabytes: float = 4.0  # decoded clips kept in memory
    validation_clips: int = 500  # how many of the validation split a report during training looks at

    def __post_init__(self):
        refuse_below(self, 0, "cache_gigabytes")
        refuse_below(self, 1, "validation_clips")


@dataclass(frozen=True, eq=False)
class Batch(loading.Batch):
    clip: Tensor  # (B, 3, T, S, S) in [-1, 1]
    labels: Tensor  # (B, H) int64: of each head the index of its value


class Dataset(TorchDataset):
    """Random windows of labelled clips.

    Args:
        heads: fields of the rows and their values.
        size: pixels a side.
        frames: of a window.
        stride: frames of the file from one to the next; 0: as far apart as fits.

    Attributes:
        labels: (N, H) int64.

    Raises:
        UserError: a row lacks a field, or states a value that its head does not have.
    """

    def __init__(
        self,
        config: DataConfig,
        rows: Sequence[Row],
        heads: Mapping[str, Sequence[str]],
        *,
        size: int,
        frames: int,
        stride: int = 0,
    ):
        self.config = config
        self.labels = labels_of(rows, heads)
        self.windows = ClipWindows(
            rows, size=size, frames=frames, stride=stride, cache_gigabytes=config.cache_gigabytes
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, draw: Draw) -> Batch:
        random = draw.random()
        frames = self.windows.random(draw.index, random)
        if self.config.flip and random.integers(2):
            frames = frames[:, :, ::-1]
        return Batch(clip=to_signed(frames), labels=self.labels[draw.index])

    def clips(self, rows: Sequence[int]) -> Tensor:
        """The middle windows of some rows, (N, 3, T, S, S) in [-1, 1]. Raises UserError when a file is damaged."""
        return torch.stack([to_signed(self.windows.middle(row)) for row in rows])

    def portions(self) -> Iterator[Tensor]:
        """All middle windows, so many at a time that they fit in memory."""
        for start in range(0, len(self), PORTION):
            yield self.clips(range(start, min(start + PORTION, len(self))))


def labels_of(rows: Sequence[Row], heads: Mapping[str, Sequence[str]]) -> Tensor:
    """(N, H) int64: of each head the index of what a row states.

    Raises:
        UserError: a row lacks a field, or states a value that its head does not have.
    """
    for name, values in heads.items():
        strange = [row for row in rows if str(row[name]) not in values]
        if strange:
            lines = ", ".join(str(row.line) for row in strange[:SHOWN]) + (", ..." if strange[SHOWN:] else "")
            found = sorted({str(row[name]) for row in strange})
            raise UserError(
                f"{strange[0].manifest}: {name!r} of {len(strange)} rows (lines {lines}) is none of "
                f"{', '.join(values)}, but {', '.join(found[:SHOWN])}: change the rows or model.heads.{name}"
            )
    index = {name: {value: number for number, value in enumerate(values)} for name, values in heads.items()}
    return torch.tensor([[numbers[str(row[name])] for name, numbers in index.items()] for row in rows])


def demands(config: RunConfig) -> Demands:
    """What `condgen data check` must find before training."""
    return Demands(
        fields={CLIP: Media.VIDEO},
        frames=needed(config.model.frames, config.model.stride),
        splits=(Split.TRAIN, Split.VALIDATION),
    )


def require_good(config: RunConfig) -> None:
    """Check the run's data before its first step.

    Raises:
        UserError: there are bad rows, which a table names, or labels.
    """
    manifest = Manifest.read(config.data.manifest)
    check.require_good(manifest, demands(config))
    for split in (Split.TRAIN, Split.VALIDATION):
        labels_of(manifest.rows(split), config.model.heads)


def open_split(config: RunConfig, split: str) -> Dataset:
    """The labelled clips of one split, as a run's config asks for them."""
    rows, model = Manifest.read(config.data.manifest).rows(split), config.model
    return Dataset(config.data, rows, model.heads, size=model.size, frames=model.frames, stride=model.stride)
