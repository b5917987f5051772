"""The networks of GAN-CLS and GAN-INT (Reed et al., 2016, arXiv 1605.05396): a sentence and noise to 64 pixels.

Layer by layer as in the authors' code. Its convolutions have biases that are set to 0 before every step; here they
start at 0, where those before a batch norm have no effect, and count in the published numbers of parameters.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from condgen.conditioning.condition import Condition
from condgen.conditioning.injection import concat_replicated, concat_vector
from condgen.conditioning.sentence import ConditioningAugmentation
from condgen.networks.blocks import SLOPE, initialise

SIZE = 64
"""Pixels a side of the first stage."""


class Drawn(NamedTuple):
    """What a generator makes of B sentences."""

    image: Tensor  # (B, 3, S, S) in [-1, 1]
    divergence: Tensor  # scalar, fp32, of the conditioning augmentation; 0 without


class Generator(nn.Module):
    """A sentence's vector and noise to a picture of 64 pixels; 18,909,699 parameters as published (birds, flowers).

    Args:
        text_width: length of the sentence's vector.
        noise_channels: the paper's 100.
        text_code: what the sentence is compressed to.
        width: channels before the last layer; 196 for COCO.
        augmented: the code is drawn around the sentence, see `ConditioningAugmentation`.
    """

    def __init__(
        self,
        text_width: int = 1024,
        *,
        noise_channels: int = 100,
        text_code: int = 128,
        width: int = 128,
        augmented: bool = False,
    ):
        super().__init__()
        self.noise_channels = noise_channels
        self.text = TextCode(text_width, text_code, augmented=augmented)
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(noise_channels + text_code, 8 * width, 4),
            nn.BatchNorm2d(8 * width),
            Bottleneck(8 * width, 2 * width, nn.ReLU()),
            nn.ConvTranspose2d(8 * width, 4 * width, 4, stride=2, padding=1),
            nn.BatchNorm2d(4 * width),
            Bottleneck(4 * width, width, nn.ReLU()),
            *_up(4 * width, 2 * width),
            *_up(2 * width, width),
            nn.ConvTranspose2d(width, 3, 4, stride=2, padding=1),
        )
        initialise(self)

    def forward(self, noise: Tensor, condition: Condition) -> Drawn:
        """Noise (B, noise_channels) from N(0, 1), condition.vector (B, text_width)."""
        code, divergence = self.text(condition.vector)
        start = concat_vector(noise, code)[:, :, None, None]
        return Drawn(torch.tanh(self.layers(start).float()), divergence)


class Discriminator(nn.Module):
    """How real a picture is, and how well it fits a sentence, in one logit; 4,032,321 parameters as published.

    A task that judges a picture with two sentences calls `trunk` once and `judge` twice.

    Args:
        trunk: pictures (B, 3, S, S) to features (B, channels, 4, 4).
        channels: of the features.
        text_width, text_code: as of `Generator`.
        text_norm: batch norm of the text code, as in the script for GAN-CLS-INT; that for COCO has none.
    """

    def __init__(
        self, trunk: nn.Module, channels: int, text_width: int = 1024, *, text_code: int = 128, text_norm: bool = True
    ):
        super().__init__()
        self.trunk = trunk
        self.judge = SentenceJudge(channels, text_width, text_code=text_code, text_norm=text_norm)
        initialise(self)

    def forward(self, images: Tensor, condition: Condition) -> Tensor:
        """(B, 3, S, S) in [-1, 1] and condition.vector (B, text_width) -> logits (B,)."""
        return self.judge(self.trunk(images), condition)


class SentenceJudge(nn.Module):
    """Features and a sentence, joined at every position, to a logit (section 4.1).

    Args: as of `Discriminator`.
    """

    def __init__(self, channels: int, text_width: int, *, text_code: int, text_norm: bool):
        super().__init__()
        norm = [nn.BatchNorm1d(text_code)] if text_norm else []
        self.text = nn.Sequential(nn.Linear(text_width, text_code), *norm, nn.LeakyReLU(SLOPE))
        self.layers = nn.Sequential(
            *normed(nn.Conv2d(channels + text_code, channels, 1), nn.LeakyReLU(SLOPE)), nn.Conv2d(channels, 1, 4)
        )

    def forward(self, features: Tensor, condition: Condition) -> Tensor:
        """(B, channels, 4, 4) and condition.vector (B, text_width) -> logits (B,)."""
        return self.layers(concat_replicated(features, self.text(condition.vector))).flatten()


class TextCode(nn.Module):
    """A sentence's vector, compressed: by a linear layer and a leaky ReLU, or drawn around it."""

    def __init__(self, text_width: int, code: int, *, augmented: bool):
        super().__init__()
        self.augmentation = ConditioningAugmentation(text_width, code) if augmented else None
        self.linear = None if augmented else nn.Sequential(nn.Linear(text_width, code), nn.LeakyReLU(SLOPE))

    def forward(self, vector: Tensor) -> tuple[Tensor, Tensor]:
        """(B, text_width) -> code (B, C), and the divergence as of `Drawn`."""
        if self.augmentation is not None:
            return self.augmentation(vector)
        return self.linear(vector), torch.zeros((), device=vector.device)


class Bottleneck(nn.Module):
    """Convolutions 1x1, 3x3 and 3x3 with batch norms around a skip, and an activation behind their sum."""

    def __init__(self, channels: int, inner: int, activation: nn.Module):
        super().__init__()
        self.layers = nn.Sequential(
            *normed(nn.Conv2d(channels, inner, 1), activation),
            *normed(nn.Conv2d(inner, inner, 3, padding=1), activation),
            *normed(nn.Conv2d(inner, channels, 3, padding=1)),
        )
        self.activation = activation

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return self.activation(features + self.layers(features))


def first_trunk(width: int = 64, *, third_activation: bool = True) -> tuple[nn.Module, int]:
    """Pictures of 64 pixels to features of 4x4, and how many channels these have.

    Args:
        width: channels of the first layer; 196 for COCO.
        third_activation: a leaky ReLU behind the third convolution, as in the script for GAN-CLS. That for
            GAN-CLS-INT has none, so that two linear maps follow each other: an oversight, it seems.
    """
    activation = nn.LeakyReLU(SLOPE)
    layers = [
        nn.Conv2d(3, width, 4, stride=2, padding=1),
        activation,
        *halved(width, 2 * width, activation),
        *halved(2 * width, 4 * width, *([activation] if third_activation else [])),
        *halved(4 * width, 8 * width),
        Bottleneck(8 * width, 2 * width, activation),
    ]
    return nn.Sequential(*layers), 8 * width


def normed(layer: nn.Conv2d | nn.ConvTranspose2d, *activation: nn.Module) -> list[nn.Module]:
    """The layer, batch norm, and the activation if there is one."""
    return [layer, nn.BatchNorm2d(layer.out_channels), *activation]


def halved(inputs: int, outputs: int, *activation: nn.Module) -> list[nn.Module]:
    """A convolution that halves the size, batch norm, and the activation if there is one."""
    return normed(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1), *activation)


def _up(inputs: int, outputs: int) -> list[nn.Module]:
    return normed(nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1), nn.ReLU())
