"""A user's picture brought into latent space: the latent whose picture is nearest.

Zhu et al., "Generative Visual Manipulation on the Natural Image Manifold", 2016, arXiv 1609.03552, section on
projecting an image onto the manifold. The encoder's answer is fast and rough, a search from there fine ("hybrid").
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from condgen.latent.optimization import Decode, decoded, minimise

ITERATIONS = 200  # of a search, at most; the authors'


@dataclass(frozen=True, eq=False)
class Projection:
    """Latents for pictures, and how well they fit."""

    latents: Tensor  # (N, Z)
    errors: Tensor  # (N,) mean squared difference of the pixels, which are in [-1, 1]


def project(pictures: Tensor, decode: Decode, starts: Tensor, *, prior: float = 1e-3) -> Projection:
    """The latents whose pictures are nearest, each searched for on its own and so independent of the rest of the batch.

    Minimised is the mean squared difference of the pixels + prior * mean(z^2).

    Args:
        pictures: (N, C, H, W) in [-1, 1].
        decode: pictures of latents.
        starts: (N, Z), the encoder's answers.
        prior: s^2 Z / pixels for z ~ N(0, 1) and pixels off by s; it keeps to latents that the generator has seen.

    Raises:
        ValueError: the numbers of pictures and starts differ, the decoder's pictures have another shape than these,
            it is not differentiable, or its values are not finite.
    """
    if len(starts) != len(pictures):
        raise ValueError(f"there are {len(pictures)} pictures and starts for {len(starts)}")
    pictures = pictures.clone()  # a pipeline's, made in inference mode, could not stand in a loss
    with torch.no_grad():
        shape = decode(starts[:1]).shape[1:]
    if shape != pictures.shape[1:]:
        raise ValueError(f"the decoder makes pictures of {tuple(shape)}, not {tuple(pictures.shape[1:])} as these are")
    pairs = zip(pictures, starts, strict=True)
    latents = torch.stack([_nearest(picture, decode, start, prior) for picture, start in pairs])
    with torch.no_grad():
        errors = (decode(latents).float() - pictures.float()).square().flatten(1).mean(1)
    return Projection(latents, errors)


def _nearest(picture: Tensor, decode: Decode, start: Tensor, prior: float) -> Tensor:
    """The end of the search from a start (Z,) for one picture (C, H, W): (Z,)."""

    def objective(latent: Tensor) -> Tensor:
        distance = F.mse_loss(decoded(decode, latent).float(), picture[None].float())
        return distance + prior * latent.square().mean()

    return minimise(objective, start, ITERATIONS)[0]
