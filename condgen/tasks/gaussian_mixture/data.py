"""Points in the plane, each with the mode that it was drawn from.

{"split": "train", "point": [-2.03, 0.04], "mode": 1}
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from condgen.data import loading
from condgen.data.loading import Draw
from condgen.data.manifest import Manifest, Row, Split
from condgen.errors import UserError

if TYPE_CHECKING:
    from condgen.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Points in a manifest: fields `point` and `mode`."""

    manifest: str = "data/gaussian_mixture/manifest.jsonl"


@dataclass(frozen=True, eq=False)
class Batch(loading.Batch):
    point: Tensor  # (B, 2), in the manifest's units
    mode: Tensor  # (B,) int64, from 0


class Mixture(NamedTuple):
    """Equally likely isotropic Gaussians, by the points drawn from them."""

    centres: Tensor  # (K, 2)
    deviation: float  # of each coordinate, the same for all modes

    def nearest(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 2) -> the likeliest mode of each point, (N,) int64, and how far its centre is, in deviations, (N,)."""
        distance, mode = torch.cdist(points, self.centres).min(1)
        return mode, distance / self.deviation


class Dataset(TorchDataset):
    """The points of one split.

    Attributes:
        points: (N, 2).
        modes: (N,) int64.

    Raises:
        UserError: no rows of that split, a row without a finite point or a mode, or a mode that has fewer than two.
    """

    def __init__(self, manifest: Manifest, split: str):
        rows = manifest.rows(split)
        self.points = torch.tensor([_point(row) for row in rows])
        self.modes = torch.tensor([_mode(row) for row in rows])
        self.mixture = _mixture(self.points, self.modes, f"{manifest.path}, split {split}")

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, draw: Draw) -> Batch:
        return Batch(point=self.points[draw.index], mode=self.modes[draw.index])


def require_good(config: RunConfig) -> None:
    """Check the run's data before its first step.

    Raises:
        UserError: as `Dataset`, of the training and validation split.
    """
    for split in (Split.TRAIN, Split.VALIDATION):
        open_split(config, split)


def open_split(config: RunConfig, split: str) -> Dataset:
    """The points of one split, as a run's config asks for them."""
    return Dataset(Manifest.read(Path(config.data.manifest)), split)


def _point(row: Row) -> list[float]:
    point = row["point"]
    if isinstance(point, list) and len(point) == 2 and all(map(_is_number, point)):
        return [float(value) for value in point]
    raise UserError(f'{row.where}: "point" must be two numbers such as [0.5, -2.0], got {point!r}')


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _mode(row: Row) -> int:
    mode = row["mode"]
    if isinstance(mode, int) and not isinstance(mode, bool) and mode >= 0:
        return mode
    raise UserError(f'{row.where}: "mode" must be a whole number from 0, got {mode!r}')


def _mixture(points: Tensor, modes: Tensor, where: str) -> Mixture:
    count = torch.bincount(modes)
    if count.min() < 2:
        raise UserError(
            f"{where}: mode {int(count.argmin())} has fewer than 2 points; number the modes from 0, give more"
        )
    centres = torch.zeros(len(count), points.shape[1]).index_add_(0, modes, points) / count[:, None]
    deviation = float((points - centres[modes]).square().mean().sqrt())
    if not deviation:
        raise UserError(f"{where}: all points of a mode are the same; a mode has a width")
    return Mixture(centres, deviation)
