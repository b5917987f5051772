"""A small convolutional classifier."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

FEATURES = 128
REDUCTION = 4  # two poolings


class Classifier(nn.Module):
    """Two pairs of 3x3 convolutions with batch norm and ReLU, each pooled; a dense layer of features; logits.

    Args:
        size: pixels a side, a multiple of 4.
        image_channels: 1 or 3.
        classes: how many.
        width: channels of the first pair; the second has twice as many.
        dropout: before the logits.
    """

    def __init__(
        self, size: int = 28, image_channels: int = 1, *, classes: int = 10, width: int = 32, dropout: float = 0.5
    ):
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(image_channels, width),
            *_convolution(width, width),
            nn.MaxPool2d(2),
            *_convolution(width, 2 * width),
            *_convolution(2 * width, 2 * width),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.dense = nn.Linear(2 * width * (size // REDUCTION) ** 2, FEATURES)
        self.dropout = nn.Dropout(dropout)
        self.logits = nn.Linear(FEATURES, classes)

    def features(self, images: Tensor) -> Tensor:
        """(B, image_channels, size, size) in [-1, 1] -> (B, FEATURES), not negative."""
        return F.relu(self.dense(self.body(images)))

    def forward(self, images: Tensor) -> Tensor:
        """(B, image_channels, size, size) in [-1, 1] -> logits (B, classes)."""
        return self.logits(self.dropout(self.features(images)))


def _convolution(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
