"""Tiny configs and batches that the contract tests of all tasks run."""

from __future__ import annotations

import torch

from condgen.adversarial.objectives import ObjectiveName
from condgen.tasks.gan_cls.config import Config, DiscriminatorConfig, GeneratorConfig, SecondStageConfig
from condgen.tasks.gan_cls.data import Batch, TokenBatch
from condgen.text.encoder import TextConfig

_TEXT = TextConfig(width=6, channels=[4, 4, 4], hidden=6, length=70)
_CHARACTERS = 20  # of the sentences, which have characters 1 or 2 alone


def configs() -> dict[str, Config]:
    """By name; together they play every loss and build every network."""
    return {
        "cls_int": config(),
        "gan": config(wrong_weight=0.0, interpolation_weight=0.0, objective=ObjectiveName.RELATIVISTIC_AVERAGE),
        "augmented": config(augmented=True),
        "text_trained": config(text_trained=True),
        "second_stage": config(second_stage=True),
        "text_filters": config(text_filters=2),
    }


def config(
    *,
    wrong_weight: float = 0.5,
    interpolation_weight: float = 1.0,
    objective: ObjectiveName = ObjectiveName.NON_SATURATING,
    augmented: bool = False,
    text_trained: bool = False,
    second_stage: bool = False,
    text_filters: int = 0,
) -> Config:
    """Networks of a few channels."""
    second = SecondStageConfig(text_code=3, generator_width=4, residual_blocks=1, discriminator_width=2)
    return Config(
        text=_TEXT,
        text_trained=text_trained,
        generator=GeneratorConfig(noise_channels=4, text_code=3, width=4, augmented=augmented),
        discriminator=DiscriminatorConfig(
            text_code=3, width=4, third_activation=not augmented, text_norm=augmented, text_filters=text_filters
        ),
        second_stage=second if second_stage else None,
        objective=objective,
        wrong_weight=wrong_weight,
        interpolation_weight=interpolation_weight,
    )


def batch(config: Config, size: int = 4) -> Batch | TokenBatch:
    """`size` plain greys, bright or dark by sentence, with a little noise; from torch's global generator."""
    kind = torch.arange(size) % 2
    level = (1 - 2 * kind.float())[:, None, None, None] * 0.5
    box = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).repeat(size, 1)
    places = {
        "box": box,
        "wrong_box": box,
        "keypoints": torch.zeros(size, 0, 3),
        "wrong_keypoints": torch.zeros(size, 0, 3),
    }
    image = level + 0.05 * torch.randn(size, 3, config.size, config.size)
    if config.text_trained:
        length = config.text.length
        mask = (torch.arange(length) < _CHARACTERS).expand(size, -1)
        codes = (1 + kind)[:, None] * mask
        return TokenBatch(image=image, codes=codes, mask=mask, wrong_codes=codes.flip(0), wrong_mask=mask, **places)
    text = torch.randn(2, config.text.width)[kind]
    return Batch(image=image, text=text, wrong_text=text.flip(0), **places)
