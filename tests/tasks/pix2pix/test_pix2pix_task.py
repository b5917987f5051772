"""The losses of pix2pix in closed form, and what its config refuses."""

import math

import pytest
import torch
from torch import nn

from condgen import tasks
from condgen.config import resolve
from condgen.errors import UserError
from condgen.networks.translation import Architecture, DiscriminatorConfig, GeneratorConfig
from condgen.tasks.pix2pix.data import Batch
from condgen.tasks.pix2pix.task import Config, Pix2Pix

UNET = GeneratorConfig(architecture=Architecture.UNET, channels=2, levels=2)


class Plus(nn.Module):
    def __init__(self):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(0.5))

    def forward(self, sample):
        return sample + self.value


class Difference(nn.Module):
    """One logit: the mean of the sample minus that of the condition."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(1.0))

    def forward(self, sample, condition):
        return self.factor * (sample - condition).mean((1, 2, 3), keepdim=True)

    def feature_maps(self, sample, condition):
        return [3 * sample, self(sample, condition)]


def game(**settings) -> Pix2Pix:
    task = Pix2Pix(Config(crop=16, generator=UNET, discriminator=DiscriminatorConfig(channels=2), **settings))
    task.generator, task.discriminator = Plus(), Difference()
    return task


BATCH = Batch(input=torch.zeros(1, 3, 16, 16), target=torch.full((1, 3, 16, 16), 0.75))


def test_the_generators_losses_in_closed_form():
    """Input 0, fake 0.5, target 0.75: the fake's logit is 0.5."""
    losses = game(feature_matching_weight=10.0).generator_loss(BATCH)
    assert float(losses["l1"].detach()) == pytest.approx(100 * 0.25)
    assert float(losses["adversarial"].detach()) == pytest.approx(math.log1p(math.exp(-0.5)))
    assert float(losses["feature_matching"].detach()) == pytest.approx(10 * 3 * 0.25)


def test_the_discriminators_loss_in_closed_form():
    """Half of softplus(-real) + softplus(fake), each judged beside its condition."""
    task = game()
    task.generator_loss(BATCH)
    expected = 0.5 * (math.log1p(math.exp(-0.75)) + math.log1p(math.exp(0.5)))
    assert float(task.discriminator_loss(BATCH)["adversarial"].detach()) == pytest.approx(expected)
    task.finish_iteration()
    assert float(task.discriminator_loss(BATCH)["adversarial"].detach()) == pytest.approx(expected)  # its own fake


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"crop": 128}, "model.crop 128 must be a multiple of 256 for this generator, or take fewer generator.levels"),
        ({"crop": 512}, "data.resize 286 is smaller than model.crop 512"),
        ({"input_channels": 2}, r"input_channels must be 1 \(grey\) or 3 \(RGB\), got 2"),
        ({"l1_weight": 0, "adversarial_weight": 0}, "nothing to learn"),
        ({"l1_weight": -1}, "l1_weight must not be negative"),
        ({"generator": {"levels": 1}}, "levels must be 2 or more"),
        ({"generator": {"dimensions": 1}}, "dimensions must be 2 for pictures"),
        ({"discriminator": {"scales": 0}}, "channels and scales must be 1 or more"),
    ],
)
def test_contradictions_are_refused_when_the_config_is_read(model, message):
    with pytest.raises(UserError, match=message):
        resolve({"task": "pix2pix", "model": model})


def test_the_defaults_are_the_papers():
    config = resolve({"task": "pix2pix"}).model
    task = tasks.part("pix2pix", "task").TASK(config)
    assert sum(p.numel() for p in task.generator.parameters()) == 54_413_955
    assert sum(p.numel() for p in task.discriminator.parameters()) == 2_768_705
    assert [type(part).__name__ for part in task.generator.up[7]].count("Dropout") == 0
    dropped = [level for level, part in enumerate(task.generator.up) if any(isinstance(p, nn.Dropout) for p in part)]
    assert dropped == [4, 5, 6]  # the three of full width next to the innermost
