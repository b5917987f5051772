"""Edits do what was painted, and little else."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from condgen.latent.editing import Constraint, edit, oriented_gradients


def quadrants(latents):
    """Each of 4 latent numbers is the value of a quadrant of an 8x8 picture."""
    return F.interpolate(latents.view(-1, 1, 2, 2), scale_factor=4)


def mask_of(rows, columns):
    mask = torch.zeros(8, 8)
    mask[rows, columns] = 1
    return mask


TOP_LEFT = mask_of(slice(0, 4), slice(0, 4))
START = torch.tensor([-0.5, 0.2, 0.1, -0.3])


def test_a_colour_is_met_where_it_was_painted_and_nothing_else_moves():
    """One quadrant v: minimum of (v - c)^2 + s (v - v0)^2 / 4."""
    painted = Constraint(torch.full((1, 8, 8), 0.8), TOP_LEFT)
    for smoothness in (0.0, 0.1, 4.0):
        edited = edit(quadrants, START, [painted], smoothness=smoothness)
        pull = smoothness / 4
        expected = torch.tensor([(0.8 + pull * -0.5) / (1 + pull), 0.2, 0.1, -0.3])
        torch.testing.assert_close(edited, expected, rtol=0, atol=1e-4)
    assert painted.distance(quadrants(edit(quadrants, START, [painted], smoothness=0.0)[None])) < 1e-6


def test_start_and_target_may_come_from_inference_mode():
    with torch.inference_mode():
        start, target, mask = START.clone(), torch.full((1, 8, 8), 0.8), TOP_LEFT.clone()
    constraints = [Constraint(target, mask), Constraint(target, mask, features=oriented_gradients)]
    edited = edit(quadrants, start, constraints, smoothness=0.0)
    assert edited[0].item() == pytest.approx(0.8, abs=0.05)


def test_the_mask_decides_what_counts():
    target = torch.full((1, 8, 8), -1.0)
    target[:, 0, 0] = 1.0
    one_pixel = Constraint(target, mask_of(0, 0))
    torch.testing.assert_close(one_pixel.distance(torch.zeros(2, 1, 8, 8)), torch.ones(2))
    assert edit(quadrants, START, [one_pixel], smoothness=0.0)[0].item() == pytest.approx(1, abs=1e-3)
    half = Constraint(torch.tensor([[[0.0, 2.0]]]), torch.tensor([[1.0, 0.5]]))  # (1 * 0 + 0.5 * 4) / 1.5
    torch.testing.assert_close(half.distance(torch.zeros(1, 1, 1, 2)), torch.tensor([4 / 3]))


def test_constraints_pull_with_their_weights():
    """3 (v - 1)^2 + (v + 1)^2 is least at 1/2."""
    constraints = [
        Constraint(torch.full((1, 8, 8), 1.0), TOP_LEFT, weight=3),
        Constraint(torch.full((1, 8, 8), -1.0), TOP_LEFT),
    ]
    assert edit(quadrants, START, constraints, smoothness=0.0)[0].item() == pytest.approx(0.5, abs=1e-3)


def turned(angle):
    """A ramp that rises by 0.1 a pixel in a direction, as (1, 1, 12, 12)."""
    y, x = torch.meshgrid(torch.arange(12.0), torch.arange(12.0), indexing="ij")
    return 0.1 * (math.cos(angle) * x + math.sin(angle) * y)[None, None]


@pytest.mark.parametrize("direction", range(8))
def test_a_ramp_has_one_direction_and_its_slope_as_strength(direction):
    for sign in (1, -1):
        histogram = oriented_gradients(sign * turned(direction * math.pi / 8))[0, :, 1, 1]
        expected = torch.zeros(8)
        expected[direction] = 0.1
        torch.testing.assert_close(histogram, expected, rtol=0, atol=1e-4)


def test_flat_pictures_have_no_contours_and_no_bad_slope():
    flat = torch.full((1, 3, 8, 8), 0.5, requires_grad=True)
    histogram = oriented_gradients(flat)
    assert histogram.shape == (1, 8, 2, 2)
    assert histogram.max() < 1e-4
    histogram.sum().backward()
    assert flat.grad.isfinite().all()


def test_a_drawn_line_turns_the_picture():
    """The decoder makes a soft edge of any direction; a drawn upright one is asked for in the middle."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 16), torch.linspace(-1, 1, 16), indexing="ij")

    def edges(latents):
        across = latents[:, :1, None] * x + latents[:, 1:, None] * y
        return torch.tanh(3 * across)[:, None]

    target = edges(torch.tensor([[1.0, 0.0]]))[0]
    mask = torch.zeros(16, 16)
    mask[4:12, 4:12] = 1
    drawn = Constraint(target, mask, features=oriented_gradients, weight=100)
    start = torch.tensor([0.9, 0.3])
    edited = edit(edges, start, [drawn], smoothness=1e-4)
    before, after = drawn.distance(edges(torch.stack([start, edited])))
    assert after < 0.01 * before
    assert abs(edited[1]) < 0.1 * abs(edited[0])


def test_what_asks_for_nothing_is_refused():
    with pytest.raises(ValueError, match="empty"):
        Constraint(torch.zeros(1, 8, 8), torch.zeros(8, 8))
    with pytest.raises(ValueError, match=r"\(4, 4\) and \(1, 8, 8\)"):
        Constraint(torch.zeros(1, 8, 8), torch.ones(4, 4))
    with pytest.raises(ValueError, match="needs a constraint"):
        edit(quadrants, START, [])
    with pytest.raises(ValueError, match="no gradient"):
        edit(torch.inference_mode()(quadrants), START, [Constraint(torch.zeros(1, 8, 8), TOP_LEFT)])
