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
    """`size` plain colours with a little noise, which can be learned; from torch's global generator."""
    side, scale = 32, config.generator.scale
    high = torch.rand(size, 3, 1, 1) * 2 - 1 + 0.05 * torch.randn(size, 3, side, side)
    return Batch(low=(high[..., ::scale, ::scale] + 1) / 2, high=high)
