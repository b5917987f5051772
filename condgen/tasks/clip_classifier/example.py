"""Tiny configs and batches that the contract tests of all tasks run."""

from __future__ import annotations

import torch

from condgen.tasks.clip_classifier.config import Config
from condgen.tasks.clip_classifier.data import Batch

BRIGHTNESS, CHANGE = ["dark", "grey", "bright"], ["fading", "glowing"]


def configs() -> dict[str, Config]:
    """By name."""
    heads = {"brightness": BRIGHTNESS, "change": CHANGE}
    return {"two heads": Config(heads=heads, frames=4, size=16, width=4, dropout=0.1)}


def batch(config: Config, size: int = 4) -> Batch:
    """`size` plain clips with a little noise, whose heads are their brightness and its change over time; from torch's
    global generator.
    """
    brightness, change = torch.randint(len(BRIGHTNESS), (size,)), torch.randint(len(CHANGE), (size,))
    middle = brightness / (len(BRIGHTNESS) - 1) * 1.2 - 0.6
    ramp = torch.linspace(-0.3, 0.3, config.frames) * (2 * change - 1)[:, None]
    levels = (middle[:, None] + ramp)[:, None, :, None, None]
    noise = 0.05 * torch.randn(size, 3, config.frames, config.size, config.size)
    return Batch(clip=levels + noise, labels=torch.stack([brightness, change], dim=1))
