"""Labelled pictures, and, where only few labels are used, labelled ones beside the others in every batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from condgen.data import labelled_images
from condgen.data.labelled_images import Batch, DataConfig, Dataset
from condgen.data.loading import Draw
from condgen.tasks.class_conditional.discriminator import Judging

if TYPE_CHECKING:
    from condgen.config import RunConfig

__all__ = ["Batch", "DataConfig", "SemiSupervised", "SemiSupervisedBatch", "open_split", "require_good"]


@dataclass(frozen=True, eq=False)
class SemiSupervisedBatch(Batch):
    labelled_image: Tensor  # (B, C, S, S) in [-1, 1], drawn with repetition from the few that have labels
    labelled_label: Tensor  # (B,)


class SemiSupervised(TorchDataset):
    """All pictures as if none had a label, each with a random one of those that have."""

    def __init__(self, pictures: Dataset):
        self.pictures = pictures
        self.labelled = pictures.labelled_rows()

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, draw: Draw) -> SemiSupervisedBatch:
        chosen = int(self.labelled[int(draw.random().integers(len(self.labelled)))])
        picture, labelled = self.pictures[draw], self.pictures[Draw(chosen, draw.seed)]
        return SemiSupervisedBatch(
            image=picture.image,
            label=picture.label,
            labelled_image=labelled.image,
            labelled_label=labelled.label,
        )


def require_good(config: RunConfig) -> None:
    """Check the run's data before its first step.

    Raises:
        UserError: there are bad rows; a table names them.
    """
    labelled_images.require_good(config.data, config.model.classes)


def open_pictures(config: RunConfig, split: str, limit: int = 0) -> Dataset:
    """The pictures of one split in the form of a run's networks; `limit` as of `Dataset`."""
    model = config.model
    return Dataset(
        config.data,
        size=model.size,
        channels=model.image_channels,
        classes=model.classes,
        split=split,
        limit=limit,
    )


def open_split(config: RunConfig, split: str) -> TorchDataset:
    """The pictures of one split, as a run's config asks for them."""
    model, pictures = config.model, open_pictures(config, split)
    if split == "train" and model.discriminator.judging is Judging.CLASSES_AND_FAKE:
        return SemiSupervised(pictures)
    return pictures
