"""Tiny configs and batches that the contract tests of all tasks run."""

from __future__ import annotations

import torch

from condgen.networks.blocks import Norm
from condgen.tasks.text_to_video.config import (
    Config,
    DiscriminatorConfig,
    GistConfig,
    ReaderConfig,
    StreamsConfig,
)
from condgen.tasks.text_to_video.data import Batch, TokenBatch
from condgen.text.encoder import TextConfig

_TEXT = TextConfig(width=6, channels=[4, 4, 4], hidden=6, length=70)
_CHARACTERS = 20  # of the sentences, which have characters 1 or 2 alone


def configs() -> dict[str, Config]:
    """By name; together they play every loss and build every network."""
    return {
        "text_filter": config(),
        "reconstruction_alone": config(reconstruction_alone=True),
        "gist_beside_text": config(text_filter=False, text_trained=True, norm=Norm.NONE, r1_weight=0.1),
        "text_alone": config(gist=False, text_filter=False, wrong_weight=0.0, norm=Norm.NONE),
    }


def config(
    *,
    gist: bool = True,
    reconstruction_alone: bool = False,
    text_filter: bool = True,
    text_trained: bool = False,
    gist_detached: bool = False,
    wrong_weight: float = 0.5,
    norm: Norm = Norm.BATCH,
    r1_weight: float = 0.0,
) -> Config:
    """Clips of 16 frames with 16 pixels a side, and networks of a few channels."""
    return Config(
        frames=16,
        size=16,
        text=_TEXT,
        text_trained=text_trained,
        gist=gist,
        reconstruction_alone=reconstruction_alone,
        text_filter=text_filter,
        gist_detached=gist_detached,
        gist_generator=GistConfig(code=3, text_code=3, width=4),
        reader=ReaderConfig(text_code=3, filters=4, kernel=3, width=4, code=4),
        streams=StreamsConfig(motion_channels=4, width=4),
        discriminator=DiscriminatorConfig(text_code=3, width=4, norm=norm),
        wrong_weight=wrong_weight,
        mask_weight=0.1,
        r1_weight=r1_weight,
        r1_every=1,
    )


def batch(config: Config, size: int = 4) -> Batch | TokenBatch:
    """`size` clips that grow brighter or darker by sentence, with a little noise; from torch's global generator."""
    kind = torch.arange(size) % 2
    ramp = torch.linspace(-0.8, 0.8, config.frames)
    level = ((1 - 2 * kind.float())[:, None] * ramp)[:, None, :, None, None]
    clip = level + 0.05 * torch.randn(size, 3, config.frames, config.size, config.size)
    if config.text_trained:
        length = config.text.length
        mask = (torch.arange(length) < _CHARACTERS).expand(size, -1)
        codes = (1 + kind)[:, None] * mask
        return TokenBatch(clip=clip, codes=codes, mask=mask, wrong_codes=codes.flip(0), wrong_mask=mask)
    text = torch.randn(2, config.text.width)[kind]
    return Batch(clip=clip, text=text, wrong_text=text.flip(0))
