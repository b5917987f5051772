"""PatchGAN: a logit for each overlapping patch of a sample (Isola et al., 2017, arXiv 1611.07004, section 3.2.2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condgen.networks.blocks import SLOPE, Norm, convolution, normalisation

WIDEST = 8  # times the first layer's channels


class PatchDiscriminator(nn.Module):
    """C64-C128-C256-C512 and a convolution to one logit a patch of 70x70: 2.765 M parameters with three channels in.

    All layers have kernel 4 and zero padding; all but the last two halve the size, the first and the last have no norm.

    Args:
        input_channels: of the sample, plus those of the condition if there is one.
        channels: of the first layer; 64 in the paper.
        layers: that halve the size, 3 for patches of 70x70; 0 judges every pixel alone by 1x1 convolutions.
        dimensions: 1, 2 or 3 spatial ones.
    """

    def __init__(
        self,
        input_channels: int = 3,
        *,
        channels: int = 64,
        layers: int = 3,
        norm: Norm = Norm.INSTANCE,
        dimensions: int = 2,
    ):
        super().__init__()
        sizes = [(4, 2)] * layers + [(4, 1)] if layers else [(1, 1), (1, 1)]  # kernel and stride
        inputs, parts = input_channels, []
        for number, (kernel, stride) in enumerate(sizes):
            outputs = channels * min(2**number, WIDEST)
            own = norm if number else Norm.NONE
            layer = convolution(dimensions, inputs, outputs, kernel, stride=stride, padding=int(kernel > 1), norm=own)
            parts.append(nn.Sequential(layer, *normalisation(own, dimensions, outputs), nn.LeakyReLU(SLOPE)))
            inputs = outputs
        kernel = sizes[-1][0]
        # the 1x1 form's last convolution has a bias only where those before a norm have, as in the authors' code
        last = convolution(dimensions, inputs, 1, kernel, padding=int(kernel > 1), norm=Norm.NONE if layers else norm)
        self.layers = nn.ModuleList([*parts, last])

    def feature_maps(self, sample: Tensor, condition: Tensor | None = None) -> list[Tensor]:
        """What every layer gives, the logits last.

        Args:
            sample: (B, C, *spatial) in [-1, 1].
            condition: (B, C', *spatial) that the sample must agree with; concatenated in front of it.
        """
        features, maps = sample if condition is None else torch.cat([condition, sample], 1), []
        for layer in self.layers:
            features = layer(features)
            maps.append(features)
        return maps

    def forward(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        """Logits (B, 1, *patches): 30x30 for 256x256 pixels, 14x14 for 128x128."""
        return self.feature_maps(sample, condition)[-1]


class MultiScaleDiscriminator(nn.Module):
    """Equal discriminators of a sample at full size, half and so on (Wang et al., 2018, arXiv 1711.11585, section 3.2).

    Args:
        scales: how many.
        arguments: of each `PatchDiscriminator`.
    """

    def __init__(self, scales: int, **arguments):
        super().__init__()
        self.scales = nn.ModuleList([PatchDiscriminator(**arguments) for _ in range(scales)])

    def feature_maps(self, sample: Tensor, condition: Tensor | None = None) -> list[list[Tensor]]:
        """For each scale what every layer gives, the logits last."""
        maps = []
        for number, discriminator in enumerate(self.scales):
            if number:
                sample, condition = _halved(sample), None if condition is None else _halved(condition)
            maps.append(discriminator.feature_maps(sample, condition))
        return maps

    def forward(self, sample: Tensor, condition: Tensor | None = None) -> list[Tensor]:
        """Logits of each scale, (B, 1, *patches)."""
        return [maps[-1] for maps in self.feature_maps(sample, condition)]


def _halved(sample: Tensor) -> Tensor:
    pool = {3: F.avg_pool1d, 4: F.avg_pool2d, 5: F.avg_pool3d}[sample.ndim]
    return pool(sample, 3, stride=2, padding=1, count_include_pad=False)
