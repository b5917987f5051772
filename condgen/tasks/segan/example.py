"""Tiny configs and batches that the contract tests of all tasks run."""

from __future__ import annotations

import torch

from condgen.tasks.segan.data import Batch
from condgen.tasks.segan.networks import (
    Activation,
    DiscriminatorHead,
    DiscriminatorNorm,
    InitialWeights,
    Padding,
    SkipMerge,
)
from condgen.tasks.segan.task import Config, DiscriminatorConfig, GeneratorConfig

_WINDOW = 256


def configs() -> dict[str, Config]:
    """By name; together they play every turn, loss, norm and head."""
    small = {"channels": [4, 8, 8], "kernel_size": 7}
    plus = {"channels": [4, 8], "kernel_size": 15, "stride": 4, "bias": False, "padding": Padding.REFLECT}
    return {
        "paper": Config(
            window=_WINDOW,
            generator=GeneratorConfig(**small, noise_channels=8),
            discriminator=DiscriminatorConfig(**small, reference_size=2),
        ),
        "plus": Config(
            window=_WINDOW,
            generator=GeneratorConfig(**plus, noise_channels=8, learned_skips=True),
            discriminator=DiscriminatorConfig(
                **plus,
                norm=DiscriminatorNorm.BATCH,
                head=DiscriminatorHead.DENSE,
                activation=Activation.PRELU,
                phase_shift=5,
            ),
        ),
        "compact": Config(
            window=2048,
            generator=GeneratorConfig(
                **small,
                noise_channels=0,
                skip_merge=SkipMerge.ADD,
                initial_weights=InitialWeights.HE,
                add_input=True,
            ),
            discriminator=DiscriminatorConfig(**small, norm=DiscriminatorNorm.SPECTRAL),
            spectral_weight=1.0,
            snr_weight=0.1,
        ),
        "generator_alone": Config(
            window=_WINDOW, generator=GeneratorConfig(**small, noise_channels=8), adversarial_weight=0
        ),
    }


def batch(config: Config, size: int = 4) -> Batch:
    """`size` tones in noise; from torch's global generator."""
    time = torch.arange(config.window) / config.window
    clean = 0.3 * torch.sin(2 * torch.pi * (4 + 8 * torch.rand(size, 1, 1)) * time)
    return Batch(noisy=clean + 0.1 * torch.randn_like(clean), clean=clean)
