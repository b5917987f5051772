"""Tiny configs and batches that the contract tests of all tasks run."""

from __future__ import annotations

import torch

from condgen.tasks.ali.data import Batch
from condgen.tasks.ali.networks import SIZE, InitialWeights, PosteriorForm
from condgen.tasks.ali.task import Config


def configs() -> dict[str, Config]:
    """By name; together they play every loss and both posteriors."""
    small = {"image_channels": 1, "latent_size": 8, "width": 8, "initial_weights": InitialWeights.HE}
    return {
        "ali": Config(**small, dropout=0.0),  # so that losses can be compared
        "bigan": Config(**small, dropout=0.1, posterior=PosteriorForm.DETERMINISTIC),
        "conditional": Config(**small, dropout=0.0, classes=["a", "b", "c"], cycle_weight=1.0),
    }


def batch(config: Config, size: int = 4) -> Batch:
    """`size` plain greys with a little noise, the label saying how light; from torch's global generator."""
    label = torch.randint(max(len(config.classes), 1), (size,))
    level = (label.float() + torch.rand(size)) / max(len(config.classes), 1) * 1.6 - 0.8
    noise = 0.05 * torch.randn(size, config.image_channels, SIZE, SIZE)
    return Batch(image=level[:, None, None, None] + noise, label=label)
