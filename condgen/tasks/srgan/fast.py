"""The generator rewritten for inference: the same function of the picture, in fewer and better-shaped operations.

- Batch norms are folded into the convolutions before them.
- The last pixel shuffle and the last convolution at full size become one convolution before the shuffle: a 9x9
  convolution with 3 output channels on a picture of twice the size is a 5x5 one with 12 on the features. All
  activations have one slope a layer, so the last one commutes with the shuffle.
- The picture flows through in strips of rows, from top to bottom, and every convolution keeps the few rows that its
  next strip needs. So the maps stay in the cache, memory does not grow with the height of the picture, nothing is
  computed twice as with overlapping tiles, and there are no seams: it is the same sum.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from condgen.tasks.srgan.networks import Generator, interpolated

TILE = 192
"""Side of a square with as many low-resolution pixels as a strip: fastest on CPUs for 64 channels in bf16."""


def fold(generator: Generator, dtype: torch.dtype = torch.float32) -> FoldedGenerator:
    """A copy for inference, as the generator is in eval mode; convolutions in `dtype`, channels last.

    In fp32 the outputs agree with the generator's up to rounding. The generator itself is not changed.
    """
    folded = FoldedGenerator(copy.deepcopy(generator).eval())
    return folded.requires_grad_(False).to(dtype=dtype, memory_format=torch.channels_last)


class FoldedGenerator(nn.Module):
    """What `fold` makes. (B, 3, H, W) in [0, 1], fp32 -> fp32 (B, 3, scale H, scale W), nominally in [-1, 1]."""

    def __init__(self, generator: Generator):
        super().__init__()
        self.scale, self.long_skip = generator.scale, generator.long_skip
        self.add_interpolated, self.tanh_output = generator.add_interpolated, generator.tanh_output
        self.head = _Convolution(generator.head[0], activation=generator.head[1])
        self.body = nn.ModuleList(
            nn.ModuleList(
                [_Convolution(block.conv1, block.norm1, block.activation), _Convolution(block.conv2, block.norm2)]
            )
            for block in generator.body
        )
        self.body_end = nn.ModuleList([_Convolution(*generator.body_end)] if len(generator.body_end) else [])
        self.enlarge = nn.ModuleList()
        for stage in generator.upsample:  # the activation commutes with the shuffle, and is cheaper before it
            self.enlarge.extend([_Convolution(stage.conv, activation=stage.activation), stage.shuffle])
        if len(generator.refine):
            refine, activation = generator.refine
            self.enlarge.extend([_Convolution(refine, activation=activation), _Convolution(generator.tail)])
        else:
            shuffle = self.enlarge.pop(-1)
            self.enlarge.extend([_Convolution(_before_shuffle(generator.tail, shuffle.upscale_factor)), shuffle])

    def forward(self, low: Tensor) -> Tensor:
        flow = Flow(self, low.shape[3])
        height = low.shape[2]
        strips = [flow.push(low[:, :, top:bottom], bottom == height) for top, bottom in spans(height, flow.rows)]
        return torch.cat(strips, dim=2)


class Flow:
    """One picture on its way through the network. All that is remembered between strips is in here.

    Args:
        network: the folded generator.
        width: of the low-resolution picture.
        tile: sets the rows of a strip, which then has about as many pixels as a square of this side.
    """

    def __init__(self, network: FoldedGenerator, width: int, tile: int = TILE):
        self.network = network
        self.rows = max(1, tile * tile // width)
        self._column_border = _reach(network.enlarge)
        band = max(16, tile * tile // (4 * self.rows))  # the upsampling maps are 16 times as large a pixel (x4)
        self._bands = [(left, right, {}) for left, right in spans(width, band)]
        self._kept: _Kept = {}

    @torch.inference_mode()
    def push(self, low: Tensor, last: bool) -> Tensor:
        """Feed the next rows (B, 3, h, W); returns the rows (B, 3, h', scale W) that are ready now, h' perhaps 0.

        With `last` these are all that are left, scale * H in the end.
        """
        network, kept = self.network, self._kept
        first = network.head(low.to(network.head.weight.dtype, memory_format=torch.channels_last), kept, last)
        features = first
        for inner, outer in network.body:
            branch = outer(inner(features, kept, last), kept, last)
            features = _add_waiting(branch, features, kept, outer)
        for layer in network.body_end:
            features = layer(features, kept, last)
        if network.long_skip:
            features = _add_waiting(features, first, kept, network.head)
        high = self._enlarged(features, last)
        if network.add_interpolated:
            high = _add_waiting(high, _interpolated(low, network.scale, kept, last), kept, network)
        return high.tanh_() if network.tanh_output else high

    def _enlarged(self, features: Tensor, last: bool) -> Tensor:
        """Upsampling in bands of columns, each computed with a border of real features."""
        scale, border = self.network.scale, self._column_border
        parts = []
        for left, right, kept in self._bands:
            start = max(left - border, 0)
            part = features[..., start : right + border]
            for layer in self.network.enlarge:
                part = layer(part) if isinstance(layer, nn.PixelShuffle) else layer(part, kept, last)
            parts.append(part[..., scale * (left - start) : scale * (right - start)].float())
        return torch.cat(parts, dim=3)


_Kept = dict[object, Tensor]
"""By layer: rows that its next strip needs again, or that wait for the others."""


def spans(extent: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut 0..extent into the fewest parts of at most `size`, as equal as they can be."""
    parts = math.ceil(extent / size)
    for index in range(parts):
        yield index * extent // parts, (index + 1) * extent // parts


class _Convolution(nn.Module):
    """Convolution with its batch norm folded in and its activation done in place, on strips of rows."""

    def __init__(self, conv: nn.Conv2d, norm: nn.Module | None = None, activation: nn.Module | None = None):
        super().__init__()
        conv = fuse_conv_bn_eval(conv, norm) if isinstance(norm, nn.BatchNorm2d | nn.SyncBatchNorm) else conv
        self.weight, self.bias = conv.weight, conv.bias
        self.padding = conv.kernel_size[0] // 2
        self.slope = None if activation is None else _slope(activation)

    def forward(self, rows: Tensor, kept: _Kept, last: bool) -> Tensor:
        """(B, C, h, W) -> the (B, C', h', W) that can be known now: the rows below are missing unless `last`."""
        zeros = rows.new_zeros(rows.shape[0], rows.shape[1], self.padding, rows.shape[3])
        rows = _stacked([kept.get(self, zeros), rows, *([zeros] if last else [])])
        kept[self] = rows[:, :, max(rows.shape[2] - 2 * self.padding, 0) :].clone()
        if rows.shape[2] <= 2 * self.padding:
            return rows.new_empty(rows.shape[0], len(self.weight), 0, rows.shape[3])
        rows = F.conv2d(rows, self.weight, self.bias, padding=(0, self.padding))
        return rows if self.slope is None else F.leaky_relu_(rows, self.slope)


def _stacked(strips: list[Tensor]) -> Tensor:
    """One below the other, (B, C, h, W) each, channels last whatever the layout of the first."""
    return torch.cat([strip.permute(0, 2, 3, 1) for strip in strips], dim=1).permute(0, 3, 1, 2)


def _add_waiting(rows: Tensor, earlier: Tensor, kept: _Kept, key: nn.Module) -> Tensor:
    """Add in place what entered `earlier` for the same rows: it has waited while convolutions held these back."""
    waiting = kept.get((key, "waiting"))
    count, done = rows.shape[2], 0
    parts = [earlier] if waiting is None else [waiting, earlier]
    left = []
    for part in parts:
        used = min(part.shape[2], count - done)
        rows[:, :, done : done + used] += part[:, :, :used]
        left.append(part[:, :, used:])
        done += used
    kept[key, "waiting"] = _stacked(left)
    return rows


def _interpolated(low: Tensor, scale: int, kept: _Kept, last: bool) -> Tensor:
    """The network's bilinear enlargement on strips of rows; beyond the picture's edge its edge row counts."""
    rows = torch.cat([kept.get("low", low[:, :, :1]), low, *([low[:, :, -1:]] if last else [])], dim=2)
    kept["low"] = rows[:, :, -2:].clone()
    if rows.shape[2] <= 2:
        return low.new_empty(low.shape[0], 3, 0, scale * low.shape[3])
    return interpolated(rows, scale)[:, :, scale:-scale]


def _slope(activation: nn.Module) -> float:
    """Of the negative half."""
    if isinstance(activation, nn.PReLU):
        return activation.weight.item()
    return activation.negative_slope if isinstance(activation, nn.LeakyReLU) else 0.0


def _reach(layers: nn.ModuleList) -> int:
    """Pixels of the first layer's input on each side that can influence the output, rounded up."""
    reach, size = 0.0, 1
    for layer in layers:
        if isinstance(layer, nn.PixelShuffle):
            size *= layer.upscale_factor
        else:
            reach += layer.padding / size
    return math.ceil(reach) + 1


@torch.no_grad()
def _before_shuffle(conv: nn.Conv2d, factor: int) -> nn.Conv2d:
    """The convolution before a pixel shuffle that equals `conv` (odd kernel, zero padding p) after the shuffle.

    Output sub-pixel a reads at tap u the sub-pixel i of the coarse pixel at distance m, where a + u - p = factor m + i;
    so do rows and columns. Zeros around the fine map are zeros around the coarse one.
    """
    outputs, channels, size, _ = conv.weight.shape
    padding = size // 2
    reach = math.ceil(padding / factor)
    side = 2 * reach + 1
    weight = conv.weight.new_zeros(outputs, factor, factor, channels, factor, factor, side, side)
    taps = [(a, u, *divmod(a + u - padding, factor)) for a in range(factor) for u in range(size)]
    for a, u, m, i in taps:
        for b, v, n, j in taps:
            weight[:, a, b, :, i, j, m + reach, n + reach] = conv.weight[:, :, u, v]
    folded = nn.Conv2d(channels * factor**2, outputs * factor**2, side, padding=reach, device=weight.device)
    folded.weight.copy_(weight.reshape(folded.weight.shape))
    folded.bias.copy_(conv.bias.repeat_interleave(factor**2))
    return folded
