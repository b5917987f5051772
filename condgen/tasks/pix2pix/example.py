"""Tiny configs and batches that the contract tests of all tasks run."""

from __future__ import annotations

import torch

from condgen.networks.blocks import Norm, Upsampling
from condgen.networks.translation import Architecture, DiscriminatorConfig, GeneratorConfig
from condgen.tasks.pix2pix.data import Batch
from condgen.tasks.pix2pix.task import Config


def configs() -> dict[str, Config]:
    """By name; together they play every loss and build every network."""
    unet = GeneratorConfig(architecture=Architecture.UNET, channels=4, levels=3, norm=Norm.BATCH, dropout=True)
    return {
        "unet": Config(
            crop=16, generator=unet, discriminator=DiscriminatorConfig(channels=4, layers=2, norm=Norm.BATCH)
        ),
        "multi_scale": Config(
            crop=32,
            input_channels=1,
            generator=GeneratorConfig(channels=4, blocks=1, upsampling=Upsampling.RESIZE),
            discriminator=DiscriminatorConfig(channels=4, layers=1, scales=2, norm=Norm.NONE, spectral_norm=True),
            feature_matching_weight=10.0,
        ),
    }


def batch(config: Config, size: int = 4) -> Batch:
    """`size` plain colours and their negatives, with a little noise; from torch's global generator."""
    level = torch.rand(size, 1, 1, 1) * 2 - 1

    def noisy(colour: torch.Tensor, channels: int) -> torch.Tensor:
        return (colour + 0.05 * torch.randn(size, channels, config.crop, config.crop)).clamp(-1, 1)

    return Batch(input=noisy(level, config.input_channels), target=noisy(-level, config.output_channels))
