"""TFGAN's generator (Balaji et al., IJCAI 2019), and the block that all its networks are made of.

Layer by layer as in the authors' code, without any normalisation; its variant after BigGAN is left out.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condgen.networks.blocks import SLOPE
from condgen.networks.clips import ClipConvolution

CONVOLUTIONS = {2: nn.Conv2d, 3: ClipConvolution}


class Residual(nn.Module):
    """shortcut(x) + conv3(leaky ReLU(x)); the shortcut is a 1x1 convolution without bias where the channels differ.

    Args:
        dimensions: 2 for pictures, 3 for clips.
        doubled: twice as many pixels a side, nearest neighbours, in front of all.
    """

    def __init__(self, dimensions: int, inputs: int, outputs: int, *, doubled: bool = False):
        super().__init__()
        self.doubled = doubled
        self.shortcut = nn.Identity()
        if inputs != outputs:
            self.shortcut = CONVOLUTIONS[dimensions](inputs, outputs, 1, bias=False)
        self.convolution = CONVOLUTIONS[dimensions](inputs, outputs, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, *spatial) -> (B, outputs, *spatial), with `doubled` of twice the size."""
        kept, changed = self.shortcut(features), F.leaky_relu(features, SLOPE)
        if self.doubled:  # which a map of each position by itself, as these two, may as well see before
            kept, changed = (F.interpolate(one, scale_factor=2) for one in (kept, changed))
        return kept + self.convolution(changed)


class ClipNoise(NamedTuple):
    """What B clips of T frames are drawn by, all from N(0, 1)."""

    content: Tensor  # (B, Z), one for all frames
    start: Tensor  # (B, Z), the recurrence's first state
    motion: Tensor  # (B, T, Z), fresh for each frame

    @classmethod
    def split(cls, values: Tensor, channels: int) -> ClipNoise:
        """(B, (2 + T) * channels): the first frames' noise is in front, whatever T is."""
        content, start, *motion = values.split(channels, dim=1)
        return cls(content, start, torch.stack(motion, dim=1))


class Generator(nn.Module):
    """Codes of a sentence and noise to a clip of any number of frames; 2,695,235 parameters as published.

    A recurrence makes a code for each frame; each frame is drawn from its code alone.

    Args:
        content_width, motion_width: of the sentence's codes.
        noise_channels: the authors' z_dim.
        width: channels of the last layer; their nf.
        size: pixels a side, a power of 2.
    """

    def __init__(
        self,
        content_width: int = 256,
        motion_width: int = 256,
        *,
        noise_channels: int = 256,
        width: int = 32,
        size: int = 64,
    ):
        super().__init__()
        self.noise_channels, self.start = noise_channels, 8 * width
        self.motion = nn.GRU(noise_channels + motion_width, noise_channels, batch_first=True)
        self.code = nn.Linear(2 * noise_channels + content_width, 4 * self.start)
        doublings = size.bit_length() - 2  # from 2x2
        channels = [self.start, *[4 * width] * (doublings - 2), 2 * width, width]
        self.draw = nn.Sequential(
            Residual(2, self.start, self.start),
            *(Residual(2, *sizes, doubled=True) for sizes in itertools.pairwise(channels)),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(width, 3, 3, padding=1),
        )
        initialise(self)

    def forward(self, noise: ClipNoise, content: Tensor, motion: Tensor) -> Tensor:
        """Noise of T frames, codes (B, content_width) and (B, motion_width) -> (B, 3, T, S, S) in [-1, 1], fp32.

        The first frames do not depend on T.
        """
        codes = self.frame_codes(noise, content, motion)
        return self.frames(codes.flatten(0, 1)).unflatten(0, codes.shape[:2]).transpose(1, 2)

    def frame_codes(self, noise: ClipNoise, content: Tensor, motion: Tensor) -> Tensor:
        """What each frame is drawn from, (B, T, 2 * noise_channels + content_width): [z_c, y_content, h_t]."""
        frames = noise.motion.shape[1]
        with torch.autocast(noise.motion.device.type, enabled=False):  # rounding would add up from frame to frame
            told = torch.cat([noise.motion, motion.float()[:, None].expand(-1, frames, -1)], dim=2)
            states, _ = self.motion(told, noise.start[None].contiguous())
        still = torch.cat([noise.content, content.float()], dim=1)
        return torch.cat([still[:, None].expand(-1, frames, -1), states], dim=2)

    def frames(self, codes: Tensor) -> Tensor:
        """Codes of N frames, each of them drawn from its own -> (N, 3, S, S) in [-1, 1], fp32."""
        start = self.code(codes).reshape(-1, self.start, 2, 2)
        return torch.tanh(self.draw(start.contiguous(memory_format=torch.channels_last)).float())


@torch.no_grad()
def initialise(network: nn.Module) -> None:
    """Weights by which signals and gradients neither fade nor grow, as there is no norm to mend that; biases 0.

    Linear maps and shortcuts keep variances (LeCun et al., 1998), a block's convolution adds a quarter. By torch's own
    start a layer leaves a third: then it takes thousands of steps until the generator hears its discriminators.
    """
    blocks = {id(part.convolution) for part in network.modules() if isinstance(part, Residual)}
    for part in network.modules():
        if isinstance(part, (*CONVOLUTIONS.values(), nn.Linear)):
            gain = 0.5 * nn.init.calculate_gain("leaky_relu", SLOPE) if id(part) in blocks else 1.0
            nn.init.normal_(part.weight, 0.0, gain * part.weight[0].numel() ** -0.5)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
