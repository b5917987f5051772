"""The gist: a picture of background and layout, painted from a sentence by a conditional VAE (Li et al., 2018)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from condgen.conditioning.condition import Condition
from condgen.conditioning.injection import concat_vector
from condgen.networks.blocks import SLOPE
from condgen.networks.two_stream import MULTIPLE, Trunk, still_stream


class Posterior(NamedTuple):
    """q(z | first frame, sentence), a Gaussian; fp32."""

    mean: Tensor  # (B, Z)
    log_variance: Tensor  # (B, Z)

    def draw(self) -> Tensor:
        """A code of each, (B, Z), from the global random numbers."""
        return self.mean + torch.exp(0.5 * self.log_variance) * torch.randn_like(self.mean)

    def divergence(self) -> Tensor:
        """KL(q || N(0, I)) in nats, the mean over samples: a scalar."""
        squares = self.mean.square() + torch.exp(self.log_variance)
        return 0.5 * (squares - 1 - self.log_variance).sum(dim=1).mean()


class GistGenerator(nn.Module):
    """p(gist | z, sentence): a code and a sentence to a picture.

    Args:
        text_width: length of the sentence's vector.
        code: length of z.
        text_code: what the sentence is compressed to.
        width: channels before the last layer.
        size: pixels a side.
    """

    def __init__(self, text_width: int, *, code: int = 100, text_code: int = 256, width: int = 64, size: int = 64):
        super().__init__()
        self.text = compressed(text_width, text_code)
        self.paint = still_stream(code + text_code, width=width, size=size)

    def forward(self, code: Tensor, condition: Condition) -> Tensor:
        """Z (B, Z) and condition.vector (B, text_width) -> (B, 3, S, S) in [-1, 1], fp32."""
        start = concat_vector(code, self.text(condition.vector))
        return torch.tanh(self.paint(start[:, :, None, None]).float())


class GistEncoder(nn.Module):
    """q(z | first frame, sentence); needed in training alone. Args: as of `GistGenerator`."""

    def __init__(self, text_width: int, *, code: int = 100, text_code: int = 256, width: int = 64, size: int = 64):
        super().__init__()
        self.text = compressed(text_width, text_code)
        self.trunk = Trunk(2, width=width)
        features = self.trunk.channels * (size // MULTIPLE) ** 2
        self.mean_and_log_variance = nn.Linear(features + text_code, 2 * code)

    def forward(self, frame: Tensor, condition: Condition) -> Posterior:
        """(B, 3, S, S) in [-1, 1] and condition.vector (B, text_width)."""
        seen = concat_vector(self.trunk(frame).flatten(1), self.text(condition.vector))
        return Posterior(*self.mean_and_log_variance(seen).float().chunk(2, dim=1))


def compressed(text_width: int, code: int) -> nn.Sequential:
    """A sentence's vector (B, text_width) to a code (B, code), as Reed et al. (2016) have it."""
    return nn.Sequential(nn.Linear(text_width, code), nn.LeakyReLU(SLOPE))
