"""How a condition enters a network. Features are (B, C, *spatial) with any number of spatial dimensions, also none."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def over_space(vector: Tensor, features: Tensor) -> Tensor:
    """(B, C) or (C,) as a view that broadcasts over the spatial dimensions of features (B, C, *spatial)."""
    return vector[(...,) + (None,) * (features.ndim - 2)]


def concat_vector(noise: Tensor, vector: Tensor) -> Tensor:
    """What a generator starts from: noise (B, Z), vector (B, C) -> (B, Z + C) (Mirza and Osindero, 2014)."""
    return torch.cat([noise, vector.to(noise.dtype)], dim=1)


def concat_replicated(features: Tensor, vector: Tensor) -> Tensor:
    """The vector at every position: features (B, C, *spatial), vector (B, V) -> (B, C + V, *spatial).

    Reed et al., 2016, arXiv 1605.05396, section 4.1.
    """
    replicated = over_space(vector, features).expand(-1, -1, *features.shape[2:])
    return torch.cat([features, replicated.to(features.dtype)], dim=1)


def concat_grid(features: Tensor, grid: Tensor) -> Tensor:
    """Features (B, C, *spatial), grid (B, G, *spatial) -> (B, C + G, *spatial) (Isola et al., 2017).

    Raises:
        ValueError: the two do not cover the same positions.
    """
    if features.shape[2:] != grid.shape[2:]:
        raise ValueError(f"a grid {tuple(grid.shape)} does not lie on features {tuple(features.shape)}")
    return torch.cat([features, grid.to(features.dtype)], dim=1)


class Film(nn.Module):
    """Scale and shift of each channel by the condition's vector (Perez et al., 2018, arXiv 1709.07871, eq. 2).

    features * (1 + scale(vector)) + shift(vector), the identity at first: both are linear and start at 0.

    Args:
        channels: of the features.
        vector_width: of the condition's vector.
    """

    def __init__(self, channels: int, vector_width: int):
        super().__init__()
        self.scale_and_shift = nn.Linear(vector_width, 2 * channels)
        nn.init.zeros_(self.scale_and_shift.weight)
        nn.init.zeros_(self.scale_and_shift.bias)

    def forward(self, features: Tensor, vector: Tensor) -> Tensor:
        """features: (B, C, *spatial), vector: (B, V) -> (B, C, *spatial)."""
        scale, shift = self.scale_and_shift(vector).chunk(2, dim=1)
        return features * (1 + over_space(scale, features)) + over_space(shift, features)


class ConditionalBatchNorm(nn.Module):
    """Batch norm whose scale and shift depend on the condition (de Vries et al., 2017, arXiv 1707.00683).

    Args: as `Film`.
    """

    def __init__(self, channels: int, vector_width: int):
        super().__init__()
        self.norm = _BatchNorm(channels, affine=False)
        self.film = Film(channels, vector_width)

    def forward(self, features: Tensor, vector: Tensor) -> Tensor:
        """features: (B, C, *spatial), vector: (B, V) -> (B, C, *spatial)."""
        return self.film(self.norm(features), vector)


class _BatchNorm(nn.BatchNorm1d):
    """Torch's, for any rank: the classes by rank differ in this check alone."""

    def _check_input_dim(self, input: Tensor) -> None:
        pass
