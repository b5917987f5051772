"""Deep convolutional generator and discriminators for pictures of 28, 32 or 64 pixels a side, with or without labels.

DCGAN (Radford et al., 2016, arXiv 1511.06434): strided convolutions of kernel 4, no pooling, no hidden dense layer; or,
as an option, residual blocks (Gulrajani et al., 2017, arXiv 1704.00028, appendix F).
"""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condgen.adversarial.diversity import VirtualBatchNorm
from condgen.conditioning.condition import Condition
from condgen.conditioning.injection import ConditionalBatchNorm, concat_vector

STEPS = {28: 2, 32: 3, 64: 4}
"""Size of a picture -> how often it is halved or doubled, from and to 7x7 (of 28) or 4x4."""


class GeneratorConditioning(StrEnum):
    CONCAT = "concat"  # the label beside the noise (Mirza and Osindero, 2014, arXiv 1411.1784)
    CONDITIONAL_BATCH_NORM = "conditional_batch_norm"  # scales and shifts by label (Miyato and Koyama, 2018)


class DiscriminatorNorm(StrEnum):
    NONE = "none"
    BATCH = "batch"  # DCGAN's; not in the first layer
    SPECTRAL = "spectral"  # of every layer (Miyato et al., 2018, arXiv 1802.05957)
    VIRTUAL_BATCH = "virtual_batch"  # (Salimans et al., 2016, arXiv 1606.03498)


def widths(size: int, width: int) -> list[int]:
    """Channels of a discriminator's layers, doubled at each; a generator has them backwards."""
    return [width * 2**step for step in range(STEPS[size])]


class Generator(nn.Module):
    """Noise and a label to a picture.

    Args:
        size: pixels a side, one of `STEPS`.
        image_channels: 1 or 3.
        noise_channels: of the input, latent codes included.
        classes: of the label; 0: there is none.
        width: channels before the last layer.
        hidden: width of a dense layer in front; 0: there is none, as in DCGAN.
        conditioning: how the label enters.
        residual: residual blocks of nearest upsampling and 3x3 convolutions.
    """

    def __init__(
        self,
        size: int = 28,
        image_channels: int = 1,
        *,
        noise_channels: int = 64,
        classes: int = 0,
        width: int = 64,
        hidden: int = 0,
        conditioning: GeneratorConditioning = GeneratorConditioning.CONCAT,
        residual: bool = False,
    ):
        super().__init__()
        self.noise_channels = noise_channels
        self.concatenates = bool(classes) and conditioning is GeneratorConditioning.CONCAT
        by_norm = classes if classes and not self.concatenates else 0
        channels = widths(size, width)[::-1]
        self.start_size = size // 2 ** len(channels)
        inputs = noise_channels + (classes if self.concatenates else 0)
        self.hidden = Hidden(inputs, hidden, by_norm) if hidden else None
        self.start = nn.Linear(hidden or inputs, channels[0] * self.start_size**2, bias=False)
        if residual:
            pairs = zip(channels, [*channels[1:], channels[-1]], strict=True)
            self.blocks = nn.ModuleList(ResidualUp(before, after, by_norm) for before, after in pairs)
            self.norm = LabelledNorm(channels[-1], by_norm)
            self.last: nn.Module = nn.Conv2d(channels[-1], image_channels, 3, padding=1)
        else:
            self.blocks = nn.ModuleList(Up(one, two, by_norm) for one, two in pairwise(channels))
            self.norm = LabelledNorm(channels[-1], by_norm)
            self.last = nn.ConvTranspose2d(channels[-1], image_channels, 4, stride=2, padding=1)
            _draw_small_weights(self)

    def forward(self, noise: Tensor, condition: Condition) -> Tensor:
        """Noise (B, noise_channels), condition.vector (B, classes) or none -> (B, image_channels, S, S) in [-1, 1]."""
        label = condition.vector
        inputs = concat_vector(noise, label) if self.concatenates else noise
        if self.hidden is not None:
            inputs = self.hidden(inputs, label)
        features = self.start(inputs).unflatten(1, (-1, self.start_size, self.start_size))
        for block in self.blocks:
            features = block(features, label)
        return torch.tanh(self.last(F.relu(self.norm(features, label))))


class LabelledNorm(nn.Module):
    """Batch norm, by label where there are `classes`."""

    def __init__(self, channels: int, classes: int):
        super().__init__()
        self.by_label = bool(classes)
        self.norm = ConditionalBatchNorm(channels, classes) if classes else nn.BatchNorm2d(channels)

    def forward(self, features: Tensor, label: Tensor | None) -> Tensor:
        return self.norm(features, label) if self.by_label else self.norm(features)


class Hidden(nn.Module):
    """A dense layer, norm and ReLU."""

    def __init__(self, before: int, after: int, classes: int):
        super().__init__()
        self.dense = nn.Linear(before, after, bias=False)
        self.norm = LabelledNorm(after, classes)

    def forward(self, inputs: Tensor, label: Tensor | None) -> Tensor:
        return F.relu(self.norm(self.dense(inputs)[:, :, None, None], label)).flatten(1)


class Up(nn.Module):
    """Norm, ReLU and a transposed convolution that doubles the size."""

    def __init__(self, before: int, after: int, classes: int):
        super().__init__()
        self.norm = LabelledNorm(before, classes)
        self.conv = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False)

    def forward(self, features: Tensor, label: Tensor | None) -> Tensor:
        return self.conv(F.relu(self.norm(features, label)))


class ResidualUp(nn.Module):
    """Two norms, ReLUs and 3x3 convolutions beside a 1x1 one, both at twice the size."""

    def __init__(self, before: int, after: int, classes: int):
        super().__init__()
        self.norms = nn.ModuleList([LabelledNorm(before, classes), LabelledNorm(after, classes)])
        self.first = nn.Conv2d(before, after, 3, padding=1)
        self.second = nn.Conv2d(after, after, 3, padding=1)
        self.shortcut = nn.Conv2d(before, after, 1)

    def forward(self, features: Tensor, label: Tensor | None) -> Tensor:
        inner = F.interpolate(F.relu(self.norms[0](features, label)), scale_factor=2)
        inner = self.second(F.relu(self.norms[1](self.first(inner), label)))
        return inner + F.interpolate(self.shortcut(features), scale_factor=2)


class Trunk(nn.Module):
    """A picture to features: what a discriminator's heads judge by.

    Args:
        size, image_channels: as of `Generator`.
        width: channels of the first layer.
        norm: of the layers. With `SPECTRAL` the norm is in the weights of the discriminator, heads included.
        reference_size: pictures in front of a batch, for `VIRTUAL_BATCH`.
        residual: residual blocks and mean pooling.
        dropout: probability, of whole feature maps behind each layer.
        hidden: width of a dense layer behind all, the only one that sees the picture whole; 0: there is none, as in
            DCGAN.
    """

    def __init__(
        self,
        size: int = 28,
        image_channels: int = 1,
        *,
        width: int = 64,
        norm: DiscriminatorNorm = DiscriminatorNorm.BATCH,
        reference_size: int = 64,
        residual: bool = False,
        dropout: float = 0.0,
        hidden: int = 0,
    ):
        super().__init__()
        channels = widths(size, width)
        self.channels, self.size = channels[-1], size // 2 ** len(channels)
        layer = ResidualDown if residual else Down
        self.layers = nn.ModuleList()
        for number, (before, after) in enumerate(zip((image_channels, *channels), channels, strict=False)):
            normed = _norm(norm if number else DiscriminatorNorm.NONE, after, reference_size)
            self.layers.append(nn.Sequential(layer(before, after, normed), nn.Dropout2d(dropout)))
        if hidden:
            dense = nn.Sequential(
                nn.Flatten(), nn.Linear(self.channels * self.size**2, hidden), nn.Unflatten(1, (hidden, 1, 1))
            )
            normed = _norm(norm, hidden, reference_size)
            self.layers.append(nn.Sequential(dense, normed, nn.LeakyReLU(0.2), nn.Dropout2d(dropout)))
            self.channels, self.size = hidden, 1
        if not residual:
            _draw_small_weights(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, image_channels, S, S) in [-1, 1] -> the features of all layers, the last (B, channels, size, size)."""
        features = [images]
        for layer in self.layers:
            features.append(layer(features[-1]))
        return features[1:]


class Down(nn.Sequential):
    """A convolution that halves the size, norm and leaky ReLU."""

    def __init__(self, before: int, after: int, norm: nn.Module):
        super().__init__(nn.Conv2d(before, after, 4, stride=2, padding=1), norm, nn.LeakyReLU(0.2))


class ResidualDown(nn.Module):
    """Two 3x3 convolutions and mean pooling beside a 1x1 convolution and mean pooling; norm and activation behind."""

    def __init__(self, before: int, after: int, norm: nn.Module):
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, padding=1)
        self.second = nn.Conv2d(after, after, 3, padding=1)
        self.shortcut = nn.Conv2d(before, after, 1)
        self.norm = norm

    def forward(self, features: Tensor) -> Tensor:
        inner = F.avg_pool2d(self.second(F.leaky_relu(self.first(features), 0.2)), 2)
        return F.leaky_relu(self.norm(inner + self.shortcut(F.avg_pool2d(features, 2))), 0.2)


class Reconstruction(nn.Module):
    """Features of a trunk through a narrow code and back to the picture: the autoencoder of an energy.

    As in boundary equilibrium GAN (Berthelot et al., 2017, arXiv 1703.10717), the way back is built like the generator.
    """

    def __init__(self, trunk: Trunk, size: int, image_channels: int, *, width: int, code: int):
        super().__init__()
        self.code = nn.Linear(trunk.channels * trunk.size**2, code)
        channels = widths(size, width)[::-1]
        self.start = nn.Linear(code, channels[0] * trunk.size**2)
        self.shape = (channels[0], trunk.size, trunk.size)
        self.layers = nn.Sequential()
        for before, after in zip(channels, (*channels[1:], image_channels), strict=True):
            self.layers.extend([nn.ReLU(), nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)])

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels, size, size) -> (B, image_channels, S, S)."""
        return torch.tanh(self.layers(self.start(self.code(features.flatten(1))).unflatten(1, self.shape)))


def _norm(name: DiscriminatorNorm, channels: int, reference_size: int) -> nn.Module:
    match name:
        case DiscriminatorNorm.BATCH:
            return nn.BatchNorm2d(channels)
        case DiscriminatorNorm.VIRTUAL_BATCH:
            return VirtualBatchNorm(channels, reference_size)
        case DiscriminatorNorm.NONE | DiscriminatorNorm.SPECTRAL:
            return nn.Identity()


def _draw_small_weights(module: nn.Module) -> None:
    """Normal, deviation 0.02 (DCGAN); biases 0. What starts at 0, a conditional norm's scale and shift, stays so."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear) and part.weight.any():
            nn.init.normal_(part.weight, std=0.02)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
