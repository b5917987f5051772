"""The losses of both games against their formulas, and what the discriminator is shown."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from condgen import config
from condgen.adversarial.objectives import ObjectiveName
from condgen.errors import UserError
from condgen.tasks.gaussian_mixture.data import Batch
from condgen.tasks.gaussian_mixture.task import Config, Game, GaussianMixture

SMALL = {"decoder_width": 4, "decoder_layers": 1, "encoder_width": 4, "discriminator_width": 4}
REAL, FAKE = torch.tensor([0.5, -1.0]), torch.tensor([2.0, 3.0])


class Judge(nn.Module):
    """In the discriminator's place: knows the real points, gives fixed logits, keeps what it saw."""

    def __init__(self, real: torch.Tensor):
        super().__init__()
        self.real, self.seen = real, []

    def forward(self, samples):
        self.seen.append(samples)
        given = iter(FAKE.tolist() * 2)
        known = {tuple(point): logit for point, logit in zip(self.real.tolist(), REAL.tolist(), strict=True)}
        logits = [known.get(tuple(sample[:2].tolist())) for sample in samples]
        return torch.tensor([next(given) if logit is None else logit for logit in logits])[:, None]


def build(**changes) -> tuple[GaussianMixture, Batch]:
    torch.manual_seed(0)
    batch = Batch(point=torch.randn(2, 2), mode=torch.tensor([0, 1]))
    task = GaussianMixture(Config(**{**SMALL, **changes}))
    task.discriminator = Judge(batch.point)
    return task, batch


def test_losses_of_the_gan():
    task, batch = build()
    generator = task.generator_loss(batch)["adversarial"]
    discriminator = task.discriminator_loss(batch)["adversarial"]
    torch.testing.assert_close(generator, -torch.log(torch.sigmoid(FAKE)).mean())
    expected = -torch.log(torch.sigmoid(REAL)).mean() - torch.log(1 - torch.sigmoid(FAKE)).mean()
    torch.testing.assert_close(discriminator, expected)


def test_losses_of_ali_exchange_the_labels():
    task, batch = build(game=Game.ALI)
    generator = task.generator_loss(batch)["adversarial"]
    discriminator = task.discriminator_loss(batch)["adversarial"]
    expected = -torch.log(1 - torch.sigmoid(REAL)).mean() - torch.log(torch.sigmoid(FAKE)).mean()
    torch.testing.assert_close(generator, expected)
    expected = -torch.log(torch.sigmoid(REAL)).mean() - torch.log(1 - torch.sigmoid(FAKE)).mean()
    torch.testing.assert_close(discriminator, expected)


def test_the_weight_pi_reaches_both_losses():
    task, batch = build(objective=ObjectiveName.TASK_SPECIFIC, pi=0.9)
    generator = task.generator_loss(batch)["adversarial"]
    discriminator = task.discriminator_loss(batch)["adversarial"]
    fake = torch.log(1 - torch.sigmoid(FAKE)).mean()
    torch.testing.assert_close(generator, 0.1 * fake)
    torch.testing.assert_close(discriminator, -0.9 * torch.log(torch.sigmoid(REAL)).mean() - 0.1 * fake)


def test_ali_shows_points_with_encodings_then_decodings_with_noise():
    task, batch = build(game=Game.ALI, latent_size=3)
    task.generator.eval()
    task.generator_loss(batch)
    task.discriminator_loss(batch)
    first, second = task.discriminator.seen
    assert first.shape == (4, 5)
    assert torch.equal(first[:2, :2], batch.point)
    torch.testing.assert_close(first[2:, :2], task.generator.decoder(first[2:, 2:]))
    assert torch.equal(first, second)  # the pairs of one iteration serve both turns
    assert not second.requires_grad


def test_the_encoder_draws_from_its_posterior():
    torch.manual_seed(0)
    encoder = GaussianMixture(Config(**SMALL, game=Game.ALI)).generator.encoder.eval()
    posterior = encoder(torch.randn(1, 2).expand(20_000, 2))
    drawn = posterior.rsample()
    torch.testing.assert_close(drawn.mean(0), posterior.mean[0], atol=0.05, rtol=0)
    torch.testing.assert_close(drawn.std(0), posterior.stddev[0], atol=0.05, rtol=0)


def test_with_minibatch_discrimination_real_and_fake_go_apart():
    task, batch = build(minibatch_kernels=3)
    task.discriminator_loss(batch)
    real, fake = task.discriminator.seen
    assert torch.equal(real, batch.point)
    assert fake.shape == real.shape


def test_an_affine_decoder_makes_one_gaussian():
    task, _ = build(decoder_layers=0)
    layer = task.generator.decoder.layers[-1]
    assert len(task.generator.decoder.layers) == 1
    points = task.generator.decoder(torch.randn(50_000, 2))
    torch.testing.assert_close(points.mean(0), layer.bias, atol=0.03, rtol=0)
    torch.testing.assert_close(points.T.cov(), layer.weight @ layer.weight.T, atol=0.03, rtol=0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"model": {"decoder_width": 0}}, "must be 1 or more"),
        ({"model": {"minibatch_kernels": -1}}, "must not be negative"),
        ({"model": {"pi": 1.0}}, "pi must lie in"),
        ({"model": {"game": "ali", "objective": "hinge"}}, "set objective=non_saturating"),
        ({"model": {"objective": "energy_based"}}, "this discriminator gives logits"),
        ({"model": {"objective": "wasserstein"}}, "needs a discriminator of bounded slope"),
        ({"trainer": {"batch_size": 1}}, "2 points or more at a time"),
    ],
)
def test_what_makes_no_sense_is_said(wrong, said):
    with pytest.raises(UserError, match=said):
        config.resolve({"task": "gaussian_mixture", **wrong})


def test_a_clipped_discriminator_may_play_wasserstein():
    clipped = {"optimizers": {"discriminator": {"weight_clip": 0.01}}, "model": {"objective": "wasserstein"}}
    assert config.resolve({"task": "gaussian_mixture", **clipped}).model.objective is ObjectiveName.WASSERSTEIN
