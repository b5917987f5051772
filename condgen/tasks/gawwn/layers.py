"""What the box and the keypoint networks of GAWWN (Reed et al., 2016, arXiv 1610.02454) have in common.

All channel counts are multiples of a width, which is 128 in the authors' code. What follows a batch norm keeps the bias
of its convolution, which the norm cancels, so that the parameters are as many as there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor, nn

from condgen.adversarial.penalties import with_spectral_norm
from condgen.networks.blocks import SLOPE, initialise

GRID = 16  # cells a side of the maps in which texts and places meet
DOUBLINGS = {32: 1, 64: 2, 128: 3}
"""Size of a picture -> how often the grid is doubled to it; 128 is the paper's, each smaller one has a stage fewer."""


class Upsampling(StrEnum):
    TRANSPOSED = "transposed"  # the paper's: can leave a checkerboard
    NEAREST = "nearest"  # repeated values, then a 3x3 convolution: no checkerboard (Odena et al., 2016)


class DiscriminatorNorm(StrEnum):
    BATCH = "batch"  # the paper's: real, wrong and fake pairs go through apart, each with statistics of its own
    SPECTRAL = "spectral"  # of every layer (Miyato et al., 2018): all pairs may go through together
    NONE = "none"  # with a gradient penalty in its place (Mescheder et al., 2018): together, too


class Activation(StrEnum):
    LEAKY_RELU = "leaky_relu"
    ELU = "elu"  # the authors' for people


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """The defaults are the paper's; a width of 32 to 48 suits small machines."""

    width: int = 128  # a multiple of 4
    noise: int = 100  # length of z
    upsampling: Upsampling = Upsampling.TRANSPOSED
    local_residual: bool = False  # keypoint model: the authors' for people, whose poses vary more than those of birds
    # the place itself beside the features that are merged: in the box model only the pasted features tell of it, and
    # heat maps do not tell where in its cell a keypoint is
    place_maps: bool = False

    def __post_init__(self):
        _refuse_width(self.width)
        if self.noise < 1:
            raise ValueError(f"noise must be 1 or more, got {self.noise}")


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """The defaults are the paper's for birds."""

    width: int = 128  # a multiple of 4
    text_code: int = 128  # length of the text's vector here; repeated at every position, it costs what features cost
    norm: DiscriminatorNorm = DiscriminatorNorm.BATCH
    activation: Activation = Activation.LEAKY_RELU
    dropout: float = 0.0  # of the global branch's vector; the authors' for people: 0.2
    global_text_by_paste: bool = True  # box model: no text outside the box, as in the paper; the authors' code crops
    place_maps: bool = False  # as of the generator: the whole discriminator sees the place, not its local branch alone

    def __post_init__(self):
        _refuse_width(self.width)
        if self.text_code < 1 or not 0 <= self.dropout < 1:
            raise ValueError(
                f"text_code must be 1 or more and dropout in [0, 1), got {self.text_code} and {self.dropout}"
            )


def _refuse_width(width: int) -> None:
    if width < 4 or width % 4:
        raise ValueError(f"width must be a multiple of 4, got {width}")


def doublings(size: int) -> int:
    """How often the grid is doubled to a picture of `size`.

    Raises:
        ValueError: there is no network for this size.
    """
    if size not in DOUBLINGS:
        raise ValueError(f"size must be one of {', '.join(map(str, DOUBLINGS))}, got {size}")
    return DOUBLINGS[size]


def spread_maps(keypoints: Tensor, size: int) -> Tensor:
    """Each visible keypoint as 1 in all, shared by the up to four nearest cells: where in a cell it is can be told.

    Bilinear between the middles of cells; nearer than half a cell to the picture's border the sum is less than 1.

    Args:
        keypoints: (B, K, 3).

    Returns:
        (B, K, size, size) in [0, 1].
    """
    middles = (torch.arange(size, device=keypoints.device) + 0.5) / size
    nearness = (1 - (keypoints[..., :2, None].float() - middles).abs() * size).clamp(min=0)
    columns, rows = nearness.unbind(2)
    return rows[..., :, None] * columns[..., None, :] * (keypoints[..., 2:, None] > 0.5)


def convolved(
    before: int, after: int, kernel: int = 3, stride: int = 1, padding: int = 1, *, activation: bool = True
) -> nn.Sequential:
    """A generator's layer: convolution, batch norm, ReLU.

    A transposed one of stride 1, as the authors have some, is this one with its kernel mirrored.
    """
    return _normed(nn.Conv2d(before, after, kernel, stride, padding), activation=activation)


def opened(before: int, after: int, *, activation: bool = True) -> nn.Sequential:
    """(B, before, 1, 1) -> (B, after, 4, 4)."""
    return _normed(_Opening(before, after, 4), activation=activation)


class _Opening(nn.ConvTranspose2d):
    """One value a channel to 4x4: a matrix product, which on a CPU takes a quarter of the time."""

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, 1, 1) -> (B, C', 4, 4)."""
        matrix = self.weight.permute(0, 2, 3, 1).flatten(1)  # (C, 4 * 4 * C'), a view where weights are channels last
        made = features.flatten(1) @ matrix
        return made.unflatten(1, (4, 4, -1)).permute(0, 3, 1, 2) + self.bias[:, None, None].to(made.dtype)


def doubled(form: Upsampling, before: int, after: int, *, activation: bool = True) -> nn.Sequential:
    """(B, before, H, W) -> (B, after, 2 H, 2 W)."""
    return _normed(*_doubling(form, before, after), activation=activation)


def picture(form: Upsampling, before: int, channels: list[int], width: int) -> nn.Sequential:
    """(B, before, H, W) -> (B, 3, S, S) before tanh, a doubling for each of `channels` and one more."""
    layers = nn.Sequential()
    for after in channels:
        layers.append(doubled(form, before, after))
        before = after
    if form is Upsampling.NEAREST:  # made straight from repeated values, pixels would be coarse
        return layers.extend([doubled(form, before, width // 2), nn.Conv2d(width // 2, 3, 3, padding=1)])
    return layers.extend(_doubling(form, before, 3))


def _doubling(form: Upsampling, before: int, after: int) -> list[nn.Module]:
    if form is Upsampling.NEAREST:
        return [nn.Upsample(scale_factor=2), nn.Conv2d(before, after, 3, padding=1)]
    return [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)]


def _normed(*layers: nn.Module, activation: bool) -> nn.Sequential:
    channels = layers[-1].out_channels
    return nn.Sequential(*layers, nn.BatchNorm2d(channels), *([nn.ReLU()] if activation else []))


class Bottleneck(nn.Module):
    """x + f(x) and a ReLU, f a 1x1 and two 3x3 convolutions of which the first two are narrow."""

    def __init__(self, channels: int, hidden: int):
        super().__init__()
        self.inner = nn.Sequential(
            convolved(channels, hidden, 1, padding=0),
            convolved(hidden, hidden),
            convolved(hidden, channels, activation=False),
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels, H, W) -> the same shape."""
        return torch.relu(features + self.inner(features))


def activation_of(config: DiscriminatorConfig) -> nn.Module:
    """The discriminator's."""
    return nn.ELU() if config.activation is Activation.ELU else nn.LeakyReLU(SLOPE)


def norms(config: DiscriminatorConfig, norm: nn.Module) -> list[nn.Module]:
    """The batch norm as a layer, if that is the discriminator's norm."""
    return [norm] if config.norm is DiscriminatorNorm.BATCH else []


def judged(
    config: DiscriminatorConfig, before: int, after: int, kernel: int = 4, stride: int = 2, padding: int = 1
) -> nn.Sequential:
    """A discriminator's layer: convolution, norm, activation."""
    layer = nn.Conv2d(before, after, kernel, stride, padding)
    return nn.Sequential(layer, *norms(config, nn.BatchNorm2d(after)), activation_of(config))


def trunk(config: DiscriminatorConfig, size: int) -> nn.Sequential:
    """What all branches see of a picture: (B, 3, S, S) -> (B, 2 width, GRID, GRID)."""
    layers, before = nn.Sequential(), 3
    for _ in range(doublings(size) - 1):
        layers.extend([nn.Conv2d(before, config.width, 4, 2, 1), activation_of(config)])
        before = config.width
    return layers.extend(
        [judged(config, before, 2 * config.width), judged(config, 2 * config.width, 2 * config.width, 3, 1)]
    )


def text_code(config: DiscriminatorConfig, text_width: int) -> nn.Sequential:
    """(B, text_width) -> (B, text_code), the same for both branches."""
    return nn.Sequential(nn.Linear(text_width, config.text_code), activation_of(config))


def local_vector(config: DiscriminatorConfig, before: int) -> nn.Sequential:
    """(B, before, H, W) -> (B, width), the mean over space."""
    mean = [nn.Conv2d(2 * config.width, config.width, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(judged(config, before, 2 * config.width, 1, 1, 0), *mean, activation_of(config))


def global_image(config: DiscriminatorConfig, before: int) -> nn.Sequential:
    """The trunk's features without regard to the place: (B, before, GRID, GRID) -> (B, 8 width, 4, 4)."""
    return nn.Sequential(judged(config, before, 4 * config.width), judged(config, 4 * config.width, 8 * config.width))


def global_vector(config: DiscriminatorConfig, text_channels: int) -> nn.Sequential:
    """Picture and text: (B, 8 width + text_channels, 4, 4) -> (B, width)."""
    both = judged(config, 8 * config.width + text_channels, 4 * config.width, 1, 1, 0)
    whole = judged(config, 4 * config.width, config.width, 4, 1, 0)
    return nn.Sequential(both, whole, nn.Flatten(), nn.Dropout(config.dropout))


class Head(nn.Module):
    """The vectors of both branches to a logit."""

    def __init__(self, config: DiscriminatorConfig):
        super().__init__()
        width = config.width
        self.hidden = nn.Sequential(
            nn.Linear(2 * width, width), *norms(config, nn.BatchNorm1d(width)), activation_of(config)
        )
        self.logit = nn.Linear(width, 1)

    def forward(self, local: Tensor, whole: Tensor) -> Tensor:
        """(B, width) twice -> (B,), fp32."""
        hidden = self.hidden(torch.cat([local, whole], dim=1))
        with torch.autocast(hidden.device.type, enabled=False):  # bf16 logits would be the same for many pictures
            return self.logit(hidden.float()).squeeze(1)


def finish(discriminator: nn.Module, config: DiscriminatorConfig) -> None:
    """First weights as the authors have them, and the norm of weights, if that is the discriminator's."""
    if config.norm is DiscriminatorNorm.NONE:  # no norm makes up for the authors' small weights
        for part in discriminator.modules():
            if isinstance(part, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(part.weight, SLOPE)
                nn.init.zeros_(part.bias)
        return
    initialise(discriminator)
    if config.norm is DiscriminatorNorm.SPECTRAL:
        with_spectral_norm(discriminator)
