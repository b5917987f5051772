"""Attribute vectors: directions in latent space that add or take away one property of a picture.

White, "Sampling Generative Networks", 2016, arXiv 1609.04468, sections on attribute vectors. Use: `z + strength * v`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

Encode = Callable[[Tensor], Tensor]
"""Pictures (N, C, H, W) in [-1, 1] -> latents (N, Z)."""


def attribute_vector(latents: Tensor, has: Tensor) -> Tensor:
    """Mean latent with the attribute less the mean latent without it.

    Where attributes are correlated in the data (most who smile are women) the vector takes the others along: see
    `balanced_attribute_vectors`.

    Args:
        latents: (N, Z).
        has: (N,) bool.

    Returns:
        (Z,).

    Raises:
        ValueError: all of them have the attribute, or none has.
    """
    return balanced_attribute_vectors(latents, has[:, None])[0]


def balanced_attribute_vectors(latents: Tensor, attributes: Tensor) -> Tensor:
    """Attribute vectors freed of the correlation between the labels: each combination of attributes counts the same.

    White replicates samples until every combination occurs equally often. That is the mean over combinations of their
    mean latents, computed here as such: exact also where replication would leave a remainder.

    Args:
        latents: (N, Z).
        attributes: (N, A) bool, the attributes to be told apart. Each of the 2^A combinations must occur, and is as
            trustworthy as it has samples: name few.

    Returns:
        (A, Z), a vector for each attribute.

    Raises:
        ValueError: a combination does not occur.
    """
    count = attributes.shape[1]
    places = 2 ** torch.arange(count, device=attributes.device)
    group = (attributes.bool() * places).sum(1)  # the combination as a binary number
    sizes = torch.bincount(group, minlength=2**count)
    wanted = (torch.arange(2**count, device=attributes.device)[:, None] & places) != 0  # (2^A, A)
    if not sizes.all():
        missing = wanted[sizes == 0][0].int().tolist()
        raise ValueError(f"no sample has the combination {missing} of attributes: give samples, or fewer attributes")
    # double: a float32 sum of 70,000 latents loses the digits that a small difference needs
    sums = torch.zeros(2**count, latents.shape[1], dtype=torch.float64, device=latents.device)
    means = sums.index_add(0, group, latents.double()) / sizes[:, None]
    sides = torch.where(wanted, 1.0, -1.0).double() / 2 ** (count - 1)  # the same number of groups on either side
    return (sides.T @ means).to(latents.dtype)


@torch.no_grad()
def synthetic_attribute_vector(batches: Iterable[Tensor], change: Callable[[Tensor], Tensor], encode: Encode) -> Tensor:
    """The vector of an attribute made by changing pictures, e.g. by a blur: no labels, and no correlation with others.

    Taken away from a latent instead of added, the blur's vector sharpens.

    Args:
        batches: pictures (N, C, H, W) in [-1, 1], at least one.
        change: gives pictures the attribute, same shape.
        encode: latents of pictures.

    Returns:
        (Z,), the mean of encode(change(pictures)) - encode(pictures).
    """
    differences = torch.cat([encode(change(pictures)) - encode(pictures) for pictures in batches])
    return differences.double().mean(0).to(differences.dtype)
