"""Tiny configs and batches that the contract tests of all tasks run."""

from __future__ import annotations

import torch

from condgen.networks.blocks import Norm
from condgen.tasks.vgan.config import Config, DiscriminatorConfig, GeneratorConfig
from condgen.tasks.vgan.data import Batch


def configs() -> dict[str, Config]:
    """By name; together they play every loss and build every network."""
    return {"noise": config(norm=Norm.NONE, r1_weight=0.1), "first_frame": config(first_frame=True)}


def config(
    *, first_frame: bool = False, norm: Norm = Norm.BATCH, mask_weight: float = 0.1, r1_weight: float = 0.0
) -> Config:
    """Clips of 16 frames with 16 pixels a side, and networks of a few channels."""
    return Config(
        frames=16,
        size=16,
        first_frame=first_frame,
        generator=GeneratorConfig(noise_channels=4, width=4),
        discriminator=DiscriminatorConfig(width=4, norm=norm),
        mask_weight=0.0 if first_frame else mask_weight,
        r1_weight=r1_weight,
        r1_every=1,
    )


def batch(config: Config, size: int = 4) -> Batch:
    """`size` clips that grow brighter or darker, with a little noise; from torch's global generator."""
    sign = 1 - 2 * (torch.arange(size) % 2).float()
    ramp = torch.linspace(-0.8, 0.8, config.frames)
    level = (sign[:, None] * ramp)[:, None, :, None, None]
    return Batch(clip=level + 0.05 * torch.randn(size, 3, config.frames, config.size, config.size))
