"""Learning to classify clips, as a game of one player."""

from __future__ import annotations

import torch.nn.functional as F

from condgen.adversarial.task import Losses, Task, Turn
from condgen.tasks.clip_classifier.config import Config, build_classifier
from condgen.tasks.clip_classifier.data import Batch


class ClipClassifier(Task):
    """One player, the heads' cross entropies."""

    Config = Config
    inference = ("classifier",)

    def __init__(self, config: Config):
        super().__init__(config)
        self.classifier = build_classifier(config)

    @classmethod
    def players(cls, config: Config) -> tuple[str, ...]:
        return ("classifier",)

    def turns(self) -> list[Turn]:
        return [Turn("classifier", self.classifier_loss)]

    def classifier_loss(self, batch: Batch) -> Losses:
        named = zip(self.config.heads, self.classifier(batch.clip), batch.labels.unbind(1), strict=True)
        return {head: F.cross_entropy(logits.float(), labels) for head, logits, labels in named}


TASK = ClipClassifier
