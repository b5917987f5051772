"""The second stage of StackGAN (Zhang et al., 2017, arXiv 1612.03242): a picture of 64 pixels and its sentence to 256.

Section 3.4 and the authors' code, layer by layer. The first stage is trained before and stays as it is.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from condgen.conditioning.condition import Condition
from condgen.conditioning.injection import concat_replicated
from condgen.conditioning.sentence import ConditioningAugmentation
from condgen.networks.blocks import SLOPE, initialise
from condgen.tasks.gan_cls.networks import Bottleneck, Drawn, halved, normed

SECOND_SIZE = 256
"""Pixels a side of what the second stage makes of 64."""


class SecondGenerator(nn.Module):
    """Reads picture and sentence again, mends what is wrong, and adds detail.

    Args:
        text_width: length of the sentence's vector.
        text_code: of the conditioning augmentation; the paper's N_g.
        width: of the first layer; 128 gives 512 channels of 16x16.
        blocks: residual blocks at 16x16; the paper's 4.
    """

    def __init__(self, text_width: int = 1024, *, text_code: int = 128, width: int = 128, blocks: int = 4):
        super().__init__()
        self.text = ConditioningAugmentation(text_width, text_code)
        self.encode = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1),
            nn.ReLU(),
            *halved(width, 2 * width, nn.ReLU()),
            *halved(2 * width, 4 * width, nn.ReLU()),
        )
        channels = [4 * width, 2 * width, width, max(1, width // 2), max(1, width // 4)]
        self.draw = nn.Sequential(
            *normed(nn.Conv2d(4 * width + text_code, 4 * width, 3, padding=1), nn.ReLU()),
            *(Residual(4 * width) for _ in range(blocks)),
            *(layer for sizes in itertools.pairwise(channels) for layer in _doubled(*sizes)),
            nn.Conv2d(channels[-1], 3, 3, padding=1),
        )
        initialise(self)

    def forward(self, image: Tensor, condition: Condition) -> Drawn:
        """(B, 3, 64, 64) in [-1, 1] of the first stage, condition.vector (B, text_width) -> 256 pixels."""
        code, divergence = self.text(condition.vector)
        joined = concat_replicated(self.encode(image), code)
        return Drawn(torch.tanh(self.draw(joined).float()), divergence)


class Residual(nn.Module):
    """Two 3x3 convolutions with batch norms around a skip, and ReLU behind their sum."""

    def __init__(self, channels: int):
        super().__init__()
        first, second = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.layers = nn.Sequential(*normed(first, nn.ReLU()), *normed(second))

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return torch.relu(features + self.layers(features))


def second_trunk(width: int = 64) -> tuple[nn.Module, int]:
    """Pictures of 256 pixels to features of 4x4, and how many channels these have."""
    activation = nn.LeakyReLU(SLOPE)
    widths = [width * 2**step for step in range(6)]
    layers = [nn.Conv2d(3, width, 4, stride=2, padding=1), activation]
    for sizes in itertools.pairwise(widths):
        layers += halved(*sizes, activation)
    layers += normed(nn.Conv2d(32 * width, 16 * width, 1), activation)
    layers += normed(nn.Conv2d(16 * width, 8 * width, 1))
    return nn.Sequential(*layers, Bottleneck(8 * width, 2 * width, activation)), 8 * width


def _doubled(inputs: int, outputs: int) -> list[nn.Module]:
    """Nearest up-sampling and a 3x3 convolution, which leave no checkerboard."""
    return [nn.Upsample(scale_factor=2), *normed(nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU())]
