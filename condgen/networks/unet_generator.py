"""The generator of pix2pix: a U-Net down to one pixel (Isola et al., 2017, arXiv 1611.07004, section 6.1.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from condgen.networks.blocks import SLOPE, Norm, Upsampling, convolution, normalisation, upsampling

DROPOUT = 0.5
DROPOUT_FROM = 5  # levels that have none: the outer four and the innermost; three of eight have


class UNetGenerator(nn.Module):
    """Halved `levels` times and doubled as often, with the maps of each size handed across: 54.4 M parameters with 8.

    Every spatial size must be a multiple of 2^levels: 256 for eight levels, where a picture of 256 ends in one pixel.

    Args:
        input_channels, output_channels: 3 RGB or 1 grey.
        channels: of the outermost level; doubled level by level up to eight times as many. 64 in the paper.
        levels: 8 for 256 pixels, 7 for 128.
        dropout: after the levels of full width next to the innermost, 0.5; the only noise of pix2pix.
        dimensions: 1, 2 or 3 spatial ones.
    """

    def __init__(
        self,
        input_channels: int = 3,
        output_channels: int = 3,
        *,
        channels: int = 64,
        levels: int = 8,
        norm: Norm = Norm.BATCH,
        dropout: bool = True,
        upsampling_form: Upsampling = Upsampling.TRANSPOSED,
        dimensions: int = 2,
    ):
        super().__init__()
        self.multiple = 2**levels
        widths = [channels * min(2**level, 8) for level in range(levels)]

        def down(level: int) -> nn.Sequential:
            """Without a norm outside, and innermost, where a channel may have a single value."""
            inputs = widths[level - 1] if level else input_channels
            own = Norm.NONE if level in (0, levels - 1) else norm
            # the convolution's bias is a matter of the network's norm, not of its own: as in the authors' code
            layer = convolution(dimensions, inputs, widths[level], 4, stride=2, padding=1, norm=norm)
            act = [nn.LeakyReLU(SLOPE)] if level else []
            return nn.Sequential(*act, layer, *normalisation(own, dimensions, widths[level]))

        def up(level: int) -> nn.Sequential:
            inputs = widths[level] if level == levels - 1 else 2 * widths[level]
            outputs = widths[level - 1] if level else output_channels
            own = norm if level else Norm.NONE
            layers = upsampling(upsampling_form, dimensions, inputs, outputs, kernel=4, norm=own)
            drops = dropout and levels - DROPOUT_FROM >= levels - 1 - level > 0
            noise = [nn.Dropout(DROPOUT)] if drops else []
            return nn.Sequential(nn.ReLU(), *layers, *normalisation(own, dimensions, outputs), *noise)

        self.down = nn.ModuleList([down(level) for level in range(levels)])
        self.up = nn.ModuleList([up(level) for level in range(levels)])

    def forward(self, sample: Tensor) -> Tensor:
        """(B, input_channels, *spatial) in [-1, 1] -> (B, output_channels, *spatial) in [-1, 1]."""
        maps = [sample]
        for down in self.down:
            maps.append(down(maps[-1]))
        features = maps.pop()
        for level in reversed(range(len(self.up))):
            features = self.up[level](features)
            if level:
                features = torch.cat([maps.pop(), features], 1)
        return features.tanh()
