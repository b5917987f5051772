"""Multilayer perceptrons for points in the plane.

The forms are those of ALI's experiment on a 2-D mixture (Dumoulin et al., 2017, arXiv 1606.00704, section 4.4), in the
authors' code (IshmaelBelghazi/ALI, experiments/ali_mixture.py and gan_mixture.py): batch norm and ReLU in the decoder
and encoder, maxout in the discriminator.
"""

from __future__ import annotations

import itertools

from torch import Tensor, nn
from torch.distributions import Normal

from condgen.adversarial.diversity import MinibatchDiscrimination

DIMENSIONS = 2  # of a point
PIECES = 5  # of a maxout unit, as in the authors' code


class Maxout(nn.Module):
    """The largest of `PIECES` linear functions for each output (Goodfellow et al., 2013, arXiv 1302.4389)."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.pieces = nn.Linear(inputs, outputs * PIECES)

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs) -> (B, outputs)."""
        return self.pieces(features).unflatten(1, (-1, PIECES)).amax(2)


class Decoder(nn.Module):
    """A latent vector to a point.

    Args:
        latent_size: Z.
        width: units of each hidden layer.
        layers: hidden layers; with none the decoder is affine, and its points are one Gaussian.
        batch_norm: behind each hidden layer.
    """

    def __init__(self, latent_size: int = 2, *, width: int = 400, layers: int = 4, batch_norm: bool = True):
        super().__init__()
        self.layers = _perceptron(latent_size, DIMENSIONS, width, layers, batch_norm=batch_norm)

    def forward(self, latent: Tensor) -> Tensor:
        """(B, Z) -> (B, 2), fp32."""
        return self.layers(latent).float()


class Encoder(nn.Module):
    """A point to the posterior of its latent vector; arguments as of `Decoder`."""

    def __init__(self, latent_size: int = 2, *, width: int = 400, layers: int = 2, batch_norm: bool = True):
        super().__init__()
        self.layers = _perceptron(DIMENSIONS, 2 * latent_size, width, layers, batch_norm=batch_norm)

    def forward(self, points: Tensor) -> Normal:
        """(B, 2) -> q(z | x) of shape (B, Z), fp32."""
        mean, log_deviation = self.layers(points).float().chunk(2, dim=1)
        return Normal(mean, log_deviation.exp(), validate_args=False)  # the trainer sees to what is not finite


class Generator(nn.Module):
    """The player that makes what is judged: a decoder, and in ALI's game an encoder."""

    def __init__(self, decoder: Decoder, encoder: Encoder | None = None):
        super().__init__()
        self.decoder, self.encoder = decoder, encoder


class Discriminator(nn.Module):
    """Points, or in ALI's game points beside latent vectors, to logits.

    Args:
        inputs: C, numbers that a sample has.
        width: units of each hidden layer.
        layers: hidden layers.
        minibatch_kernels: closeness values of minibatch discrimination beside the last hidden layer; 0: none.
    """

    def __init__(self, inputs: int = DIMENSIONS, *, width: int = 200, layers: int = 3, minibatch_kernels: int = 0):
        super().__init__()
        widths = [inputs, *[width] * layers]
        self.hidden = nn.Sequential(*(Maxout(before, after) for before, after in itertools.pairwise(widths)))
        self.minibatch = MinibatchDiscrimination(width, minibatch_kernels) if minibatch_kernels else nn.Identity()
        self.output = nn.Linear(width + minibatch_kernels, 1)

    def forward(self, samples: Tensor) -> Tensor:
        """(B, C) -> (B, 1). With minibatch discrimination the B samples are all real or all fake."""
        return self.output(self.minibatch(self.hidden(samples)))


def _perceptron(inputs: int, outputs: int, width: int, layers: int, *, batch_norm: bool) -> nn.Sequential:
    widths, network = [inputs, *[width] * layers], nn.Sequential()
    for before, after in itertools.pairwise(widths):
        network.append(nn.Linear(before, after, bias=not batch_norm))
        if batch_norm:
            network.append(nn.BatchNorm1d(after))
        network.append(nn.ReLU())
    return network.append(nn.Linear(widths[-1], outputs))
