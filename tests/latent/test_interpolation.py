"""Great circles, analogies and grids against closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from condgen.latent.interpolation import analogy, interpolated_grid, j_diagram, slerp


def latents(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_orthogonal_vectors_turn_by_equal_angles():
    a, b = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0])
    t = torch.tensor([0.0, 1 / 3, 0.5, 1.0])
    expected = 2 * torch.stack([(t * math.pi / 2).cos(), (t * math.pi / 2).sin()], dim=1)
    torch.testing.assert_close(slerp(a, b, t), expected)
    torch.testing.assert_close(slerp(a, b, 0.5), torch.full((2,), 2**0.5))


def test_equal_lengths_are_kept_and_others_go_over():
    a, b = latents(2, 64)
    b = b * a.norm() / b.norm()
    lengths = slerp(a, b, torch.linspace(0, 1, 9, dtype=torch.float64)).norm(dim=1)
    torch.testing.assert_close(lengths, a.norm().expand(9))
    assert torch.lerp(a, b, 0.5).norm() < 0.8 * a.norm()  # what a straight line does
    orthogonal = slerp(torch.tensor([3.0, 0.0]), torch.tensor([0.0, 1.0]), 0.5)
    torch.testing.assert_close(orthogonal, torch.tensor([3.0, 1.0]) * math.sin(math.pi / 4))


@pytest.mark.parametrize("factor", [1.0, 2.5, 1 + 1e-7, -1.0, -3.0, 0.0])
def test_without_a_great_circle_the_way_is_straight(factor):
    a = latents(16).float()
    b = factor * a
    for t in (0.0, 0.25, 0.5, 1.0):
        torch.testing.assert_close(slerp(a, b, t), torch.lerp(a, b, t), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(slerp(torch.zeros(16), a, 0.25), a / 4)


def test_small_angles_keep_their_digits_in_single_precision():
    angle = 2e-3
    a, b = torch.tensor([1.0, 0.0]), torch.tensor([math.cos(angle), math.sin(angle)])
    middle = slerp(a, b, 0.25)
    assert middle[1].item() == pytest.approx(math.sin(angle / 4), rel=1e-4)
    assert middle.norm().item() == pytest.approx(1, abs=1e-6)


def test_each_pair_of_a_batch_has_its_own_angle():
    a, b = latents(2, 5, 8)
    t = torch.tensor([0.2, 0.7], dtype=torch.float64)
    both = slerp(a, b, t)
    assert both.shape == (2, 5, 8)
    for row in range(5):
        torch.testing.assert_close(both[1, row], slerp(a[row], b[row], 0.7))


def test_a_grid_keeps_its_anchors_and_fills_the_rest():
    anchors = latents(3, 4, 8)
    grid = interpolated_grid(anchors, between=2)
    assert grid.shape == (7, 10, 8)
    assert torch.equal(grid[::3, ::3], anchors)
    torch.testing.assert_close(grid[3, 4], slerp(anchors[1, 1], anchors[1, 2], 1 / 3))
    torch.testing.assert_close(grid[2, 9], slerp(anchors[0, 3], anchors[1, 3], 2 / 3))
    left, right = slerp(anchors[:2, 0], anchors[:2, 1], 2 / 3)  # along the rows first, then down
    torch.testing.assert_close(grid[1, 2], slerp(left, right, 1 / 3))
    assert torch.equal(interpolated_grid(anchors, between=0), anchors)
    assert interpolated_grid(anchors[:1, :1], between=5).shape == (1, 1, 8)


def test_the_corners_of_a_j_diagram():
    a, b, c = latents(3, 8)
    grid = j_diagram(a, b, c, size=5)
    assert grid.shape == (5, 5, 8)
    for corner, expected in zip((grid[0, 0], grid[0, -1], grid[-1, 0]), (a, b, c), strict=True):
        assert torch.equal(corner, expected)
    torch.testing.assert_close(grid[-1, -1], c + b - a)
    torch.testing.assert_close(grid[0, 2], slerp(a, b, 0.5))
    torch.testing.assert_close(analogy(a, a, c), c)
    with pytest.raises(ValueError, match="got 1"):
        j_diagram(a, b, c, size=1)
