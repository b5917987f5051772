"""Tiny configs and batches that the contract tests of all tasks run."""

from __future__ import annotations

import torch

from condgen.tasks.joint_embedding.config import Config, ImageEncoderConfig, ImageEncoderKind
from condgen.tasks.joint_embedding.data import Batch
from condgen.text.encoder import TextConfig, build

_TEXT = TextConfig(width=16, length=66, channels=[16, 16, 16])
_SENTENCES = ("a large red triangle", "one small blue star", "some green ellipse", "a yellow cross on stripes")


def configs() -> dict[str, Config]:
    """By name."""
    features = ImageEncoderConfig(kind=ImageEncoderKind.FEATURES)
    learned = ImageEncoderConfig(kind=ImageEncoderKind.LEARNED, size=8, resize=0, width=4)
    return {
        "features": Config(text=_TEXT, image=features),
        "learned": Config(text=_TEXT, image=learned),
        "one_sided": Config(text=_TEXT, image=features, symmetric=False),
    }


def batch(config: Config, size: int = 4) -> Batch:
    """`size` sentences, each with a plain picture or features of its own and a little noise."""
    codes, mask = build(config.text).tokenize([_SENTENCES[row % len(_SENTENCES)] for row in range(size)])
    fixed = torch.Generator().manual_seed(0)
    if config.image.kind is ImageEncoderKind.FEATURES:
        plain = torch.randn(size, config.text.width, generator=fixed)
    else:
        plain = torch.rand(size, 3, 1, 1, generator=fixed).mul(2).sub(1).expand(-1, -1, *[config.image.size] * 2)
    return Batch(view=plain + 0.05 * torch.randn(plain.shape), codes=codes, mask=mask)
