"""Tiny configs and batches that the contract tests of all tasks run."""

from __future__ import annotations

import torch

from condgen.tasks.tfgan.config import (
    ClipDiscriminatorConfig,
    Config,
    FrameDiscriminatorConfig,
    GeneratorConfig,
    TowersConfig,
)
from condgen.tasks.tfgan.data import TokenBatch
from condgen.text.encoder import EncoderKind, TextConfig

_WORDS = 4  # of the sentences


def configs() -> dict[str, Config]:
    """By name; together they play every loss and build every network."""
    return {"filters": config(), "concatenation": config(filters=False, frames_judged=2)}


def config(*, filters: bool = True, frames_judged: int = 0, wrong_weight: float = 0.5, words: bool = False) -> Config:
    """Networks of a few channels, for 4 frames of 32 pixels.

    Args:
        words: read by fixed vectors, which know nothing yet; else by pieces of words, whose codes need no vocabulary.
    """
    pieces = TextConfig(kind=EncoderKind.SUBWORD_RNN, width=4, hidden=4, vocabulary=8)
    return Config(
        text=TextConfig(kind=EncoderKind.WORD_VECTORS, width=4) if words else pieces,
        towers=TowersConfig(channels=[4, 4, 4]),
        generator=GeneratorConfig(noise_channels=4, width=4),
        frame_discriminator=FrameDiscriminatorConfig(width=4, outputs=8, frames_judged=frames_judged),
        clip_discriminator=ClipDiscriminatorConfig(width=4, outputs=8),
        filters=filters,
        filter_channels=2,
        filter_kernel=3,
        size=32,
        frames=4,
        wrong_weight=wrong_weight,
    )


def batch(config: Config, size: int = 4) -> TokenBatch:
    """`size` plain greys, bright or dark by sentence, with a little noise; from torch's global generator."""
    kind = torch.arange(size) % 2
    level = (1 - 2 * kind.float())[:, None, None, None, None] * 0.5
    codes = (2 + kind)[:, None].repeat(1, _WORDS)
    mask = torch.ones_like(codes, dtype=torch.bool)
    clip = level + 0.05 * torch.randn(size, 3, config.frames, config.size, config.size)
    return TokenBatch(clip=clip, codes=codes, mask=mask, wrong_codes=codes.flip(0), wrong_mask=mask)
