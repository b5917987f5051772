"""Encoder, decoder and joint discriminator of ALI for pictures of 32x32 pixels.

Dumoulin et al., 2017, arXiv 1606.00704, table of SVHN in the appendix; biases, which the table leaves open, as in the
authors' code (IshmaelBelghazi/ALI, experiments/ali_svhn.py). No convolution is padded: 32 -> 28 -> 13 -> 10 -> 4 -> 1.
"""

from __future__ import annotations

import itertools
from enum import StrEnum
from typing import NamedTuple

import torch
import torch.distributed
from torch import Tensor, nn

from condgen.adversarial.penalties import with_spectral_norm
from condgen.conditioning.condition import Condition
from condgen.conditioning.injection import concat_replicated, concat_vector

SIZE = 32
"""Pixels a side, of which the table is made."""

SLOPE = 0.01  # of the leaky ReLUs
MOMENTUM = 0.05  # of the batch norms' running statistics, as in the authors' code

_DOWN = ((5, 1, 1), (4, 2, 2), (4, 1, 4), (4, 2, 8), (4, 1, 16))  # kernel, stride, channels in multiples of `width`
_UP = ((4, 1, 8), (4, 2, 4), (4, 1, 2), (4, 2, 1), (5, 1, 1))
_DENSE = 16  # multiples of `width`: the encoder's 1x1 layer and D(z)
_JOINT = 32  # those of D(x, z)
_FEATURE_LAYERS = 3  # hidden layers of the encoder that `features` gives


class PosteriorForm(StrEnum):
    GAUSSIAN = "gaussian"  # ALI: mean and deviation, reparameterised
    DETERMINISTIC = "deterministic"  # BiGAN (Donahue et al., 2017, arXiv 1605.09782)


class InitialWeights(StrEnum):
    SMALL = "small"  # the paper's N(0, 0.01)
    HE = "he"  # He et al., 2015: logits move from the first steps on, also in narrow networks and short runs


class DiscriminatorNorm(StrEnum):
    BATCH = "batch"  # the table's, in D(x) but for its first layer
    SPECTRAL = "spectral"  # of all layers instead (Miyato et al., 2018): it cannot become sure of everything at once


class Posterior(NamedTuple):
    """q(z | x)."""

    mean: Tensor  # (B, Z), fp32
    log_deviation: Tensor | None  # (B, Z), fp32; None: all of q is at the mean

    def sample(self) -> Tensor:
        """Mean + deviation * N(0, 1) (section 2, eq. 2), (B, Z), from the global random numbers."""
        if self.log_deviation is None:
            return self.mean
        return self.mean + self.log_deviation.exp() * torch.randn_like(self.mean)


class Encoder(nn.Module):
    """The paper's G_z: a picture to the posterior of its latent vector.

    Args:
        image_channels: 1 or 3.
        latent_size: Z.
        classes: of the label; 0: there is none.
        width: channels of the first layer; the paper's 32.
        posterior: its form.
    """

    def __init__(
        self,
        image_channels: int = 3,
        latent_size: int = 256,
        *,
        classes: int = 0,
        width: int = 32,
        posterior: PosteriorForm = PosteriorForm.GAUSSIAN,
    ):
        super().__init__()
        self.latent_size = latent_size
        self.hidden = nn.ModuleList()
        before = image_channels
        for kernel, stride, multiple in (*_DOWN, (1, 1, _DENSE)):
            conv = nn.Conv2d(before, multiple * width, kernel, stride, bias=False)
            self.hidden.append(_normed(conv, multiple * width))
            before = multiple * width
        outputs = 2 if posterior is PosteriorForm.GAUSSIAN else 1
        self.output = nn.Conv2d(before + classes, outputs * latent_size, 1)

    def forward(self, images: Tensor, condition: Condition) -> Posterior:
        """Images (B, C, 32, 32) in [-1, 1], condition.vector (B, classes) or none."""
        return self._posterior(self._hidden(images)[-1], condition)

    def features(self, images: Tensor, condition: Condition) -> Tensor:
        """What section 4.3 classifies by: the last three hidden layers and the posterior's mean, (B, F), fp32.

        F is 4096 + 512 + 512 + 256 = 5376 with the table's widths; the 8960 of the text belong to no published table.
        """
        hidden = self._hidden(images)
        parts = [one.flatten(1).float() for one in hidden[-_FEATURE_LAYERS:]]
        return torch.cat([*parts, self._posterior(hidden[-1], condition).mean], dim=1)

    def _hidden(self, images: Tensor) -> list[Tensor]:
        maps = [images]
        for layer in self.hidden:
            maps.append(layer(maps[-1]))
        return maps[1:]

    def _posterior(self, last: Tensor, condition: Condition) -> Posterior:
        if condition.vector is not None:
            last = concat_replicated(last, condition.vector)
        mean, *rest = self.output(last).flatten(1).float().split(self.latent_size, dim=1)
        return Posterior(mean, rest[0] if rest else None)


class Decoder(nn.Module):
    """The paper's G_x: a latent vector to a picture.

    The last layer has a bias for each pixel, as in the authors' code.

    Args: as `Encoder`.
    """

    def __init__(self, image_channels: int = 3, latent_size: int = 256, *, classes: int = 0, width: int = 32):
        super().__init__()
        self.hidden = nn.Sequential()
        before = latent_size + classes
        for kernel, stride, multiple in _UP:
            conv = nn.ConvTranspose2d(before, multiple * width, kernel, stride, bias=False)
            self.hidden.append(_normed(conv, multiple * width))
            before = multiple * width
        self.hidden.append(_normed(nn.Conv2d(before, width, 1, bias=False), width))
        self.output = nn.Conv2d(width, image_channels, 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(image_channels, SIZE, SIZE))
        self._started = False  # on the host: asking a parameter would stall a GPU each step

    @torch.no_grad()
    def start_at_mean(self, images: Tensor) -> None:
        """Unless it has learned already, let it begin with the mean of these pictures (B, C, 32, 32) in [-1, 1].

        The bias becomes the mean's log odds, as in the authors' code: without that, the discriminator is sure of the
        grey pictures of the start before the bias has got to the black ones of a data set like MNIST. All ranks call
        it together and get the mean over all.
        """
        if self._started or self.bias.any():
            self._started = True
            return
        mean = images.float().mean(0)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(mean)
            mean /= torch.distributed.get_world_size()
        half_step = 0.5 / 255  # 8 bits know no finer; the log odds of 0 and 1 are infinite
        self.bias.copy_(torch.logit((mean + 1) / 2, eps=half_step))
        self._started = True

    def forward(self, latent: Tensor, condition: Condition) -> Tensor:
        """Latent (B, Z), condition.vector (B, classes) or none -> (B, C, 32, 32) in [-1, 1], fp32."""
        start = latent if condition.vector is None else concat_vector(latent, condition.vector)
        maps = self.output(self.hidden(start[:, :, None, None]))
        return 2 * torch.sigmoid(maps.float() + self.bias) - 1  # the paper's pictures lie in [0, 1]


class Generator(nn.Module):
    """Encoder and decoder: one player, as both minimise one loss.

    Args: as `Encoder`, and initial_weights.
    """

    def __init__(
        self,
        image_channels: int = 3,
        latent_size: int = 256,
        *,
        classes: int = 0,
        width: int = 32,
        posterior: PosteriorForm = PosteriorForm.GAUSSIAN,
        initial_weights: InitialWeights = InitialWeights.SMALL,
    ):
        super().__init__()
        shape = {"classes": classes, "width": width}
        self.encoder = Encoder(image_channels, latent_size, posterior=posterior, **shape)
        self.decoder = Decoder(image_channels, latent_size, **shape)
        _draw(self, initial_weights)

    def forward(self, images: Tensor, latent: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:
        """A latent vector (B, Z) drawn for each picture (B, C, 32, 32), and a picture made from each latent vector."""
        return self.encoder(images, condition).sample(), self.decoder(latent, condition)


class Discriminator(nn.Module):
    """The paper's D(x), D(z) and D(x, z): does this picture belong to this latent vector (and label)?

    Args: as `Generator`, and
        dropout: the probability with which each input of a layer is dropped.
        norm: of the layers.
    """

    def __init__(
        self,
        image_channels: int = 3,
        latent_size: int = 256,
        *,
        classes: int = 0,
        width: int = 32,
        dropout: float = 0.2,
        norm: DiscriminatorNorm = DiscriminatorNorm.BATCH,
        initial_weights: InitialWeights = InitialWeights.SMALL,
    ):
        super().__init__()
        self.of_image = nn.Sequential()
        before = image_channels
        for number, (kernel, stride, multiple) in enumerate(_DOWN):
            channels = multiple * width
            normed = norm is DiscriminatorNorm.BATCH and number > 0
            conv = nn.Conv2d(before, channels, kernel, stride, bias=not normed)
            layer = _normed(conv, channels) if normed else nn.Sequential(conv, nn.LeakyReLU(SLOPE))
            self.of_image.extend([nn.Dropout(dropout), layer])
            before = channels
        dense, joint = _DENSE * width, _JOINT * width
        self.of_latent = _dense([latent_size, dense, dense], dropout, bias=False)
        self.of_both = _dense([before + dense + classes, joint, joint], dropout, bias=True)
        self.of_both.extend([nn.Dropout(dropout), nn.Linear(joint, 1)])
        _draw(self, initial_weights)
        if norm is DiscriminatorNorm.SPECTRAL:
            with_spectral_norm(self)

    def forward(self, images: Tensor, latent: Tensor, condition: Condition) -> Tensor:
        """Images (B, C, 32, 32), latent (B, Z), condition.vector (B, classes) or none -> logits (B, 1)."""
        parts = [self.of_image(images).flatten(1), self.of_latent(latent)]
        joined = torch.cat(parts, dim=1)
        return self.of_both(joined if condition.vector is None else concat_vector(joined, condition.vector))


def _normed(layer: nn.Module, channels: int) -> nn.Sequential:
    return nn.Sequential(layer, nn.BatchNorm2d(channels, momentum=MOMENTUM), nn.LeakyReLU(SLOPE))


def _dense(widths: list[int], dropout: float, *, bias: bool) -> nn.Sequential:
    """Dropout, linear, leaky ReLU, from width to width: the table's 1x1 convolutions of 1x1 maps."""
    layers = nn.Sequential()
    for before, after in itertools.pairwise(widths):
        layers.extend([nn.Dropout(dropout), nn.Linear(before, after, bias=bias), nn.LeakyReLU(SLOPE)])
    return layers


def _draw(module: nn.Module, initial_weights: InitialWeights) -> None:
    """Weights by their rule, biases 0."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            if initial_weights is InitialWeights.SMALL:
                nn.init.normal_(part.weight, std=0.01)
            else:
                nn.init.kaiming_normal_(part.weight, SLOPE)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
