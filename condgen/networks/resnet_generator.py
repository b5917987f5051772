"""The generator of CycleGAN: down, residual blocks, up (Johnson et al., 2016; Zhu et al., 2017, section 7.2)."""

from __future__ import annotations

from torch import Tensor, nn

from condgen.networks.blocks import Norm, Upsampling, convolution, mirrored_convolution, normalisation, upsampling

DROPOUT = 0.5


class ResidualBlock(nn.Module):
    """Two 3-wide convolutions whose result is added to the input; nothing follows the sum."""

    def __init__(self, dimensions: int, channels: int, norm: Norm, *, dropout: bool):
        super().__init__()
        self.body = nn.Sequential(
            *mirrored_convolution(dimensions, channels, channels, 3, norm=norm),
            *normalisation(norm, dimensions, channels),
            nn.ReLU(),
            *([nn.Dropout(DROPOUT)] if dropout else []),
            *mirrored_convolution(dimensions, channels, channels, 3, norm=norm),
            *normalisation(norm, dimensions, channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, *spatial) -> the same shape."""
        return features + self.body(features)


class ResNetGenerator(nn.Module):
    """c7s1-64, d128, d256, R256 x blocks, u128, u64, c7s1-3, tanh: 11.378 M parameters with nine blocks.

    Fully convolutional; every spatial size must be a multiple of 4 and larger than 12 (the mirrored borders).

    Args:
        input_channels, output_channels: 3 RGB or 1 grey, or as many mels.
        channels: after the first convolution; 64 in the paper.
        blocks: 9 for 256 pixels, 6 for 128 in the paper.
        dropout: inside the blocks, 0.5; pix2pix's noise.
        dimensions: 1, 2 or 3 spatial ones.
    """

    multiple = 4
    """What every spatial size must be a multiple of."""

    def __init__(
        self,
        input_channels: int = 3,
        output_channels: int = 3,
        *,
        channels: int = 64,
        blocks: int = 9,
        norm: Norm = Norm.INSTANCE,
        dropout: bool = False,
        upsampling_form: Upsampling = Upsampling.TRANSPOSED,
        dimensions: int = 2,
    ):
        super().__init__()

        def normed(layers: list[nn.Module], width: int) -> list[nn.Module]:
            return [*layers, *normalisation(norm, dimensions, width), nn.ReLU()]

        def down(inputs: int) -> list[nn.Module]:
            return [convolution(dimensions, inputs, 2 * inputs, 3, stride=2, padding=1, norm=norm)]

        def up(inputs: int) -> list[nn.Module]:
            return upsampling(upsampling_form, dimensions, inputs, inputs // 2, kernel=3, norm=norm)

        self.first = nn.Sequential(
            *normed(mirrored_convolution(dimensions, input_channels, channels, 7, norm=norm), channels)
        )
        self.down = nn.Sequential(*normed(down(channels), 2 * channels), *normed(down(2 * channels), 4 * channels))
        self.blocks = nn.Sequential(
            *[ResidualBlock(dimensions, 4 * channels, norm, dropout=dropout) for _ in range(blocks)]
        )
        self.up = nn.Sequential(*normed(up(4 * channels), 2 * channels), *normed(up(2 * channels), channels))
        self.last = nn.Sequential(*mirrored_convolution(dimensions, channels, output_channels, 7, norm=Norm.NONE))

    def forward(self, sample: Tensor) -> Tensor:
        """(B, input_channels, *spatial) in [-1, 1] -> (B, output_channels, *spatial) in [-1, 1]."""
        return self.last(self.up(self.blocks(self.down(self.first(sample))))).tanh()
