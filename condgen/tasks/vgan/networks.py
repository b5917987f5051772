"""The networks of VGAN (Vondrick et al., 2016, arXiv 1609.02612), layer by layer as in the authors' code."""

from __future__ import annotations

from torch import Tensor, nn

from condgen.networks.blocks import Norm, initialise
from condgen.networks.two_stream import DEVIATION, MULTIPLE, Scene, Trunk, TwoStream


class Generator(nn.Module):
    """Noise to a clip; 16,245,383 parameters as published.

    Args: as of `TwoStream`.
    """

    def __init__(self, noise_channels: int = 100, *, width: int = 64, frames: int = 32, size: int = 64):
        super().__init__()
        self.streams = TwoStream(noise_channels, width=width, frames=frames, size=size)

    def forward(self, noise: Tensor) -> Scene:
        """Noise (B, noise_channels) from N(0, 1)."""
        return self.streams(noise)


class FirstFrameGenerator(nn.Module):
    """A clip's first frame to the clip (section 5.2); 68,216,455 parameters as published. It takes no noise.

    Args: as of `TwoStream`, twice as wide as without a first frame.
    """

    def __init__(self, *, width: int = 128, frames: int = 32, size: int = 64):
        super().__init__()
        self.read = Trunk(2, width=width, rectified=True)
        self.streams = TwoStream(self.read.channels, width=width, frames=frames, size=size, from_code=False)

    def forward(self, frame: Tensor) -> Scene:
        """(B, 3, S, S) in [-1, 1]."""
        return self.streams(self.read(frame))


class Discriminator(nn.Module):
    """How real a clip is; 11,057,858 parameters as published.

    The authors' network gives two logits and their softmax says real or fake. That is the sigmoid of the logits'
    difference, which is what all objectives here take.

    Args:
        width: channels of the first layer.
    """

    def __init__(self, *, width: int = 64, frames: int = 32, size: int = 64, norm: Norm = Norm.BATCH):
        super().__init__()
        self.trunk = Trunk(3, width=width, norm=norm)
        side = size // MULTIPLE
        self.judge = nn.Conv3d(self.trunk.channels, 2, (frames // MULTIPLE, side, side))
        initialise(self.judge, DEVIATION)

    def forward(self, clip: Tensor) -> Tensor:
        """(B, 3, T, S, S) in [-1, 1] -> logits (B,)."""
        real, fake = self.judge(self.trunk(clip)).flatten(1).float().unbind(1)
        return real - fake
