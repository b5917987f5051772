"""Learning to classify, as a game of one player."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch.nn.functional as F

from condgen.adversarial.task import Losses, Task, Turn
from condgen.data.labelled_images import Batch
from condgen.tasks.image_classifier.networks import REDUCTION, Classifier

if TYPE_CHECKING:
    from condgen.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class Config:
    """The arguments of `Classifier`, and the names of the classes; the defaults suit MNIST."""

    size: int = 28  # pixels a side
    image_channels: int = 1
    classes: list[str] = field(default_factory=lambda: [str(digit) for digit in range(10)])
    width: int = 32
    dropout: float = 0.5

    def __post_init__(self):
        if self.size < REDUCTION or self.size % REDUCTION:
            raise ValueError(f"size must be a multiple of {REDUCTION}, got {self.size}")
        if self.image_channels not in (1, 3):
            raise ValueError(f"image_channels must be 1 or 3, got {self.image_channels}")
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise ValueError(f"classes must be two names or more, each once, got {self.classes}")
        if self.width < 1:
            raise ValueError(f"width must be 1 or more, got {self.width}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), got {self.dropout}")


def build_classifier(config: Config) -> Classifier:
    """The network of a config, with fresh weights."""
    return Classifier(
        config.size, config.image_channels, classes=len(config.classes), width=config.width, dropout=config.dropout
    )


class ImageClassifier(Task):
    """One player, cross entropy."""

    Config = Config
    inference = ("classifier",)

    def __init__(self, config: Config):
        super().__init__(config)
        self.classifier = build_classifier(config)

    @classmethod
    def players(cls, config: Config) -> tuple[str, ...]:
        return ("classifier",)

    @classmethod
    def check(cls, config: RunConfig) -> None:
        if config.data.labels % len(config.model.classes):
            raise ValueError(
                f"data.labels={config.data.labels} are not equally many of {len(config.model.classes)} classes"
            )

    def turns(self) -> list[Turn]:
        return [Turn("classifier", self.classifier_loss)]

    def classifier_loss(self, batch: Batch) -> Losses:
        return {"cross_entropy": F.cross_entropy(self.classifier(batch.image).float(), batch.label)}


TASK = ImageClassifier
