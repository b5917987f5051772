"""A user's picture brought into latent space: the latent whose picture is nearest.

Zhu et al., "Generative Visual Manipulation on the Natural Image Manifold", 2016, arXiv 1609.03552, section on
projecting an image onto the manifold. The encoder's answer is fast and rough, a search from there fine ("hybrid").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from condgen.latent.optimization import Decode, decoded, minimise


@dataclass(frozen=True, eq=False)
class Projection:
    """Latents for pictures, and how well they fit."""

    latents: Tensor  # (N, Z)
    errors: Tensor  # (N,) mean squared difference of the pixels, which are in [-1, 1]


@dataclass(frozen=True, eq=False, kw_only=True)
class Fit:
    """What counts as near; the minimised sum is pixels + feature_weight * features + prior * mean(z^2).

    Pixels and features are mean squared differences.
    """

    prior: float = 1e-3  # s^2 Z / pixels for z ~ N(0, 1) and pixels off by s: keeps to latents the generator has seen
    features: Callable[[Tensor], Tensor] | None = None  # (N, C, H, W) -> (N, ...), differentiable
    feature_weight: float = 0.002  # the authors', for AlexNet's conv4

    def __post_init__(self):
        if min(self.prior, self.feature_weight) < 0:
            raise ValueError(f"weights must not be negative, got {self.prior} and {self.feature_weight}")

    def distance(self, pictures: Tensor, wanted: Tensor) -> Tensor:
        """Scalar of two batches of the same shape, the prior left out."""
        distance = F.mse_loss(pictures.float(), wanted.float())
        if self.features is not None:
            features, wanted_features = self.features(pictures), self.features(wanted)
            distance = distance + self.feature_weight * F.mse_loss(features.float(), wanted_features.float())
        return distance


def random_starts(count: int, starts: int, width: int, *, seed: int) -> Tensor:
    """Where to search from without an encoder: (count, starts, width) from N(0, 1)."""
    return torch.randn(count, starts, width, generator=torch.Generator().manual_seed(seed))


def project(
    pictures: Tensor, decode: Decode, starts: Tensor, *, fit: Fit | None = None, iterations: int = 200
) -> Projection:
    """The latents whose pictures are nearest, each searched for on its own and so independent of the rest of the batch.

    Args:
        pictures: (N, C, H, W) in [-1, 1].
        decode: pictures of latents.
        starts: (N, Z), the encoder's answers; or (N, S, Z), several for each, of which the best end counts: the
            objective has local minima, and `random_starts` are wanted in number.
        fit: what counts as near.
        iterations: of each search, at most; the authors' 200.

    Raises:
        ValueError: the numbers of pictures and starts differ, the decoder's pictures have another shape than these,
            it is not differentiable, or its values are not finite.
    """
    fit = fit or Fit()
    if len(starts) != len(pictures):
        raise ValueError(f"there are {len(pictures)} pictures and starts for {len(starts)}")
    pictures = pictures.clone()  # a pipeline's, made in inference mode, could not stand in a loss
    if starts.ndim == 2:
        starts = starts[:, None]
    with torch.no_grad():
        shape = decode(starts[:1, 0]).shape[1:]
    if shape != pictures.shape[1:]:
        raise ValueError(f"the decoder makes pictures of {tuple(shape)}, not {tuple(pictures.shape[1:])} as these are")
    pairs = zip(pictures, starts, strict=True)
    latents = torch.stack([_nearest(picture, decode, ways, fit, iterations) for picture, ways in pairs])
    with torch.no_grad():
        errors = (decode(latents).float() - pictures.float()).square().flatten(1).mean(1)
    return Projection(latents, errors)


def _nearest(picture: Tensor, decode: Decode, starts: Tensor, fit: Fit, iterations: int) -> Tensor:
    """The best end of the searches from starts (S, Z) for one picture (C, H, W): (Z,)."""

    def objective(latent: Tensor) -> Tensor:
        return fit.distance(decoded(decode, latent), picture[None]) + fit.prior * latent.square().mean()

    ends = [minimise(objective, start, iterations) for start in starts]
    return min(ends, key=lambda end: end[1])[0]
