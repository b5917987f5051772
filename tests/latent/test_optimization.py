from __future__ import annotations

import pytest
import torch

from condgen.latent.optimization import minimise


def test_the_minimum_of_a_stretched_quadratic():
    scale, centre = torch.tensor([1.0, 10.0, 0.1]), torch.tensor([3.0, -1.0, 2.0])
    found, value = minimise(lambda z: (scale * (z - centre)).square().sum(), torch.zeros(3), 200)
    torch.testing.assert_close(found, centre, rtol=0, atol=1e-3)
    assert value < 1e-6
    assert found.dtype == torch.float32


def test_it_searches_inside_no_grad_and_leaves_the_start_alone():
    start = torch.ones(2)
    with torch.no_grad():
        found, _ = minimise(lambda z: z.square().sum(), start, 50)
    torch.testing.assert_close(found, torch.zeros(2), rtol=0, atol=1e-5)
    assert torch.equal(start, torch.ones(2))


def test_more_iterations_come_further_and_none_gets_worse():
    """Rosenbrock's valley."""
    valley = lambda z: 100 * (z[1] - z[0] ** 2) ** 2 + (1 - z[0]) ** 2  # noqa: E731
    start = torch.tensor([-1.2, 1.0], dtype=torch.float64)
    values = [valley(start).item(), *(minimise(valley, start, iterations)[1] for iterations in (1, 5, 20, 200))]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 1e-8


def test_what_cannot_be_searched_is_said():
    weight = torch.ones(2, requires_grad=True)
    for flat in (lambda z: z.detach().sum(), lambda z: (z.detach() * weight).sum()):
        with pytest.raises(ValueError, match="no gradient reaches the latent"):
            minimise(flat, torch.zeros(2), 10)
    with pytest.raises(ValueError, match="not finite"):
        minimise(lambda z: z.sum() * torch.nan, torch.zeros(2), 10)
