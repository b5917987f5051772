"""Pictures of small decoders must lead back to the latents they were made from."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from condgen.latent.projection import project

WIDTH, SHAPE = 6, (1, 5, 4)


class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(20, WIDTH, generator=torch.Generator().manual_seed(0)) / WIDTH**0.5)

    def forward(self, latents):
        return (latents @ self.weight.T).unflatten(1, SHAPE)


def perceptron(dtype=torch.float64):
    torch.manual_seed(0)
    layers = [nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 48), nn.Tanh(), nn.Unflatten(1, (3, 4, 4))]
    return nn.Sequential(*layers).to(dtype)


def latents(count, width, dtype=torch.float64):
    return torch.randn(count, width, generator=torch.Generator().manual_seed(1)).to(dtype)


def test_with_a_linear_decoder_it_is_ridge_regression():
    """Minimum of |A z - x|^2 / P + p |z|^2 / Z: (A'A / P + p / Z) z = A'x / P."""
    decode, pictures = Linear().double(), latents(3, 20).unflatten(1, SHAPE)
    found = project(pictures, decode, torch.zeros(3, WIDTH).double(), prior=0.5)
    weight = decode.weight.detach()
    system = weight.T @ weight / 20 + 0.5 / WIDTH * torch.eye(WIDTH)
    expected = torch.linalg.solve(system, weight.T @ pictures.flatten(1).T / 20).T
    torch.testing.assert_close(found.latents, expected, rtol=0, atol=1e-3)
    errors = (decode(expected) - pictures).square().flatten(1).mean(1)
    torch.testing.assert_close(found.errors.double(), errors.detach(), rtol=1e-3, atol=0)
    assert decode.weight.grad is None


def test_an_encoders_rough_answer_is_made_exact():
    decode, true = perceptron(), latents(4, 4) * 0.7
    pictures = decode(true).detach()
    found = project(pictures, decode, true + 0.2 * latents(8, 4)[4:], prior=0)
    torch.testing.assert_close(found.latents, true, rtol=0, atol=1e-3)
    assert found.errors.max() < 1e-7


def test_a_picture_does_not_hang_on_its_batch():
    decode, pictures = perceptron(), latents(3, 48).unflatten(1, (3, 4, 4)).clamp(-1, 1)
    starts = latents(3, 4)
    together = project(pictures, decode, starts)
    alone = project(pictures[1:2], decode, starts[1:2])
    assert torch.equal(together.latents[1:2], alone.latents)


def test_pictures_and_starts_may_come_from_inference_mode():
    decode = perceptron(torch.float32)
    with torch.inference_mode():
        pictures, starts = decode(latents(1, 4, torch.float32)), torch.zeros(1, 4)
    assert project(pictures, decode, starts, prior=0).errors.item() < 1e-5


def test_what_does_not_fit_is_refused():
    decode, pictures = perceptron(), torch.zeros(2, 3, 4, 4).double()
    with pytest.raises(ValueError, match="2 pictures and starts for 3"):
        project(pictures, decode, latents(3, 4))
    with pytest.raises(ValueError, match=r"pictures of \(3, 4, 4\), not \(1, 4, 4\)"):
        project(pictures[:, :1], decode, latents(2, 4))
    with pytest.raises(ValueError, match="no gradient"):
        project(pictures, torch.no_grad()(decode.forward), latents(2, 4))
