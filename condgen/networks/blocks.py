"""Layers that the translation networks share, for (B, C, *spatial) of one, two or three spatial dimensions."""

from __future__ import annotations

from enum import StrEnum

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_BATCH_NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_LINEAR_INTERPOLATION = {1: "linear", 2: "bilinear", 3: "trilinear"}

SLOPE = 0.2  # of every leaky ReLU (Radford et al., 2016; Isola et al., 2017, section 6.1)


class Norm(StrEnum):
    INSTANCE = "instance"
    BATCH = "batch"
    NONE = "none"


class Upsampling(StrEnum):
    TRANSPOSED = "transposed"  # the papers': can leave a checkerboard
    RESIZE = "resize"  # linear interpolation, then a convolution: no checkerboard (Odena et al., 2016)


class InstanceNorm(nn.Module):
    """Each channel of each sample to mean 0 and variance 1 over space (Ulyanov et al., 2016, arXiv 1607.08022).

    Neither scale and shift nor running statistics, so the same in training and evaluation. Equal to
    `nn.InstanceNorm2d(C)`, whose CPU kernel copies channels-last maps to and fro: the calls below do not.
    """

    eps = 1e-5

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, *spatial) -> the same shape, dtype and layout; raises ValueError when there is a single value."""
        if features[0, 0].numel() == 1:
            raise ValueError(f"instance norm needs more than one value a channel, got {tuple(features.shape)}")
        if features.requires_grad:  # the backward pass of a batch of one is fast, that of group norm is not
            return torch.cat([F.batch_norm(one, None, None, training=True, eps=self.eps) for one in features.split(1)])
        return F.group_norm(features, features.shape[1], eps=self.eps)


class Padding(nn.Module):
    """Mirrors every spatial border, without repeating the edge."""

    def __init__(self, width: int):
        super().__init__()
        self.width = width

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, *spatial) -> the same with 2 * width more values in each spatial dimension."""
        with torch.autocast(features.device.type, enabled=False):  # which on the CPU would copy to fp32 and back
            return F.pad(features, [self.width] * 2 * (features.ndim - 2), mode="reflect")


class LinearUpsampling(nn.Module):
    """Twice as many values in each spatial dimension, between the old ones."""

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, *spatial) -> (B, C, *(2 * spatial))."""
        mode = _LINEAR_INTERPOLATION[features.ndim - 2]
        return F.interpolate(features, scale_factor=2, mode=mode, align_corners=False)


def convolution(
    dimensions: int, inputs: int, outputs: int, kernel: int, *, stride: int = 1, padding: int = 0, norm: Norm
) -> nn.Module:
    """A convolution that a norm follows. Before a batch norm it has no bias, which that would cancel; before an
    instance norm it has, as in the papers' code, whose weights then fit.
    """
    bias = norm is not Norm.BATCH
    return _CONVOLUTIONS[dimensions](inputs, outputs, kernel, stride=stride, padding=padding, bias=bias)


def mirrored_convolution(dimensions: int, inputs: int, outputs: int, kernel: int, *, norm: Norm) -> list[nn.Module]:
    """A convolution of odd kernel that keeps the size, over a mirrored border."""
    return [Padding(kernel // 2), convolution(dimensions, inputs, outputs, kernel, norm=norm)]


def upsampling(
    form: Upsampling, dimensions: int, inputs: int, outputs: int, *, kernel: int, norm: Norm
) -> list[nn.Module]:
    """Layers that double the size: (B, inputs, *spatial) -> (B, outputs, *(2 * spatial)).

    Args:
        kernel: 3 or 4, of the transposed convolution; the other form always has 3.
    """
    if form is Upsampling.RESIZE:
        return [LinearUpsampling(), *mirrored_convolution(dimensions, inputs, outputs, 3, norm=norm)]
    bias = norm is not Norm.BATCH
    extra = kernel % 2  # 3: 2 (s - 1) + 3 - 2 + 1 = 2 s; 4: 2 (s - 1) + 4 - 2 = 2 s
    layer = _TRANSPOSED[dimensions](inputs, outputs, kernel, stride=2, padding=1, output_padding=extra, bias=bias)
    return [layer]


def normalisation(norm: Norm, dimensions: int, channels: int) -> list[nn.Module]:
    """The norm as a layer, if there is one."""
    match norm:
        case Norm.INSTANCE:
            return [InstanceNorm()]
        case Norm.BATCH:
            return [_BATCH_NORMS[dimensions](channels)]
        case Norm.NONE:
            return []


@torch.no_grad()
def initialise(network: nn.Module, deviation: float = 0.02) -> None:
    """Weights from N(0, 0.02), those of batch norms from N(1, 0.02), biases 0 (Isola et al., 2017, section 6.2)."""
    for part in network.modules():
        if isinstance(part, (*_CONVOLUTIONS.values(), *_TRANSPOSED.values())):
            nn.init.normal_(part.weight, 0.0, deviation)
        elif isinstance(part, tuple(_BATCH_NORMS.values())):
            nn.init.normal_(part.weight, 1.0, deviation)
        else:
            continue
        if part.bias is not None:
            nn.init.zeros_(part.bias)
