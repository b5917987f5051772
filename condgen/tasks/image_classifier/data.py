"""Labelled pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condgen.data import labelled_images
from condgen.data.labelled_images import Batch, DataConfig, Dataset

if TYPE_CHECKING:
    from condgen.config import RunConfig

__all__ = ["Batch", "DataConfig", "Dataset", "open_split", "require_good"]


def require_good(config: RunConfig) -> None:
    """Check the run's data before its first step.

    Raises:
        UserError: there are bad rows or labels.
    """
    labelled_images.require_good(config.data, config.model.classes)


def open_split(config: RunConfig, split: str, limit: int = 0) -> Dataset:
    """The labelled pictures of one split, as a run's config asks for them; `limit` as of `Dataset`."""
    model = config.model
    pictures = Dataset(
        config.data, size=model.size, channels=model.image_channels, classes=model.classes, split=split, limit=limit
    )
    return pictures.labelled()
