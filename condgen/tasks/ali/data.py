"""Labelled pictures of 32x32 pixels; the labels are looked at by conditional ALI alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condgen.data import labelled_images
from condgen.data.labelled_images import Batch, DataConfig, Dataset
from condgen.data.manifest import Manifest
from condgen.errors import UserError
from condgen.tasks.ali.networks import SIZE

if TYPE_CHECKING:
    from condgen.config import RunConfig

__all__ = ["Batch", "DataConfig", "Dataset", "open_split", "require_good"]


def require_good(config: RunConfig) -> None:
    """Check the run's data before its first step.

    Raises:
        UserError: there are bad rows; a table names them.
    """
    classes = config.model.classes
    labelled_images.require_good(config.data, classes)
    for row in Manifest.read(config.data.manifest).all_rows if classes else ():
        if "label" not in row.fields:
            raise UserError(f"{row.where}: no label, which conditional ALI needs; add it, or empty model.classes")


def open_split(config: RunConfig, split: str, limit: int = 0) -> Dataset:
    """The pictures of one split, as a run's config asks for them; `limit` as of `Dataset`."""
    model = config.model
    return Dataset(
        config.data, size=SIZE, channels=model.image_channels, classes=model.classes, split=split, limit=limit
    )
