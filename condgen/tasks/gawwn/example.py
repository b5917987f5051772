"""Tiny configs and batches that the contract tests of all tasks run."""

from __future__ import annotations

import torch

from condgen.adversarial.objectives import ObjectiveName
from condgen.tasks.gawwn.completion import CompletionConfig
from condgen.tasks.gawwn.config import Config, Form
from condgen.tasks.gawwn.data import Batch
from condgen.tasks.gawwn.layers import DiscriminatorConfig, DiscriminatorNorm, GeneratorConfig, Upsampling
from condgen.text.encoder import TextConfig

_NAMES = ["left eye", "right eye", "tail"]


def configs() -> dict[str, Config]:
    """By name; together they play every form and loss."""
    plain = {"generator": GeneratorConfig(width=4, noise=4), "discriminator": DiscriminatorConfig(width=4, text_code=4)}
    small = {
        "generator": GeneratorConfig(width=4, noise=4, upsampling=Upsampling.NEAREST, place_maps=True),
        "discriminator": DiscriminatorConfig(width=4, text_code=4, norm=DiscriminatorNorm.SPECTRAL, place_maps=True),
        "objective": ObjectiveName.HINGE,
        "wrong_text_weight": 0.3,
        "wrong_place_weight": 0.3,
    }
    free = DiscriminatorConfig(width=4, text_code=4, norm=DiscriminatorNorm.NONE)
    penalized = {"generator": plain["generator"], "discriminator": free, "r1_weight": 0.3, "wrong_place_weight": 0.2}
    shared = {
        "size": 32,
        "keypoints": _NAMES,
        "text": TextConfig(width=6, length=70, channels=[4, 4, 4], hidden=4),
    }
    normed = CompletionConfig(width=8, noise=4)
    bounded = CompletionConfig(width=8, noise=4, norm=DiscriminatorNorm.SPECTRAL)
    return {
        "box": Config(forms=[Form.BOX], **plain, **shared),
        "keypoints": Config(forms=[Form.KEYPOINTS], **small, **shared),
        "completion": Config(
            forms=[Form.COMPLETION],
            completion=bounded,
            completion_wrong_text_weight=0.3,
            objective=ObjectiveName.HINGE,
            **shared,
        ),
        "all": Config(forms=list(Form), completion=normed, **penalized, **shared),
    }


def batch(config: Config, size: int = 4) -> Batch:
    """`size` squares, white or black by sentence, on grey, at places of their own; from torch's global generator."""
    kind = torch.arange(size) % 2
    text = torch.nn.functional.one_hot(kind, config.text.width).float()
    box = torch.cat([0.5 * torch.rand(size, 2), torch.full((size, 2), 0.5)], dim=1)
    points = torch.cat([torch.rand(size, len(config.keypoints), 2), torch.ones(size, len(config.keypoints), 1)], dim=2)
    image = 0.05 * torch.randn(size, 3, config.size, config.size)
    for one, (x, y, width, height), shade in zip(image, (box * config.size).int().tolist(), kind, strict=True):
        one[:, y : y + height, x : x + width] += 0.8 - 1.6 * shade
    return Batch(
        image=image.clamp(-1, 1),
        box=box,
        keypoints=points,
        wrong_box=box.roll(1, 0),
        wrong_keypoints=points.roll(1, 0),
        text=text,
        wrong_text=text.roll(1, 0),
    )
