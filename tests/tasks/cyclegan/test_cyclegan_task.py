"""The losses of CycleGAN in closed form, and what its config refuses."""

import pytest
import torch
from torch import nn

from condgen import tasks
from condgen.config import resolve
from condgen.data.pairs import Domain
from condgen.errors import UserError
from condgen.networks.translation import DiscriminatorConfig, GeneratorConfig
from condgen.tasks.cyclegan.data import Batch
from condgen.tasks.cyclegan.task import Config, CycleGAN, Direction


class Plus(nn.Module):
    """A generator that adds a constant."""

    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(float(value)))

    def forward(self, sample):
        return sample + self.value


class Level(nn.Module):
    """A discriminator whose one logit is the mean of the sample, times a factor."""

    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, sample):
        return self.factor * sample.mean((1, 2, 3), keepdim=True)

    def feature_maps(self, sample):
        return [2 * sample, self(sample)]


def game(**settings) -> CycleGAN:
    task = CycleGAN(Config(crop=16, generator=GeneratorConfig(channels=2, blocks=0), pool=0, **settings))
    task.generator = nn.ModuleDict({"a2b": Plus(0.5), "b2a": Plus(-0.25)})
    task.discriminator = nn.ModuleDict({"a": Level(), "b": Level()})
    return task


def plain(a, b) -> Batch:
    return Batch(a=torch.full((1, 3, 16, 16), a), b=torch.full((1, 3, 16, 16), b))


def test_the_generators_losses_in_closed_form():
    """With a = 0, b = 1: fake b = 0.5, fake a = 0.75, both ways back add 0.25."""
    losses = game(feature_matching_weight=3.0).generator_loss(plain(0.0, 1.0))
    expected = {
        "adversarial_b": (0.5 - 1) ** 2,
        "adversarial_a": (0.75 - 1) ** 2,
        "cycle_a": 10 * 0.25,
        "cycle_b": 10 * 0.25,
        "identity_b": 0.5 * 10 * 0.5,
        "identity_a": 0.5 * 10 * 0.25,
        "feature_matching_a": 3 * 2 * 0.25,
        "feature_matching_b": 3 * 2 * 0.25,
    }
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        assert float(losses[name].detach()) == pytest.approx(value, abs=1e-6), name


def test_the_discriminators_losses_in_closed_form():
    """Half of (real - 1)^2 + fake^2, of the fakes that the generators handed over."""
    task, batch = game(), plain(0.0, 1.0)
    task.generator_loss(batch)
    losses = task.discriminator_loss(batch)
    assert float(losses["adversarial_a"].detach()) == pytest.approx(0.5 * ((0 - 1) ** 2 + 0.75**2))
    assert float(losses["adversarial_b"].detach()) == pytest.approx(0.5 * ((1 - 1) ** 2 + 0.5**2))
    assert float(task.observations["lead"]) == 0.5  # b's real is above its fake, a's below


def test_without_a_turn_of_the_generators_the_fakes_are_made_anew():
    task, batch = game(), plain(0.0, 1.0)
    losses = task.discriminator_loss(batch)
    assert float(losses["adversarial_b"].detach()) == pytest.approx(0.5 * 0.25)


def test_identity_in_one_pass_equals_two():
    torch.manual_seed(0)
    task = CycleGAN(Config(crop=16, generator=GeneratorConfig(channels=4, blocks=1), pool=0))
    a, b = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    fake, unchanged = task._translate(Direction.A2B, a, b)
    torch.testing.assert_close(fake, task.generator["a2b"](a), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(unchanged, task.generator["a2b"](b), atol=1e-5, rtol=1e-5)


def test_the_discriminators_see_the_pools():
    """With a pool of one the first fake is stored; later ones are sometimes exchanged for it."""
    torch.manual_seed(0)
    settings = {"generator": GeneratorConfig(channels=2, blocks=0), "discriminator": DiscriminatorConfig(channels=2)}
    task = CycleGAN(Config(crop=32, pool=1, **settings))
    batch = Batch(a=torch.rand(1, 3, 32, 32), b=torch.rand(1, 3, 32, 32))
    task.generator_loss(batch)
    task.discriminator_loss(batch)
    assert int(task.pools[Domain.A].count) == int(task.pools[Domain.B].count) == 1
    assert task.pools[Domain.B].samples[0].shape == (3, 32, 32)


def test_directions():
    assert Direction.A2B.reverse is Direction.B2A
    assert (Direction.B2A.source, Direction.B2A.target) == (Domain.B, Domain.A)
    assert list(CycleGAN(Config(crop=16, directions=[Direction.B2A])).generator) == ["b2a"]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"directions": ["a2b"]}, "training needs both directions; the model has a2b alone"),
        ({"crop": 130}, "model.crop 130 must be a multiple of 4 for this generator"),
        ({"crop": 20}, "model.crop 20 is too small for this discriminator: 24 or more, or fewer layers"),
        ({"crop": 384}, "data.resize 286 is smaller than model.crop 384"),
        ({"channels_a": 1}, "identity_weight must be 0 where channels_a and channels_b differ"),
        ({"objective": "wasserstein"}, "objective wasserstein needs a discriminator of bounded slope"),
        ({"objective": "energy_based"}, "judges energies"),
        ({"generator": {"architecture": "unet"}, "crop": 128}, "multiple of 256 for this generator, or take fewer"),
        ({"medium": "audio", "crop": 64, "mel": {"mels": 78}}, "mel.mels 78 must be a multiple of 4"),
        ({"generator": {"dimensions": 1}}, "generator.dimensions must be 2 for pictures"),
        ({"pool": -1}, "pool must be 0 or more"),
        ({"directions": []}, "directions must be a2b, b2a or both"),
    ],
)
def test_contradictions_are_refused_when_the_config_is_read(model, message):
    with pytest.raises(UserError, match=message):
        resolve({"task": "cyclegan", "model": model})


def test_the_defaults_are_the_papers():
    config = resolve({"task": "cyclegan"}).model
    task = tasks.part("cyclegan", "task").TASK(config)
    assert sum(p.numel() for p in task.generator.parameters()) == 2 * 11_378_179
    assert sum(p.numel() for p in task.discriminator.parameters()) == 2 * 2_764_737
    assert (config.cycle_weight, config.identity_weight, config.pool) == (10, 0.5, 50)
