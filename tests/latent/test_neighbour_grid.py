"""A neighbourhood that is a plane must be laid out as that plane."""

from __future__ import annotations

import pytest
import torch

from condgen.latent.neighbour_grid import arranged, neighbour_grid


def plane(rows, columns, width=12):
    """Points (rows, columns, width), one apart along two orthogonal directions, away from the origin."""
    generator = torch.Generator().manual_seed(0)
    directions = torch.linalg.qr(torch.randn(width, 2, generator=generator)).Q.T
    along = torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).float()
    return (along @ directions + torch.randn(width, generator=generator)).view(rows, columns, width)


@pytest.mark.parametrize(("rows", "columns"), [(3, 5), (5, 3), (1, 6), (2, 7)])
def test_shuffled_points_of_a_plane_come_back_in_order(rows, columns):
    points = plane(rows, columns).flatten(0, 1)
    shuffled = points[torch.randperm(len(points), generator=torch.Generator().manual_seed(1))]
    order = arranged(shuffled, rows, columns)
    assert order.shape == (rows, columns)
    assert sorted(order.flatten().tolist()) == list(range(rows * columns))
    laid_out = shuffled[order]
    for axis in (0, 1):
        steps = laid_out.diff(dim=axis).norm(dim=-1)
        torch.testing.assert_close(steps, torch.ones_like(steps))


def test_the_layout_does_not_hang_on_the_order_of_the_latents():
    latents = torch.randn(12, 8, generator=torch.Generator().manual_seed(0))
    shuffle = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(latents[shuffle][arranged(latents[shuffle], 3, 4)], latents[arranged(latents, 3, 4)])


def test_the_anchors_are_the_nearest_neighbours():
    near, far = plane(2, 3).flatten(0, 1), plane(4, 4).flatten(0, 1) + 100
    latents = torch.cat([far, near])
    grid = neighbour_grid(latents, centre=near[0], rows=2, columns=3, between=3)
    assert sorted(grid.anchors.flatten().tolist()) == list(range(16, 22))
    assert grid.latents.shape == (5, 9, 12)
    assert torch.equal(grid.latents[::4, ::4], latents[grid.anchors])


def test_equal_latents_and_single_places():
    same = torch.ones(4, 3)
    assert sorted(arranged(same, 2, 2).flatten().tolist()) == [0, 1, 2, 3]
    grid = neighbour_grid(plane(2, 2).flatten(0, 1), centre=plane(2, 2)[1, 0], rows=1, columns=1)
    assert grid.anchors.tolist() == [[2]]


def test_too_few_latents_are_refused():
    with pytest.raises(ValueError, match="2 x 3 needs 6 latents, got 5"):
        neighbour_grid(torch.randn(5, 4), torch.zeros(4), rows=2, columns=3)
