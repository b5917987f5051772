"""Pictures changed by what a user paints, held to what the generator can make.

Zhu et al., "Generative Visual Manipulation on the Natural Image Manifold", 2016, arXiv 1609.03552, section on
manipulating the latent vector. Their brushes:

    colouring   Constraint(target, mask): the target holds the colours that were painted
    sketching   Constraint(target, mask, features=oriented_gradients): it holds the lines that were drawn; the authors
                weight it 0.2, but with small latent spaces only a few times the weight of colours moves much
    warping     Constraint(target, mask): it holds the part that was dragged, in its new place

The results are the generator's own pictures; the paper's transfer of an edit back to the photo is not here, nor its
optional term for the discriminator's opinion, which the authors' program leaves out as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from condgen.latent.optimization import Decode, decoded, minimise


def _pixels(pictures: Tensor) -> Tensor:
    return pictures


@dataclass(frozen=True, eq=False)
class Constraint:
    """What a part of the picture should look like.

    Raises:
        ValueError: the mask does not fit the target, or is empty.
    """

    target: Tensor  # (C, H, W) in [-1, 1]; looked at only where the mask is, or where features reach from there
    mask: Tensor  # (H, W): 1 where the constraint holds, 0 elsewhere; between them it holds less
    features: Callable[[Tensor], Tensor] = _pixels  # (N, C, H, W) -> (N, C', H', W'), differentiable
    weight: float = 1.0

    def __post_init__(self):
        if self.mask.shape != self.target.shape[1:]:
            mask, target = tuple(self.mask.shape), tuple(self.target.shape)
            raise ValueError(f"a mask (H, W) must fit its target (C, H, W), got {mask} and {target}")
        if not (self.mask > 0).any():
            raise ValueError("the mask of a constraint is empty: nothing is asked for")

    @cached_property
    def _wanted(self) -> tuple[Tensor, Tensor]:
        """The target's features (1, C', H', W'), and the mask (H', W') of all cells that it touches."""
        with torch.no_grad():
            wanted = self.features(self.target[None]).float()
        return wanted, F.adaptive_max_pool2d(self.mask[None].float(), wanted.shape[2:])[0]

    def distance(self, pictures: Tensor) -> Tensor:
        """Mean squared difference of the features under the mask, unweighted: (N, C, H, W) -> (N,)."""
        wanted, mask = self._wanted
        difference = (self.features(pictures).float() - wanted).square().mean(1)
        return (difference * mask).sum((1, 2)) / mask.sum()


def edit(
    decode: Decode,
    start: Tensor,
    constraints: Sequence[Constraint],
    *,
    smoothness: float = 0.1,
    iterations: int = 200,
) -> Tensor:
    """The latent near the start whose picture meets the constraints.

    It minimises the sum of weight * distance over the constraints (the paper's data term) + smoothness *
    mean((z - start)^2) (its manifold smoothness). `interpolation.slerp` between the two latents shows the way.

    Args:
        decode: pictures of latents.
        start: (Z,), of the picture to be changed: made by the generator, or projected.
        constraints: one or more.
        smoothness: how much the rest should stay as it was, for z ~ N(0, 1). The authors' program has 10 for latents
            in [-1, 1], for many small edits that a user watches; the smaller it is, the better constraints are met.
        iterations: at most.

    Returns:
        (Z,).

    Raises:
        ValueError: there is no constraint, the decoder is not differentiable, or its values are not finite.
    """
    if not constraints:
        raise ValueError("an edit needs a constraint")

    def objective(latent: Tensor) -> Tensor:
        picture = decoded(decode, latent)
        asked = sum(constraint.weight * constraint.distance(picture)[0] for constraint in constraints)
        return asked + smoothness * (latent - start).square().mean()

    return minimise(objective, start, iterations)[0]


def oriented_gradients(pictures: Tensor, *, directions: int = 8, cell: int = 4) -> Tensor:
    """How much contour of each direction there is in each cell, as a histogram of oriented gradients counts it.

    The authors' differentiable form: with the Sobel gradient g of the mean of the channels, unit vectors u_k at
    k pi / K and a = cos(pi / K), the mean over a cell of max(0, |g u_k| - a |g|) / (1 - a). A contour and its negative
    count the same. Contours further apart in direction than a bin have nothing in common: a line that is drawn far from
    what is there first erases it, and should be drawn in steps.

    Args:
        pictures: (N, C, H, W) in [-1, 1].
        directions: K.
        cell: side of a cell in pixels.

    Returns:
        (N, K, H // cell, W // cell).
    """
    grey = pictures.float().mean(1, keepdim=True)
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]], device=grey.device) / 8
    padded = F.pad(grey, (1, 1, 1, 1), mode="replicate")  # no contour where the picture ends
    gradient = F.conv2d(padded, torch.stack([across, across.T])[:, None])  # (N, 2, H, W), per pixel
    angles = torch.arange(directions, device=grey.device) * (math.pi / directions)
    along = torch.einsum("kd,ndhw->nkhw", torch.stack([angles.cos(), angles.sin()], dim=1), gradient).abs()
    magnitude = (gradient.square().sum(1, keepdim=True) + 1e-8).sqrt()  # a root has no slope at 0
    least = math.cos(math.pi / directions)
    return F.avg_pool2d(((along - least * magnitude) / (1 - least)).clamp(min=0), cell)
