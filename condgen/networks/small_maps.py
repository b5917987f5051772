"""Convolutions as matrix products where maps are small, as they are deep inside of a U-Net; for the CPU.

The library's convolution brings the weights into an order of its own at every call. For a map of a few pixels that
costs several times as much as the convolution: here 3.2 against 0.3 ms for 512 to 512 channels from 2x2 to 1x1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_TAPS = torch.tensor([[3, 1], [2, 0]])
"""Of a transposed convolution of kernel 4 and stride 2: which taps make the even outputs, and which the odd ones."""


def with_products(network: nn.Module) -> nn.Module:
    """Replace all two-dimensional convolutions of a network whose weights are laid out channels last, in place."""
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.Conv2d) and _is_plain(layer):
                setattr(parent, name, Convolution(layer))
            elif isinstance(layer, nn.ConvTranspose2d) and _doubles(layer):
                setattr(parent, name, Doubling(layer))
    return network


class Convolution(nn.Module):
    """`nn.Conv2d` without dilation and groups; a matrix product where there are fewer windows than output channels."""

    def __init__(self, layer: nn.Conv2d):
        super().__init__()
        self.layer = layer
        self._matrix = layer.weight.permute(0, 2, 3, 1).flatten(1)  # (outputs, kernel * inputs), a view

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> as the layer."""
        layer, (rows, columns) = self.layer, self.layer.padding
        batch, _, height, width = features.shape
        if batch * height * width > layer.out_channels * layer.stride[0] * layer.stride[1]:
            return layer(features)
        padded = F.pad(features.permute(0, 2, 3, 1), (0, 0, columns, columns, rows, rows))
        windows = _windows(padded, layer.kernel_size, layer.stride)
        return F.linear(windows.flatten(3), self._matrix, layer.bias).permute(0, 3, 1, 2)


class Doubling(nn.Module):
    """`nn.ConvTranspose2d` of kernel 4, stride 2 and padding 1, which doubles the size.

    Each of the four phases of its output (even and odd rows and columns) is a convolution of kernel 2. All four are one
    matrix product, where there are fewer windows than it has output columns.
    """

    def __init__(self, layer: nn.ConvTranspose2d):
        super().__init__()
        self.layer = layer
        # (inputs, outputs, row phase, row tap, column phase, column tap)
        phases = layer.weight[:, :, _TAPS][..., _TAPS]
        self._matrix = phases.permute(2, 4, 1, 3, 5, 0).reshape(4 * layer.out_channels, -1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', 2 H, 2 W)."""
        layer, (batch, _, height, width) = self.layer, features.shape
        if batch * (height + 1) * (width + 1) > len(self._matrix):
            return layer(features)
        windows = _windows(F.pad(features.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1)), (2, 2), (1, 1))
        bias = None if layer.bias is None else layer.bias.repeat(4)
        phases = F.linear(windows.flatten(3), self._matrix, bias).unflatten(3, (2, 2, layer.out_channels))
        made = features.new_empty(batch, 2 * height, 2 * width, layer.out_channels)
        for row in range(2):
            for column in range(2):
                made[:, row::2, column::2] = phases[:, row : row + height, column : column + width, row, column]
        return made.permute(0, 3, 1, 2)


def _windows(features: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """(B, H, W, C) -> (B, rows, columns, kernel height, kernel width, C), a view."""
    windows = features.unfold(1, kernel[0], stride[0]).unfold(2, kernel[1], stride[1])
    return windows.permute(0, 1, 2, 4, 5, 3)


def _is_plain(layer: nn.Conv2d) -> bool:
    return layer.groups == 1 and layer.dilation == (1, 1) and layer.padding_mode == "zeros"


def _doubles(layer: nn.ConvTranspose2d) -> bool:
    form = (layer.kernel_size, layer.stride, layer.padding, layer.output_padding, layer.dilation, layer.groups)
    return form == ((4, 4), (2, 2), (1, 1), (0, 0), (1, 1), 1)
