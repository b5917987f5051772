"""The two losses against their formulas, and what the discriminator is shown."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from condgen import config
from condgen.data.labelled_images import Batch
from condgen.errors import UserError
from condgen.tasks.ali.networks import PosteriorForm
from condgen.tasks.ali.task import ALI, Config

SMALL = {"image_channels": 1, "latent_size": 2, "width": 2}


class Recorder(nn.Module):
    """In the discriminator's place: gives fixed logits and keeps what it saw."""

    def __init__(self, logits: list[float]):
        super().__init__()
        self.logits, self.seen = torch.tensor(logits)[:, None], []

    def forward(self, *shown):
        self.seen.append(shown)
        return self.logits


def batch(size: int = 2) -> Batch:
    return Batch(image=torch.rand(size, 1, 32, 32) * 2 - 1, label=torch.arange(size) % 2)


@pytest.fixture
def ali() -> ALI:
    torch.manual_seed(0)
    task = ALI(Config(**SMALL, classes=["a", "b"]))
    task.discriminator = Recorder([0.5, -1.0, 2.0, 3.0])  # two real pairs, two fake ones
    return task


def test_losses_are_those_of_the_paper(ali):
    real, fake = torch.tensor([0.5, -1.0]), torch.tensor([2.0, 3.0])
    one = batch()
    generator = ali.generator_loss(one)["adversarial"]
    discriminator = ali.discriminator_loss(one)["adversarial"]
    # algorithm 1: L_g = -E log(1 - rho_q) - E log rho_p;  L_d = -E log rho_q - E log(1 - rho_p)
    expected = -torch.log(1 - torch.sigmoid(real)).mean() - torch.log(torch.sigmoid(fake)).mean()
    torch.testing.assert_close(generator, expected)
    expected = -torch.log(torch.sigmoid(real)).mean() - torch.log(1 - torch.sigmoid(fake)).mean()
    torch.testing.assert_close(discriminator, expected)


def test_the_discriminator_sees_pictures_with_encodings_then_decodings_with_noise(ali):
    one = batch()
    ali.generator_loss(one)
    images, latent, condition = ali.discriminator.seen[0]
    assert torch.equal(images[:2], one.image)
    assert images.shape == (4, 1, 32, 32)
    assert latent.shape == (4, 2)
    assert torch.equal(condition.vector, torch.tensor([[1.0, 0.0], [0.0, 1.0]] * 2))


def test_both_turns_of_an_iteration_are_about_the_same_pairs(ali):
    one, other = batch(), batch()
    ali.generator_loss(one)
    ali.discriminator_loss(one)
    ali.discriminator_loss(other)
    (first, latent, _), (second, latent_again, _), (third, _, _) = ali.discriminator.seen
    assert torch.equal(first, second)
    assert torch.equal(latent, latent_again)
    assert not torch.equal(first, third)
    assert not second.requires_grad
    assert not latent_again.requires_grad


def test_without_classes_nobody_is_told_the_label():
    task = ALI(Config(**SMALL))
    task.discriminator = Recorder([0.0] * 4)
    task.generator_loss(batch())
    assert task.discriminator.seen[0][2].vector is None


def test_the_cycle_loss_is_the_weighted_error_of_the_reconstruction():
    torch.manual_seed(0)
    task = ALI(Config(**SMALL, posterior=PosteriorForm.DETERMINISTIC, cycle_weight=3.0)).eval()
    one = batch()
    losses = task.generator_loss(one)
    condition = task.condition(one)
    reconstruction = task.generator.decoder(task.generator.encoder(one.image, condition).mean, condition)
    torch.testing.assert_close(losses["cycle"], 3 * F.l1_loss(reconstruction, one.image))
    losses["cycle"].backward()
    assert task.generator.encoder.output.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"model": {"image_channels": 2}}, "image_channels must be 1 or 3, got 2"),
        ({"model": {"classes": ["a"]}}, "classes must be two names or more"),
        ({"model": {"latent_size": 0}}, "latent_size and width must be 1 or more, got 0 and 32"),
        ({"model": {"dropout": 1.0}}, "dropout must lie in"),
        ({"model": {"cycle_weight": -1.0}}, "cycle_weight must not be negative"),
        ({"data": {"labels": 100}}, "data.labels leaves labels out"),
        ({"trainer": {"batch_size": 1}}, "2 pictures or more at a time"),
    ],
)
def test_what_makes_no_sense_is_said(wrong, said):
    with pytest.raises(UserError, match=said):
        config.resolve({"task": "ali", **wrong})
