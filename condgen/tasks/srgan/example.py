"""Tiny configs and batches that the contract tests of all tasks run."""

from __future__ import annotations

import torch

from condgen.tasks.srgan.data import Batch
from condgen.tasks.srgan.networks import DiscriminatorHead
from condgen.tasks.srgan.task import Config, ContentLoss, DiscriminatorConfig, GeneratorConfig

_GENERATOR = GeneratorConfig(residual_blocks=1, channels=8, edge_kernel=3, batch_norm=False)


def configs() -> dict[str, Config]:
    """By name; together they play every turn and loss that needs no downloaded weights."""
    return {
        "srresnet": Config(generator=_GENERATOR),
        "srgan": Config(
            generator=_GENERATOR,
            discriminator=DiscriminatorConfig(crop=32, channels=4, head=DiscriminatorHead.POOLED),
            content_loss=ContentLoss.DISCRIMINATOR,
            adversarial_weight=1e-3,
        ),
    }


def batch(config: Config, size: int = 4) -> Batch:
    """`size` samples of noise, from torch's global generator."""
    side = config.discriminator.crop if config.adversarial_weight else 32
    scale = config.generator.scale
    return Batch(low=torch.rand(size, 3, side // scale, side // scale), high=torch.rand(size, 3, side, side) * 2 - 1)
