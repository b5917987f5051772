"""Convolutions over clips (B, C, T, H, W) whose gradients are right everywhere."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def zeros_in_time(features: Tensor, count: int) -> Tensor:
    """(B, C, T, H, W) with so many empty frames in front and behind.

    For convolutions that would add them themselves: in bf16 on a CPU (torch 2.11 to 2.14) these leave their weights'
    gradients undefined where a clip has fewer frames than the kernel.
    """
    return F.pad(features, (0, 0, 0, 0, count, count)) if count else features


class ClipConvolution(nn.Conv3d):
    """Torch's, with zeros around; see `zeros_in_time`."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        time, *space = self.padding
        padded = zeros_in_time(input, time)
        return F.conv3d(padded, weight, bias, self.stride, (0, *space), self.dilation, self.groups)
