"""A small 3-D convolutional classifier of clips."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from condgen.networks.clips import ClipConvolution

FEATURES = 128
REDUCTION = 16  # of height and width
TEMPORAL_REDUCTION = 8


class Classifier(nn.Module):
    """Five 3-D convolutions with batch norm and ReLU, a dense layer of features, logits of each head.

    Li et al. (2018, arXiv 1710.00421, section 4) judge clips by such a network: five convolutions, a dense layer,
    softmax; the sizes are ours. The first convolution keeps all frames and halves the sides, which is what makes it
    cheap. Nothing is averaged over space or time: where something is, and when, is what directions are told by.

    Args:
        size: pixels a side, a multiple of `REDUCTION`.
        frames: of a clip, any number.
        classes: how many each head tells apart.
        width: channels of the first convolution; the last has eight times as many.
        dropout: before the logits.
    """

    def __init__(
        self, size: int = 64, frames: int = 16, *, classes: Sequence[int], width: int = 16, dropout: float = 0.5
    ):
        super().__init__()
        self.classes = tuple(classes)
        self.body = nn.Sequential(
            *_convolution(3, width, stride=(1, 2, 2)),
            *_convolution(width, 2 * width, stride=2),
            *_convolution(2 * width, 4 * width, stride=2),
            *_convolution(4 * width, 4 * width, stride=1),
            *_convolution(4 * width, 8 * width, stride=2),
        )
        places = -(-frames // TEMPORAL_REDUCTION) * (size // REDUCTION) ** 2
        self.dense = nn.Linear(8 * width * places, FEATURES)
        self.dropout = nn.Dropout(dropout)
        self.logits = nn.Linear(FEATURES, sum(self.classes))

    def features(self, clips: Tensor) -> Tensor:
        """(B, 3, frames, size, size) in [-1, 1] -> (B, FEATURES), not negative."""
        return F.relu(self.dense(self.body(clips).flatten(1)))

    def forward(self, clips: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, frames, size, size) in [-1, 1] -> of each head logits (B, its classes)."""
        return self.logits(self.dropout(self.features(clips))).split(self.classes, dim=1)


def _convolution(inputs: int, outputs: int, stride: int | tuple[int, int, int]) -> list[nn.Module]:
    convolution = ClipConvolution(inputs, outputs, 3, stride=stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm3d(outputs), nn.ReLU()]
