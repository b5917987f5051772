"""Tiny configs and batches that the contract tests of all tasks run."""

from __future__ import annotations

import torch

from condgen.adversarial.objectives import ENERGIES, ObjectiveName
from condgen.tasks.gaussian_mixture.data import Batch
from condgen.tasks.gaussian_mixture.networks import DIMENSIONS
from condgen.tasks.gaussian_mixture.task import Config, Game


def configs() -> dict[str, Config]:
    """By name; together they play every objective of logits and both games."""
    small = {
        "decoder_width": 64,
        "decoder_layers": 2,
        "encoder_width": 64,
        "discriminator_width": 64,
        "discriminator_layers": 2,
    }
    names = [name for name in ObjectiveName if name not in ENERGIES]
    return {f"objective-{name}": Config(**small, objective=name) for name in names} | {
        "minibatch-discrimination": Config(**small, batch_norm=False, minibatch_kernels=4),
        "ali": Config(**small, game=Game.ALI),
    }


def batch(config: Config, size: int = 8) -> Batch:
    """`size` points around two modes, from torch's global generator."""
    mode = torch.arange(size) % 2
    centre = (2 * mode.float() - 1)[:, None].expand(-1, DIMENSIONS)
    return Batch(point=centre + 0.05 * torch.randn(size, DIMENSIONS), mode=mode)
