"""MINE, manifold interpolated neighbour embedding: a map of one neighbourhood of a data set in latent space.

White, "Sampling Generative Networks", 2016, arXiv 1609.04468. A latent space has dead zones, where no picture was ever
encoded; the encodings of held-out pictures, and what lies between near ones, keep to the places that are populated.
The layout is our own choice:

1. The anchors are the nearest neighbours (Euclidean) of a latent, as many as the grid has places.
2. They are laid out by their first two principal components, the first along the grid's longer side: of all ways to
   put one anchor on each place, the one with the least sum of squared distances between component and place.
3. Slerp fills the space between anchors.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from condgen.latent.interpolation import interpolated_grid


@dataclass(frozen=True, eq=False)
class NeighbourGrid:
    """The latents to decode, and which latents of the data set the anchors are."""

    latents: Tensor  # (rows', columns', Z) with the interpolated ones
    anchors: Tensor  # (rows, columns) int64, indices into the data set


def neighbour_grid(latents: Tensor, centre: Tensor, rows: int, columns: int, between: int = 0) -> NeighbourGrid:
    """The neighbourhood of one latent as a grid.

    Args:
        latents: (N, Z) of a data set, best one that was not trained on; for a map of a whole (small) set, as many
            as there are places.
        centre: (Z,), often one of them, and then itself among its neighbours.
        rows: rows of anchors.
        columns: columns of anchors.
        between: how many latents are interpolated between two neighbouring anchors.

    Raises:
        ValueError: the data set has fewer latents than the grid has places.
    """
    if len(latents) < rows * columns:
        raise ValueError(f"a grid of {rows} x {columns} needs {rows * columns} latents, got {len(latents)}")
    nearest = (latents - centre).norm(dim=1).argsort(stable=True)[: rows * columns]
    anchors = nearest[arranged(latents[nearest], rows, columns)]
    return NeighbourGrid(interpolated_grid(latents[anchors], between), anchors)


def arranged(latents: Tensor, rows: int, columns: int) -> Tensor:
    """Places on a grid such that near latents stand near each other: (rows * columns, Z) -> (rows, columns) int64."""
    from scipy.optimize import linear_sum_assignment

    axes = [torch.arange(count, dtype=torch.float64) for count in (rows, columns)]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).flatten(0, 1)  # row, column
    components = _principal_components(latents.double().cpu())
    if columns >= rows:
        components = components.flip(1)
    distances = torch.cdist(_standardised(components), _standardised(places)).square()
    latent_of, place_of = linear_sum_assignment(distances.numpy())
    order = torch.empty(rows * columns, dtype=torch.int64)
    order[torch.from_numpy(place_of)] = torch.from_numpy(latent_of)
    return order.view(rows, columns).to(latents.device)


def _principal_components(latents: Tensor) -> Tensor:
    """Coordinates along the two directions of largest variance: (N, Z) -> (N, 2)."""
    centred = latents - latents.mean(0)
    directions = torch.linalg.svd(centred, full_matrices=False).Vh[:2]
    # a direction and its opposite are equally right: the choice must not hang on the machine
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    components = centred @ (directions * largest.sign()).T
    return F.pad(components, (0, 2 - len(directions)))


def _standardised(coordinates: Tensor) -> Tensor:
    centred = coordinates - coordinates.mean(0)
    return centred / centred.square().mean(0).sqrt().clamp(min=torch.finfo(torch.float32).tiny)
