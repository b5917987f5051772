from __future__ import annotations

import pytest
import torch
from torch import nn

from condgen.adversarial.penalties import clip_weights, r1, wgan_gp, with_spectral_norm

SHAPES = [(3,), (2, 8), (2, 4, 4), (1, 2, 4, 4)]  # of one sample: vector, audio, image, video


@pytest.mark.parametrize("shape", SHAPES)
def test_r1_of_a_linear_discriminator_is_half_gamma_times_its_squared_norm(shape):
    weight = torch.randn(shape)
    penalty = r1(lambda sample: (sample * weight).flatten(1).sum(1, keepdim=True), torch.randn(5, *shape), gamma=3)
    torch.testing.assert_close(penalty, 1.5 * weight.square().sum())


@pytest.mark.parametrize("shape", SHAPES)
def test_wgan_gp_of_a_linear_discriminator_is_the_squared_distance_of_its_norm_from_1(shape):
    weight = torch.randn(shape)
    real, fake = torch.randn(5, *shape), torch.randn(5, *shape)
    penalty = wgan_gp(lambda sample: (sample * weight).flatten(1).sum(1), real, fake, weight=7)
    torch.testing.assert_close(penalty, 7 * (weight.norm() - 1).square())


def test_the_norm_is_taken_for_each_sample():
    """D(x) = |x|^2 / 2 has the gradient x: the mean of squared norms is not the square of a mean."""
    real = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    assert r1(lambda x: x.square().sum(1) / 2, real, gamma=2).item() == pytest.approx((25 + 1) / 2)
    assert wgan_gp(lambda x: x.square().sum(1) / 2, real, real, weight=1).item() == pytest.approx((16 + 0) / 2)


def test_a_patch_discriminator_is_judged_by_the_mean_of_its_logits():
    weight = torch.tensor([3.0])
    patches = lambda sample: sample * weight  # noqa: E731
    assert r1(patches, torch.randn(2, 1, 2, 2), gamma=2).item() == pytest.approx(4 * (3 / 4) ** 2)


def test_wgan_gp_looks_between_real_and_fake():
    seen = []

    def discriminator(sample):
        seen.append(sample.detach())
        return sample.flatten(1).sum(1)

    real, fake = torch.ones(64, 1, 3, 3), -torch.ones(64, 1, 3, 3)
    torch.manual_seed(0)
    wgan_gp(discriminator, real, fake)
    points = seen[0].flatten(1)
    assert torch.equal(points, points[:, :1].expand_as(points))  # one e for a whole sample
    assert points.unique().numel() == 64
    assert points.min() < -0.9
    assert points.max() > 0.9
    with pytest.raises(ValueError, match="one shape"):
        wgan_gp(discriminator, real, fake[:1])


def test_the_penalty_reaches_the_weights_and_nobody_else():
    """d/dw of gamma/2 |w|^2 is gamma w."""
    linear = nn.Linear(3, 1)
    real, fake = torch.randn(4, 3, requires_grad=True), torch.randn(4, 3, requires_grad=True)
    r1(linear, real, gamma=2).backward()
    torch.testing.assert_close(linear.weight.grad, 2 * linear.weight.detach())
    wgan_gp(linear, real, fake).backward()
    assert real.grad is None
    assert fake.grad is None


def test_a_flat_discriminator_gives_finite_gradients():
    """The derivative of a norm at 0 must not be NaN."""
    layers = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    nn.init.constant_(layers[0].bias, -100)
    penalty = wgan_gp(layers, torch.randn(2, 3), torch.randn(2, 3), weight=10)
    assert penalty.item() == pytest.approx(10)
    penalty.backward()
    assert all(p.grad.isfinite().all() for p in layers.parameters() if p.grad is not None)


@pytest.mark.parametrize("penalise", [r1, lambda layers, real: wgan_gp(layers, real, real)])
def test_fp32_even_inside_autocast_and_for_bf16_samples(penalise):
    layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(16, 1))
    real = torch.randn(2, 1, 4, 4).bfloat16()
    torch.manual_seed(0)
    outside = penalise(layers, real.float())
    torch.manual_seed(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = penalise(layers, real)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, outside)


def test_finite_for_steep_discriminators():
    weight = torch.full((2, 3), 1e4, requires_grad=True)
    penalty = r1(lambda sample: (sample * weight[0]).sum(1), torch.randn(2, 3))
    penalty = penalty + wgan_gp(lambda sample: (sample * weight[1]).sum(1), torch.randn(2, 3), torch.randn(2, 3))
    penalty.backward()
    assert penalty.isfinite()
    assert weight.grad.isfinite().all()


def test_clipped_weights_stay_in_their_box():
    layers = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    with torch.no_grad():
        layers[0].weight.copy_(torch.tensor([[1.0, -1.0, 0.005], [0.0, 0.01, -0.02]]))
    clip_weights(layers, 0.01)
    torch.testing.assert_close(layers[0].weight.detach(), torch.tensor([[0.01, -0.01, 0.005], [0.0, 0.01, -0.01]]))
    assert max(p.abs().max().item() for p in layers.parameters()) <= 0.01 + 1e-9
    assert all(p.requires_grad for p in layers.parameters())


def test_spectral_norm_holds_the_largest_singular_value_at_1():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.ConvTranspose2d(3, 2, 3), nn.Flatten(), nn.Linear(128, 4))
    with torch.no_grad():
        network[0].weight.mul_(100)
    with_spectral_norm(network.train())
    for _ in range(100):
        network(torch.randn(1, 2, 8, 8))
    for layer in (network[0], network[4]):
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.01)
    transposed = network[2].weight.transpose(0, 1).flatten(1)  # whose first dimension are the inputs
    assert torch.linalg.matrix_norm(transposed, 2).item() == pytest.approx(1, abs=0.01)
