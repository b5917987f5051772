"""Tiny configs and batches that the contract tests of all tasks run."""

from __future__ import annotations

import torch

from condgen.data.labelled_images import Batch
from condgen.tasks.image_classifier.task import Config


def configs() -> dict[str, Config]:
    """By name."""
    return {"colours": Config(size=8, image_channels=3, classes=["dark", "grey", "bright"], width=4, dropout=0.1)}


def batch(config: Config, size: int = 4) -> Batch:
    """`size` plain colours with a little noise, whose brightness is their class; from torch's global generator."""
    label = torch.randint(len(config.classes), (size,))
    brightness = label / (len(config.classes) - 1) * 1.6 - 0.8
    noise = 0.05 * torch.randn(size, config.image_channels, config.size, config.size)
    return Batch(image=brightness.view(-1, 1, 1, 1) + noise, label=label)
