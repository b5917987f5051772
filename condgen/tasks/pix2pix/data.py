"""Aligned pairs of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from condgen.data import loading
from condgen.data.check import Demands, FieldPair
from condgen.data.decoded import DecodedCache
from condgen.data.loading import Draw
from condgen.data.manifest import Manifest, Split
from condgen.data.media import Media
from condgen.data.translation_images import TranslationDataConfig, read_picture, same_crop

if TYPE_CHECKING:
    from condgen.config import RunConfig
    from condgen.tasks.pix2pix.task import Config

SIDES = ("input", "target")
"""Fields of a row that name the two pictures."""


@dataclass(frozen=True, kw_only=True)
class DataConfig(TranslationDataConfig):
    """Pairs in a manifest: fields `input` and `target`, pictures of one size."""

    manifest: str = "data/pix2pix/manifest.jsonl"


@dataclass(frozen=True, eq=False)
class Batch(loading.Batch):
    input: Tensor  # (B, input_channels, crop, crop) in [-1, 1]
    target: Tensor  # (B, output_channels, crop, crop) in [-1, 1]


class Dataset(TorchDataset):
    """Random crops of the pairs of one split, input and target cropped and flipped alike."""

    def __init__(self, config: DataConfig, model: Config, split: str = "train"):
        self.config, self.model = config, model
        self.rows = Manifest.read(Path(config.manifest)).rows(split)
        self._cache = DecodedCache[int](config.cache_gigabytes)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, draw: Draw) -> Batch:
        pair = self._cache.get(draw.index, lambda: self._read(draw.index))
        where = self.rows[draw.index].where
        return Batch(*same_crop(pair, self.model.crop, draw.random(), flip=self.config.flip, where=where))

    def _read(self, index: int) -> tuple:
        config, channels = self.config, (self.model.input_channels, self.model.output_channels)
        return tuple(
            read_picture(self.rows[index].path(side), count, config.resize, keep_aspect=config.keep_aspect)
            for side, count in zip(SIDES, channels, strict=True)
        )


def demands(config: RunConfig) -> Demands:
    """What `condgen data check` must find before training."""
    least = 1 if config.data.resize else config.model.crop
    return Demands(
        fields=dict.fromkeys(SIDES, Media.IMAGE),
        minimum_sizes={Split.TRAIN: least},
        pairs=[FieldPair(*SIDES, same_content=False)],
        splits=(Split.TRAIN, Split.VALIDATION),
    )


def open_split(config: RunConfig, split: str) -> Dataset:
    """The pairs of one split, as a run's config asks for them."""
    return Dataset(config.data, config.model, split)
