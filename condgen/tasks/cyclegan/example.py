"""Tiny configs and batches that the contract tests of all tasks run."""

from __future__ import annotations

import torch

from condgen.data.media import Media
from condgen.data.mel import MelConfig
from condgen.data.pairs import Domain
from condgen.networks.blocks import Norm, Upsampling
from condgen.networks.translation import Architecture, DiscriminatorConfig, GeneratorConfig
from condgen.tasks.cyclegan.data import Batch
from condgen.tasks.cyclegan.task import Config

_GENERATOR = GeneratorConfig(channels=4, blocks=1)
_DISCRIMINATOR = DiscriminatorConfig(channels=4, layers=2)


def configs() -> dict[str, Config]:
    """By name; together they play every loss and build every network."""
    return {
        "resnet": Config(crop=16, generator=_GENERATOR, discriminator=_DISCRIMINATOR, pool=3),
        "multi_scale": Config(
            crop=32,
            generator=GeneratorConfig(channels=4, blocks=1, upsampling=Upsampling.RESIZE),
            discriminator=DiscriminatorConfig(channels=4, layers=1, scales=2, norm=Norm.NONE, spectral_norm=True),
            identity_weight=0,
            feature_matching_weight=1.0,
            pool=0,
        ),
        "voices": Config(
            medium=Media.AUDIO,
            mel=MelConfig(mels=20),
            crop=16,
            generator=GeneratorConfig(channels=4, blocks=1, dimensions=1),
            discriminator=_DISCRIMINATOR,
            pool=2,
        ),
        "unet": Config(
            crop=16,
            channels_a=1,
            channels_b=1,
            generator=GeneratorConfig(architecture=Architecture.UNET, channels=4, levels=3, norm=Norm.BATCH),
            discriminator=DiscriminatorConfig(channels=4, layers=0, norm=Norm.BATCH),
        ),
    }


def batch(config: Config, size: int = 4) -> Batch:
    """`size` plain colours with a little noise for each domain; from torch's global generator."""

    def plain(domain: Domain) -> torch.Tensor:
        shape = config.sample_shape(domain)
        level = torch.rand(size, shape[0], *[1] * (len(shape) - 1)) * 2 - 1
        return (level + 0.05 * torch.randn(size, *shape)).clamp(-1, 1)

    return Batch(a=plain(Domain.A), b=plain(Domain.B))
