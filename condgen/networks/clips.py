"""Convolutions over clips (B, C, T, H, W) whose gradients are right everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


def padded(features: Tensor, kernel: Sequence[int], padding: Sequence[int]) -> tuple[Tensor, tuple[int, ...]]:
    """(B, C, T, H, W) with the zeros around it that a convolution must not add itself, and the padding left to it.

    In bf16 on a CPU (torch 2.11 to 2.14), a padded convolution of maps that are smaller than the kernel, in time or
    space, leaves its weights' gradients undefined and overwrites memory.
    """
    sizes = zip(features.shape[2:], kernel, padding, strict=True)
    added = [margin if size < extent else 0 for size, extent, margin in sizes]
    if any(added):
        features = F.pad(features, [count for own in reversed(added) for count in (own, own)])
    return features, tuple(margin - own for margin, own in zip(padding, added, strict=True))


class ClipConvolution(nn.Conv3d):
    """Torch's, with zeros around; see `padded`."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        input, padding = padded(input, self.kernel_size, self.padding)
        return F.conv3d(input, weight, bias, self.stride, padding, self.dilation, self.groups)


class TransposedClipConvolution(nn.ConvTranspose3d):
    """Torch's, its margin cut off afterwards where the result is smaller than the kernel; see `padded`."""

    def forward(self, input: Tensor) -> Tensor:
        sizes = zip(input.shape[2:], self.stride, self.padding, strict=True)
        cut = [margin if (size - 1) * stride < 2 * margin else 0 for size, stride, margin in sizes]
        left = [margin - own for margin, own in zip(self.padding, cut, strict=True)]
        form = self.output_padding, self.groups, self.dilation
        made = F.conv_transpose3d(input, self.weight, self.bias, self.stride, left, *form)
        for axis, own in enumerate(cut, 2):
            made = made.narrow(axis, own, made.shape[axis] - 2 * own) if own else made
        return made
