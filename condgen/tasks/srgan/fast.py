"""The generator rewritten for inference: the same function of the picture in fewer and better-shaped operations.

- Batch norms are folded into the convolutions before them.
- The last pixel shuffle and the last convolution at full size become one convolution before the shuffle: a 9x9
  convolution with 3 output channels on a picture of twice the size is a 5x5 one with 12 on the features. All
  activations have one slope a layer, so the last one commutes with the shuffle.
- After the body, the features are taken in patches: the widest maps (4 C at 2H x 2W) then stay in the cache.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from condgen.tasks.srgan.networks import Generator, Upsample, interpolated

PATCH = 64  # low-resolution pixels a side: measured fastest from 32 to whole, bf16, 64 channels


def fold(generator: Generator, dtype: torch.dtype = torch.float32, patch: int = PATCH) -> FoldedGenerator:
    """A copy for inference, as the generator is in eval mode; convolutions in `dtype`, channels last.

    In fp32 the outputs agree with the generator's up to rounding. The generator itself is not changed.
    """
    own = copy.deepcopy(generator).eval()
    return FoldedGenerator(own, patch).requires_grad_(False).to(dtype=dtype, memory_format=torch.channels_last)


class FoldedGenerator(nn.Module):
    """What `fold` makes. (B, 3, H, W) in [0, 1], fp32 -> fp32 (B, 3, scale H, scale W), nominally in [-1, 1]."""

    def __init__(self, generator: Generator, patch: int = PATCH):
        super().__init__()
        self.scale, self.patch = generator.scale, patch
        self.long_skip, self.add_interpolated = generator.long_skip, generator.add_interpolated
        self.tanh_output = generator.tanh_output
        self.head = _Conv(generator.head[0], activation=generator.head[1])
        self.body = nn.ModuleList(
            nn.ModuleList([_Conv(block.conv1, block.norm1, block.activation), _Conv(block.conv2, block.norm2)])
            for block in generator.body
        )
        self.body_end = nn.ModuleList([_Conv(*generator.body_end)] if len(generator.body_end) else [])
        stages = list(generator.upsample)
        last: list[nn.Module] = [_Conv(generator.tail)]
        if len(generator.refine):
            last.insert(0, _Conv(generator.refine[0], activation=generator.refine[1]))
        else:
            end = stages.pop()
            factor = end.shuffle.upscale_factor
            tail = _before_shuffle(generator.tail, factor)
            last = [_Conv(end.conv, activation=end.activation), _Conv(tail), nn.PixelShuffle(factor)]
        self.enlarge = nn.Sequential(*(layer for stage in stages for layer in _stage(stage)), *last)
        self.patch_border = _radius(self.enlarge)

    @torch.inference_mode()
    def forward(self, low: Tensor) -> Tensor:
        first = self.head(low.to(self.head.conv.weight.dtype, memory_format=torch.channels_last))
        features = first
        for inner, outer in self.body:
            features = outer(inner(features)).add_(features)
        for layer in self.body_end:
            features = layer(features)
        if self.long_skip:
            features = features + first
        del first
        high = self._enlarge_in_patches(features)
        if self.add_interpolated:
            high += interpolated(low, self.scale)
        return high.tanh_() if self.tanh_output else high

    def _enlarge_in_patches(self, features: Tensor) -> Tensor:
        """Each patch is computed with a border of real features, so that the result is that of the whole."""
        batch, _, height, width = features.shape
        scale, border = self.scale, self.patch_border
        high = features.new_empty((batch, 3, scale * height, scale * width), dtype=torch.float32)
        for top, bottom in spans(height, self.patch):
            for left, right in spans(width, self.patch):
                from_top, from_left = max(top - border, 0), max(left - border, 0)
                part = self.enlarge(features[..., from_top : bottom + border, from_left : right + border])
                high[..., scale * top : scale * bottom, scale * left : scale * right] = part[
                    ...,
                    scale * (top - from_top) : scale * (bottom - from_top),
                    scale * (left - from_left) : scale * (right - from_left),
                ]
        return high


def spans(extent: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut 0..extent into the fewest parts of at most `size`, as equal as they can be."""
    parts = math.ceil(extent / size)
    for index in range(parts):
        yield index * extent // parts, (index + 1) * extent // parts


class _Conv(nn.Module):
    """Convolution, with the batch norm folded in, and a leaky activation in place."""

    def __init__(self, conv: nn.Conv2d, norm: nn.Module | None = None, activation: nn.Module | None = None):
        super().__init__()
        self.conv = fuse_conv_bn_eval(conv, norm) if isinstance(norm, nn.BatchNorm2d) else conv
        self.slope = None if activation is None else _slope(activation)

    def forward(self, features: Tensor) -> Tensor:
        features = self.conv(features)
        return features if self.slope is None else F.leaky_relu_(features, self.slope)


def _slope(activation: nn.Module) -> float:
    """Of the negative half."""
    if isinstance(activation, nn.PReLU):
        return activation.weight.item()
    return activation.negative_slope if isinstance(activation, nn.LeakyReLU) else 0.0


def _stage(stage: Upsample) -> list[nn.Module]:
    return [_Conv(stage.conv, activation=stage.activation), stage.shuffle]  # the activation commutes with the shuffle


def _radius(layers: nn.Sequential) -> int:
    """Pixels of the first layer's input on each side that can influence the output, rounded up."""
    radius, size = 0.0, 1
    for layer in layers:
        if isinstance(layer, nn.PixelShuffle):
            size *= layer.upscale_factor
        else:
            radius += (layer.conv.kernel_size[0] // 2) / size
    return math.ceil(radius) + 1


@torch.no_grad()
def _before_shuffle(conv: nn.Conv2d, factor: int) -> nn.Conv2d:
    """The convolution before a pixel shuffle that equals `conv` (odd kernel, zero padding) after the shuffle.

    Output sub-pixel (a, b) reads at distance u - p the sub-pixel i of the coarse pixel at distance m, where
    a + u - p = factor m + i. Zeros around the fine map are zeros around the coarse one.
    """
    outputs, channels, size, _ = conv.weight.shape
    padding = size // 2
    reach = math.ceil(padding / factor)
    weight = conv.weight.new_zeros(outputs, factor, factor, channels, factor, factor, 2 * reach + 1, 2 * reach + 1)
    taps = [(a, u, *divmod(a + u - padding, factor)) for a in range(factor) for u in range(size)]
    for a, u, m, i in taps:
        for b, v, n, j in taps:
            weight[:, a, b, :, i, j, m + reach, n + reach] = conv.weight[:, :, u, v]
    folded = nn.Conv2d(
        channels * factor**2,
        outputs * factor**2,
        2 * reach + 1,
        padding=reach,
        device=weight.device,
        dtype=weight.dtype,
    )
    folded.weight.copy_(weight.reshape(folded.weight.shape))
    folded.bias.copy_(conv.bias.repeat_interleave(factor**2))
    return folded
