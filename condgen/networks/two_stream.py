"""VGAN's two streams and its trunk for clips (Vondrick et al., 2016, arXiv 1609.02612).

All maps are halved or doubled four times, with kernels of 4 and a stride of 2. So clips have T frames and S pixels a
side that are multiples of 16, and the smallest maps T/16 by S/16: 2x4x4 as published. Layers before a batch norm have a
bias, which has no effect there but counts in the published numbers of parameters.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from condgen.networks.blocks import SLOPE, Norm, initialise, normalisation
from condgen.networks.clips import ClipConvolution, TransposedClipConvolution

MULTIPLE = 16
"""Of frames and of pixels a side."""

DEVIATION = 0.01
"""Of all weights at first."""

_CONVOLUTIONS = {2: nn.Conv2d, 3: ClipConvolution}
_TRANSPOSED = {2: nn.ConvTranspose2d, 3: TransposedClipConvolution}


class Scene(NamedTuple):
    """A clip and what it is made of, fp32."""

    clip: Tensor  # (B, 3, T, S, S) in [-1, 1]
    foreground: Tensor  # (B, 3, T, S, S) in [-1, 1]
    mask: Tensor  # (B, 1, T, S, S) in [0, 1]: how much of the foreground is seen
    background: Tensor  # (B, 3, S, S) in [-1, 1]

    @classmethod
    def of(cls, foreground: Tensor, mask: Tensor, background: Tensor) -> Self:
        """Blended: mask * foreground + (1 - mask) * background (section 3.2)."""
        clip = mask * foreground + (1 - mask) * background[:, :, None]
        return cls(clip, foreground, mask, background)


class TwoStream(nn.Module):
    """A moving foreground with its mask, and a still background: 16,245,383 parameters as published.

    The two heads of the foreground's stream, colour and mask, are one layer: the features are read once.

    Args:
        inputs: channels that go in.
        width: channels before the heads.
        frames, size: T and S.
        from_code: what goes in is a code; else features of S/16 pixels a side, as `Trunk` makes them of a picture, of
            which the background's stream has no further layer: `inputs` is then 8 * width.
    """

    def __init__(self, inputs: int = 100, *, width: int = 64, frames: int = 32, size: int = 64, from_code: bool = True):
        super().__init__()
        self.frames, self.size = frames, size
        start = size // MULTIPLE if from_code else 1
        self.still = still_stream(inputs, width=width, size=size) if from_code else _doubled(2, width, 3)
        first = nn.ConvTranspose3d(inputs, 8 * width, (frames // MULTIPLE, start, start))
        self.moving = nn.Sequential(first, nn.BatchNorm3d(8 * width), nn.ReLU(), *_doubled(3, width, 4))
        initialise(self, DEVIATION)

    def forward(self, start: Tensor) -> Scene:
        """A code (B, inputs), or features (B, inputs, S/16, S/16)."""
        start = start[:, :, None, None] if start.ndim == 2 else start
        background = torch.tanh(self.still(start).float())
        colour, mask = self.moving(start[:, :, None]).float().split([3, 1], dim=1)
        return Scene.of(torch.tanh(colour), torch.sigmoid(mask), background)


class Trunk(nn.Module):
    """Pictures or clips to features: the head of every network that judges or reads them.

    (B, inputs, S, S) -> (B, 8 * width, S/16, S/16), or (B, inputs, T, S, S) -> (B, 8 * width, T/16, S/16, S/16).

    Args:
        dimensions: 2 of pictures, 3 of clips.
        width: channels of the first layer, which has no norm.
        rectified: ReLU, as of what reads a picture for a generator; else leaky.
    """

    def __init__(
        self,
        dimensions: int,
        inputs: int = 3,
        *,
        width: int = 64,
        norm: Norm = Norm.BATCH,
        rectified: bool = False,
    ):
        super().__init__()
        layers: list[nn.Module] = []
        for number in range(4):
            outputs = 2**number * width
            layers.append(_CONVOLUTIONS[dimensions](inputs, outputs, 4, stride=2, padding=1))
            layers += normalisation(norm, dimensions, outputs) if number else []
            layers.append(nn.ReLU() if rectified else nn.LeakyReLU(SLOPE))
            inputs = outputs
        self.layers, self.channels = nn.Sequential(*layers), inputs
        for layer in layers:
            if isinstance(layer, nn.BatchNorm3d):
                layer.eps = 1e-3  # as in the authors' discriminator; too much for what starts from pale pictures
        draw_weights(self, norm)

    def forward(self, samples: Tensor) -> Tensor:
        return self.layers(samples)


def draw_weights(network: nn.Module, norm: Norm) -> None:
    """N(0, 0.01), as published; without a norm, which would restore the signal's size, as He et al. (2015) have it."""
    initialise(network, DEVIATION)
    for part in network.modules():
        if norm is Norm.NONE and isinstance(part, nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(part.weight, SLOPE)


def still_stream(inputs: int, *, width: int, size: int) -> nn.Sequential:
    """A code (B, inputs, 1, 1) to a picture (B, 3, S, S) before tanh: the background's stream, and every painter's."""
    first = nn.ConvTranspose2d(inputs, 8 * width, size // MULTIPLE)
    stream = nn.Sequential(first, nn.BatchNorm2d(8 * width), nn.ReLU(), *_doubled(2, width, 3))
    initialise(stream, DEVIATION)
    return stream


def refuse_other_sizes(frames: int, size: int) -> None:
    """Raises ValueError: they are no multiples of 16."""
    for name, value in (("frames", frames), ("size", size)):
        if value < MULTIPLE or value % MULTIPLE:
            raise ValueError(f"{name} must be a multiple of {MULTIPLE}, got {value}")


def _doubled(dimensions: int, width: int, outputs: int) -> nn.Sequential:
    """From 8 * width channels by three layers to `width`, and by the last to `outputs`: 16 times the size."""
    transposed, layers = _TRANSPOSED[dimensions], []
    for channels in (4 * width, 2 * width, width):
        layers.append(transposed(2 * channels, channels, 4, stride=2, padding=1))
        layers += [*normalisation(Norm.BATCH, dimensions, channels), nn.ReLU()]
    return nn.Sequential(*layers, transposed(width, outputs, 4, stride=2, padding=1))
