from __future__ import annotations

import pytest
import torch
from torch import nn

from condgen.conditioning.injection import (
    ConditionalBatchNorm,
    Film,
    concat_grid,
    concat_replicated,
    concat_vector,
)

SPATIAL = [(), (5,), (3, 4), (2, 3, 2)]


def test_concat_vector():
    assert concat_vector(torch.ones(1, 2), torch.tensor([[5.0]])).tolist() == [[1, 1, 5]]
    assert concat_vector(torch.ones(1, 2).bfloat16(), torch.ones(1, 1)).dtype == torch.bfloat16


@pytest.mark.parametrize("spatial", SPATIAL)
def test_a_replicated_vector_is_the_same_everywhere(spatial):
    features, vector = torch.randn(2, 3, *spatial), torch.randn(2, 4)
    out = concat_replicated(features, vector)
    assert out.shape == (2, 7, *spatial)
    assert torch.equal(out[:, :3], features)
    positions = out[:, 3:].reshape(2, 4, -1)
    assert torch.equal(positions, vector[:, :, None].expand_as(positions))


@pytest.mark.parametrize("spatial", SPATIAL)
def test_concat_grid(spatial):
    features, grid = torch.randn(2, 3, *spatial), torch.randn(2, 1, *spatial)
    assert torch.equal(concat_grid(features, grid), torch.cat([features, grid], 1))


def test_a_grid_of_another_size_is_refused():
    with pytest.raises(ValueError, match="does not lie on"):
        concat_grid(torch.zeros(2, 3, 8, 8), torch.zeros(2, 3, 4, 4))
    with pytest.raises(ValueError, match="does not lie on"):
        concat_grid(torch.zeros(2, 3, 8), torch.zeros(2, 3, 8, 8))


def _set_film(film: Film) -> None:
    """Scale = first of the vector, shift = second, in every channel."""
    with torch.no_grad():
        film.scale_and_shift.weight.zero_()
        film.scale_and_shift.weight[: film.scale_and_shift.out_features // 2, 0] = 1
        film.scale_and_shift.weight[film.scale_and_shift.out_features // 2 :, 1] = 1


@pytest.mark.parametrize("spatial", SPATIAL)
def test_film(spatial):
    film, features = Film(3, 2), torch.randn(2, 3, *spatial)
    assert torch.equal(film(features, torch.randn(2, 2)), features)
    _set_film(film)
    out = film(features, torch.tensor([[1.0, 10.0], [-0.5, 0.0]]))
    torch.testing.assert_close(out[0], 2 * features[0] + 10)
    torch.testing.assert_close(out[1], features[1] / 2)


def test_film_learns_from_its_first_step():
    film = Film(3, 2)
    film(torch.randn(2, 3, 4), torch.randn(2, 2)).square().sum().backward()
    assert film.scale_and_shift.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("spatial", SPATIAL)
def test_conditional_batch_norm(spatial):
    layer, features = ConditionalBatchNorm(3, 2), 4 * torch.randn(8, 3, *spatial) + 2
    reference = nn.BatchNorm1d(3, affine=False)
    plain = reference(features.reshape(8, 3, -1)).reshape(features.shape)
    torch.testing.assert_close(layer(features, torch.zeros(8, 2)), plain)
    _set_film(layer.film)
    torch.testing.assert_close(layer(features, torch.tensor([[1.0, 10.0]] * 8)), 2 * plain + 10, atol=1e-5, rtol=1e-5)
    reference(features.reshape(8, 3, -1))
    layer.eval(), reference.eval()
    plain = reference(features.reshape(8, 3, -1)).reshape(features.shape)
    torch.testing.assert_close(layer(features, torch.zeros(8, 2)), plain)


def test_batch_norm_can_become_synchronous():
    layer = nn.SyncBatchNorm.convert_sync_batchnorm(ConditionalBatchNorm(3, 2))
    assert isinstance(layer.norm, nn.SyncBatchNorm)
