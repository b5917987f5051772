"""Convolutions over time whose gradients are fast too, for signals laid out channels last.

(B, C, T) outside, (B, T, C) in memory: one-dimensional convolutions run in the fast kernels of two-dimensional ones,
several times faster than `nn.Conv1d` on CPUs.
"""

from __future__ import annotations

from enum import StrEnum

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SHORT = 32  # samples: below, a layer's weights outweigh its signal, and a matrix product is faster than a convolution


class Padding(StrEnum):
    ZEROS = "zeros"  # the paper's
    REFLECT = "reflect"  # SEGAN+


class StridedConv(nn.Module):
    """(B, C, T) -> (B, C', T / stride), T a multiple of the stride.

    TensorFlow's SAME padding: for the kernel 31, 14 samples left and 15 right. Computed as a convolution of stride 1
    over blocks of `stride` samples, which costs nothing to rearrange channels last; its gradients are much faster.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int,
        *,
        bias: bool,
        padding: Padding = Padding.ZEROS,
    ):
        super().__init__()
        self.stride, self.padding = stride, padding
        self.blocks = -(-kernel_size // stride)
        before = (kernel_size - 1) // 2 - kernel_size % 2
        self.around = (before, (self.blocks - 1) * stride - before)
        self.weight = nn.Parameter(_truncated_normal(out_channels, in_channels, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None

    def forward(self, signal: Tensor) -> Tensor:
        signal = self._padded(signal.to(_compute_type(self.weight)))
        out_channels, in_channels, kernel_size = self.weight.shape
        if signal.shape[2] <= (SHORT + self.blocks) * self.stride:
            windows = signal.unfold(2, kernel_size, self.stride).transpose(1, 2).flatten(2)
            return F.linear(windows, self.weight.flatten(1), self.bias).transpose(1, 2)
        signal = signal.transpose(1, 2).contiguous()  # no copy: channels are last
        blocks = signal.view(len(signal), -1, self.stride * in_channels).transpose(1, 2)[:, :, None]
        weight = F.pad(self.weight, (0, self.blocks * self.stride - kernel_size))
        weight = weight.view(out_channels, in_channels, self.blocks, self.stride).permute(0, 3, 1, 2).flatten(1, 2)
        weight = weight[:, :, None].contiguous(memory_format=torch.channels_last)
        return F.conv2d(blocks, weight, self.bias)[:, :, 0]

    def _padded(self, signal: Tensor) -> Tensor:
        if self.padding == Padding.REFLECT:  # what the kernel does not reach need not be there to be reflected
            reach = min(self.around[1], self.weight.shape[2] // 2)
            signal = F.pad(signal, (self.around[0], reach), mode="reflect")
            return F.pad(signal, (0, self.around[1] - reach))
        return F.pad(signal[:, :, None], self.around)[:, :, 0]  # with four dimensions it stays channels last


class TransposedConv(nn.Module):
    """(B, C, T) -> (B, C', stride T): at stride 2 the mirror image of `StridedConv`.

    In PyTorch's terms: padding 14 for the kernel 31 at stride 2, 13 at stride 4, the last sample dropped. Computed as
    a convolution of stride 1 to `stride` samples at a time. (torch 2.14's own `conv_transpose1d` in fp32 is wrong on
    some processors for 16 samples of the paper's first decoder layer.)
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int, *, bias: bool):
        super().__init__()
        self.stride = stride
        self.cut = max(0, (kernel_size - stride) // 2)
        self.weight = nn.Parameter(_truncated_normal(in_channels, out_channels, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None

    def forward(self, signal: Tensor) -> Tensor:
        signal = signal.to(_compute_type(self.weight))
        if signal.shape[2] <= SHORT or self.weight.shape[1] == 1:
            return self._by_product(signal)
        in_channels, out_channels, kernel_size = self.weight.shape
        left = -self.cut % self.stride
        blocks = -(-(left + kernel_size) // self.stride)
        weight = F.pad(self.weight, (left, blocks * self.stride - left - kernel_size))
        weight = weight.view(in_channels, out_channels, blocks, self.stride).flip(2)
        weight = weight.permute(3, 1, 0, 2).flatten(0, 1)[:, :, None].contiguous(memory_format=torch.channels_last)
        ahead = (self.cut + left) // self.stride
        bias = None if self.bias is None else self.bias.repeat(self.stride)
        made = F.conv2d(F.pad(signal[:, :, None], (blocks - 1 - ahead, ahead)), weight, bias)[:, :, 0]
        made = made.transpose(1, 2).contiguous()  # no copy: channels are last
        return made.view(len(made), -1, out_channels).transpose(1, 2)

    def _by_product(self, signal: Tensor) -> Tensor:
        """Every sample times the whole kernel, then the overlapping ends added, in fp32."""
        length, kernel_size = signal.shape[2], self.weight.shape[2]
        pieces = (signal.transpose(1, 2) @ self.weight.flatten(1)).float()  # (B, T, C' * kernel)
        whole = (length - 1) * self.stride + kernel_size
        made = F.fold(pieces.transpose(1, 2), (1, whole), (1, kernel_size), stride=(1, self.stride))[:, :, 0]
        made = made[:, :, self.cut : self.cut + self.stride * length]
        if self.bias is not None:
            made = made + self.bias.float()[:, None]
        return made.to(_compute_type(self.weight))


def _truncated_normal(*shape: int) -> Tensor:
    """The authors' initial weights: deviation 0.02, cut at two deviations."""
    return nn.init.trunc_normal_(torch.empty(shape), std=0.02, a=-0.04, b=0.04)


def _compute_type(weight: Tensor) -> torch.dtype:
    """The type of convolutions: autocast's inside of it, else that of the weights."""
    device = weight.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype
