"""SRResNet generator, SRGAN discriminator and VGG19 features (Ledig et al., 2017, arXiv 1609.04802).

The defaults are the paper's networks. The keyword arguments reach the variants that other code bases call
"SRResNet" (BasicSR's MSRResNet, leftthomas' SRGAN), so that their weights give the same pictures here.
"""

from __future__ import annotations

import math
from enum import StrEnum

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Activation(StrEnum):
    PRELU = "prelu"  # one learned slope per layer, the paper's
    RELU = "relu"
    LEAKY_RELU = "leaky_relu"  # slope 0.1


class DiscriminatorHead(StrEnum):
    DENSE = "dense"  # flatten, 1024, 1: the paper's; bound to the crop size it was built for
    POOLED = "pooled"  # global average pooling first: any crop size, 18 M parameters fewer


def _activation(kind: Activation) -> nn.Module:
    match kind:
        case Activation.PRELU:
            return nn.PReLU()
        case Activation.RELU:
            return nn.ReLU()
        case Activation.LEAKY_RELU:
            return nn.LeakyReLU(0.1)


class ResidualBlock(nn.Module):
    """conv, norm, activation, conv, norm, plus the input. (B, C, H, W) in and out."""

    def __init__(self, channels: int, activation: Activation, batch_norm: bool):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(channels) if batch_norm else nn.Identity()
        self.activation = _activation(activation)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(channels) if batch_norm else nn.Identity()
        if not batch_norm:  # without norms, a deep sum of branches must start near the identity (BasicSR: 0.1)
            with torch.no_grad():
                self.conv2.weight.mul_(0.1)
                self.conv2.bias.zero_()

    def forward(self, features: Tensor) -> Tensor:
        return features + self.norm2(self.conv2(self.activation(self.norm1(self.conv1(features)))))


class Upsample(nn.Module):
    """Convolution to factor^2 times the channels, pixel shuffle, activation: (B, C, H, W) -> (B, C, fH, fW)."""

    def __init__(self, channels: int, factor: int, activation: Activation):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels * factor**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(factor)
        self.activation = _activation(activation)
        _start_as_nearest_neighbour(self.conv, factor)

    def forward(self, features: Tensor) -> Tensor:
        return self.activation(self.shuffle(self.conv(features)))


@torch.no_grad()
def _start_as_nearest_neighbour(conv: nn.Conv2d, factor: int) -> None:
    """ICNR (Aitken et al., 2017): the sub-pixels of a pixel start equal, so there is no checkerboard at first."""
    conv.weight.copy_(conv.weight[:: factor**2].repeat_interleave(factor**2, dim=0))
    conv.bias.copy_(conv.bias[:: factor**2].repeat_interleave(factor**2, dim=0))


class Generator(nn.Module):
    """SRResNet (section 2.1.1, figure 4).

    Low resolution (B, 3, H, W) in [0, 1] -> high resolution (B, 3, scale H, scale W), nominally in [-1, 1], unclamped.

    Args:
        scale: 2, 3, 4 or 8; powers of two use one 2x stage after the other.
        residual_blocks: 16 in the paper.
        channels: 64 in the paper.
        batch_norm: False drops the body's batch norms (Lim et al., 2017): better PSNR, no train/test gap.
        block_activation: activation in the residual blocks.
        upsample_activation: activation after each upsampling stage and after the first convolution.
        edge_kernel: size of the first and the last convolution, 9 in the paper.
        long_skip: add the first convolution's output to the body's.
        refine: a further 3x3 convolution at full size before the last (MSRResNet).
        body_end: the convolution (and norm) after the last residual block.
        add_interpolated: add the bilinearly enlarged input, so the network learns the residual only (MSRResNet).
        tanh_output: end in tanh (leftthomas, PyTorch-GAN); the paper's figure has none.
    """

    def __init__(
        self,
        scale: int = 4,
        residual_blocks: int = 16,
        channels: int = 64,
        *,
        batch_norm: bool = True,
        block_activation: Activation = Activation.PRELU,
        upsample_activation: Activation = Activation.PRELU,
        edge_kernel: int = 9,
        long_skip: bool = True,
        refine: bool = False,
        body_end: bool = True,
        add_interpolated: bool = False,
        tanh_output: bool = False,
    ):
        super().__init__()
        self.scale, self.long_skip, self.tanh_output = scale, long_skip, tanh_output
        self.add_interpolated = add_interpolated
        self.head = nn.Sequential(
            nn.Conv2d(3, channels, edge_kernel, padding=edge_kernel // 2), _activation(upsample_activation)
        )
        self.body = nn.Sequential(
            *(ResidualBlock(channels, block_activation, batch_norm) for _ in range(residual_blocks))
        )
        self.body_end = nn.Sequential()
        if body_end:
            self.body_end.append(nn.Conv2d(channels, channels, 3, padding=1))
            if batch_norm:
                self.body_end.append(nn.BatchNorm2d(channels))
        factors = [3] if scale == 3 else [2] * round(math.log2(scale))
        self.upsample = nn.Sequential(*(Upsample(channels, factor, upsample_activation) for factor in factors))
        self.refine = nn.Sequential()
        if refine:
            self.refine.extend([nn.Conv2d(channels, channels, 3, padding=1), _activation(upsample_activation)])
        self.tail = nn.Conv2d(channels, 3, edge_kernel, padding=edge_kernel // 2)

    def forward(self, low: Tensor) -> Tensor:
        first = self.head(low)
        features = self.body_end(self.body(first))
        if self.long_skip:
            features = features + first
        high = self.tail(self.refine(self.upsample(features)))
        if self.add_interpolated:
            high = high.float() + interpolated(low, self.scale)  # in fp32 under autocast too, as at inference
        return torch.tanh(high) if self.tanh_output else high


def interpolated(low: Tensor, scale: int) -> Tensor:
    """The input enlarged bilinearly and mapped from [0, 1] to [-1, 1]: (B, 3, H, W) -> (B, 3, scale H, scale W)."""
    return F.interpolate(low * 2 - 1, scale_factor=scale, mode="bilinear", align_corners=False)


class Discriminator(nn.Module):
    """Figure 4, lower half: eight 3x3 convolutions, LeakyReLU 0.2, then a dense head. Returns logits (B, 1).

    Args:
        crop: side of the square input; only the dense head depends on it.
        channels: of the first layer, 64 in the paper; the last has eight times as many.
        head: the paper's dense head, or one after global average pooling.
    """

    def __init__(self, crop: int = 96, channels: int = 64, head: DiscriminatorHead = DiscriminatorHead.DENSE):
        super().__init__()
        widths = [channels * factor for factor in (1, 1, 2, 2, 4, 4, 8, 8)]
        layers: list[nn.Module] = []
        for index, width in enumerate(widths):
            before = widths[index - 1] if index else 3
            layers.append(nn.Conv2d(before, width, 3, stride=1 + index % 2, padding=1))
            if index:
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.LeakyReLU(0.2))
        self.features = nn.Sequential(*layers)
        if head is DiscriminatorHead.DENSE:
            collapse, flat = nn.Flatten(), widths[-1] * math.ceil(crop / 16) ** 2
        else:
            collapse, flat = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), widths[-1]
        self.judge = nn.Sequential(
            collapse, nn.Linear(flat, 16 * channels), nn.LeakyReLU(0.2), nn.Linear(16 * channels, 1)
        )

    def forward(self, sample: Tensor) -> Tensor:
        """sample: (B, 3, H, W) in [-1, 1] -> logits (B, 1)."""
        return self.judge(self.features(sample))

    def feature_maps(self, sample: Tensor) -> list[Tensor]:
        """The activations after each of the eight layers, for feature matching (Wang et al., 2018, section 3.2)."""
        maps = []
        for layer in self.features:
            sample = layer(sample)
            if isinstance(layer, nn.LeakyReLU):
                maps.append(sample)
        return maps
