"""Photos to pairs of low and high resolution."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from condgen.data import check, loading
from condgen.data.check import Demands, FieldPair
from condgen.data.decoded import DecodedCache
from condgen.data.downscaling import bicubic_downscale, crop_to_multiple
from condgen.data.image import read_rgb
from condgen.data.loading import Draw
from condgen.data.manifest import Manifest, Row, Split
from condgen.data.media import Media
from condgen.errors import UserError, refuse_below
from condgen.metrics import ssim

if TYPE_CHECKING:
    from condgen.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Photos in a manifest: field `image` (the low resolution is made from it), or a pair `low` and `high`."""

    manifest: str = "data/srgan/manifest.jsonl"
    crop: int = 96  # side of the high-resolution crops, pixels
    augment: bool = True  # flips and quarter turns
    cache_gigabytes: float = 4.0  # decoded photos kept in memory
    validation_photos: int = 16  # how many of the validation split a report during training looks at

    def __post_init__(self):
        if self.crop < 8:
            raise ValueError(f"crop must be 8 pixels or more, got {self.crop}")
        refuse_below(self, 0, "cache_gigabytes")
        refuse_below(self, 1, "validation_photos")


@dataclass(frozen=True, eq=False)
class Batch(loading.Batch):
    low: Tensor  # (B, 3, crop / scale, crop / scale) in [0, 1]
    high: Tensor  # (B, 3, crop, crop) in [-1, 1]


def read_pair(row: Row, scale: int) -> tuple[np.ndarray, np.ndarray]:
    """Low and high resolution of a row as uint8 (h, w, 3) and (scale h, scale w, 3).

    A lone photo is cut to a multiple of the scale and reduced by the antialiased bicubic filter (a = -0.5).

    Raises:
        UserError: a file is missing or damaged, or the sizes of a given pair do not fit the scale.
    """
    if "high" not in row.fields:
        high = crop_to_multiple(read_rgb(row.path("image")), scale)
        return bicubic_downscale(high, scale), high
    low, high = read_rgb(row.path("low")), read_rgb(row.path("high"))
    if high.shape[:2] != (scale * low.shape[0], scale * low.shape[1]):
        raise UserError(
            f"{row.path('low')} is {low.shape[1]}x{low.shape[0]} and its partner {high.shape[1]}x{high.shape[0]}: "
            f"not a factor of {scale}; run `condgen data check`"
        )
    return low, high


class Dataset(TorchDataset):
    """Random crops of the photos of one split."""

    def __init__(self, config: DataConfig, scale: int, split: str = "train"):
        self.config, self.scale = config, scale
        self.rows = Manifest.read(Path(config.manifest)).rows(split)
        self._cache = DecodedCache[int](config.cache_gigabytes)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, draw: Draw) -> Batch:
        low, high = self._pair(draw.index)
        side, scale, random = self.config.crop // self.scale, self.scale, draw.random()
        if min(low.shape[:2]) < side:
            raise UserError(f"{self.rows[draw.index].where}: the photo is smaller than data.crop={self.config.crop}")
        top, left = (int(random.integers(extent - side + 1)) for extent in low.shape[:2])
        low = low[top : top + side, left : left + side]
        high = high[scale * top : scale * (top + side), scale * left : scale * (left + side)]
        if self.config.augment:
            turns, flip = int(random.integers(4)), bool(random.integers(2))
            low, high = (_turned(picture, turns, flip) for picture in (low, high))
        return Batch(low=_tensor(low) / 255, high=_tensor(high) / 127.5 - 1)

    def _pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self._cache.get(index, lambda: read_pair(self.rows[index], self.scale))


def demands(config: DataConfig, manifest: Manifest, scale: int) -> Demands:
    """What `condgen data check` must find before training."""
    splits = (Split.TRAIN, Split.VALIDATION)
    if any("high" in row.fields for row in manifest.all_rows):
        fields, pairs = {"low": Media.IMAGE, "high": Media.IMAGE}, [FieldPair("low", "high", scale)]
    else:
        fields, pairs = {"image": Media.IMAGE}, []
    sizes = {Split.TRAIN: config.crop, Split.VALIDATION: ssim.WINDOW + 2 * scale}
    rows = {Split.TRAIN: 2 if pairs else 1}  # a single pair is learned by heart; a photo alone has its own uses
    return Demands(fields=fields, minimum_sizes=sizes, minimum_rows=rows, pairs=pairs, splits=splits)


def require_good(config: RunConfig) -> None:
    """Check the run's data before its first step.

    Raises:
        UserError: there are bad rows; a table names them.
    """
    manifest = Manifest.read(config.data.manifest)
    check.require_good(manifest, demands(config.data, manifest, config.model.generator.scale))


def open_split(config: RunConfig, split: str) -> Dataset:
    """The photos of one split, as a run's config asks for them."""
    return Dataset(config.data, config.model.generator.scale, split)


def _turned(picture: np.ndarray, turns: int, flip: bool) -> np.ndarray:
    picture = np.rot90(picture, turns)
    return picture[:, ::-1] if flip else picture


def _tensor(picture: np.ndarray) -> Tensor:
    """uint8 (h, w, 3) -> float (3, h, w), 0..255."""
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1).float()
