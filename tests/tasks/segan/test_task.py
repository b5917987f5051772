from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from condgen import config as run_configs
from condgen.adversarial.objectives import ObjectiveName
from condgen.errors import UserError
from condgen.tasks.segan import example
from condgen.tasks.segan.data import Batch
from condgen.tasks.segan.networks import DiscriminatorNorm, Padding
from condgen.tasks.segan.spectral_loss import spectral_loss
from condgen.tasks.segan.task import SEGAN, Config, DiscriminatorConfig, GeneratorConfig

CLEAN, FAKE = 0.5, 0.2  # of every sample, which the judge below takes for its logit


class Enhancer(nn.Module):
    def __init__(self):
        super().__init__()
        self.level, self.calls = nn.Parameter(torch.tensor(FAKE)), 0

    def forward(self, noisy):
        self.calls += 1
        return self.level.expand_as(noisy)


class Judge(nn.Module):
    reference = None

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(1.0))

    def forward(self, sample, noisy):
        return self.factor * (sample.mean(2) + noisy.mean(2))


def game(**options):
    small = example.configs()["compact"]
    task = SEGAN(Config(window=2048, generator=small.generator, discriminator=small.discriminator, **options))
    task.generator = Enhancer()
    if task.config.adversarial_weight:
        task.discriminator = Judge()
    return task


def batch(length=2048):
    return Batch(noisy=torch.zeros(3, 1, length), clean=torch.full((3, 1, length), CLEAN))


def plain(losses):
    return {name: pytest.approx(value.item(), rel=1e-5) for name, value in losses.items()}


def test_losses_of_the_paper_by_hand():
    task, pairs = game(), batch()
    losses = task.generator_loss(pairs)
    assert plain(losses) == {"l1": 100 * (CLEAN - FAKE), "adversarial": (FAKE - 1) ** 2}
    sum(losses.values()).backward()
    assert task.generator.level.grad.item() == pytest.approx(-100 + 2 * (FAKE - 1), abs=1e-4)
    assert plain(task.discriminator_loss(pairs)) == {"adversarial": (CLEAN - 1) ** 2 + FAKE**2}


def test_weights_scale_their_losses_and_zero_leaves_them_out():
    losses = game(l1_weight=2.0, adversarial_weight=0.25).generator_loss(batch())
    assert plain(losses) == {"l1": 2 * (CLEAN - FAKE), "adversarial": 0.25 * (FAKE - 1) ** 2}
    task, pairs = game(l1_weight=0.0, adversarial_weight=0.0, spectral_weight=3.0), batch()
    wanted = 3 * spectral_loss(torch.full((3, 1, 2048), FAKE), pairs.clean).item()
    assert plain(task.generator_loss(pairs)) == {"spectral": wanted}


def test_a_relativistic_objective_gets_the_real_samples_by_hand():
    """-log sigmoid(f - E r) - log(1 - sigmoid(r - E f)), both log(1 + exp(0.5 - 0.2)) here."""
    losses = game(objective=ObjectiveName.RELATIVISTIC_AVERAGE).generator_loss(batch())
    assert plain(losses)["adversarial"] == 2 * math.log1p(math.exp(CLEAN - FAKE))


def test_the_generator_runs_once_for_both_turns_and_its_fakes_are_judged_without_gradients_to_it():
    task, pairs = game(), batch()
    assert [turn.player for turn in task.turns()] == ["generator", "discriminator"]
    for turn in task.turns():
        losses = turn.loss(pairs)
    assert task.generator.calls == 1
    sum(losses.values()).backward()
    assert task.generator.level.grad is None
    assert task.discriminator.factor.grad is not None
    task.finish_iteration()
    again = task.discriminator_loss(pairs)
    assert task.generator.calls == 2
    assert plain(again) == plain(losses)
    sum(again.values()).backward()
    assert task.generator.level.grad is None


def test_the_lead_of_the_discriminator_is_observed():
    task = game()
    task.discriminator_loss(batch())
    assert task.observations.keys() == {"lead"}


def test_players():
    for config, players in ((Config(), ("generator", "discriminator")), (Config(adversarial_weight=0), ("generator",))):
        assert SEGAN.players(config) == players
    task = game(adversarial_weight=0)
    assert [turn.player for turn in task.turns()] == ["generator"]
    assert dict(task.named_children()).keys() == {"generator"}


def test_the_defaults_are_the_papers():
    config = Config()
    assert (config.sample_rate, config.window, config.pre_emphasis, config.l1_weight) == (16000, 16384, 0.95, 100)
    assert config.objective is ObjectiveName.LEAST_SQUARES
    assert config.generator == GeneratorConfig(stride=2, kernel_size=31, noise_channels=1024)
    assert config.discriminator.norm is DiscriminatorNorm.VIRTUAL_BATCH


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: GeneratorConfig(channels=[]), "channels must be a list"),
        (lambda: GeneratorConfig(channels=[4, 0]), "channels must be a list"),
        (lambda: DiscriminatorConfig(stride=1), "stride must be 2 or more"),
        (lambda: GeneratorConfig(kernel_size=3, stride=4), "kernel_size at least that, got 4 and 3"),
        (lambda: GeneratorConfig(noise_channels=-1), "noise_channels must not be negative"),
        (lambda: DiscriminatorConfig(reference_size=0), "reference_size must be 1 or more"),
        (lambda: DiscriminatorConfig(phase_shift=-1), "phase_shift not negative"),
        (lambda: Config(sample_rate=16), "sample_rate must be 1000 or more"),
        (lambda: Config(pre_emphasis=1.0), "pre_emphasis must lie in"),
        (lambda: Config(l1_weight=-1.0), "l1_weight must not be negative"),
        (lambda: Config(adversarial_weight=float("inf")), "adversarial_weight must not be negative"),
        (lambda: Config(adversarial_weight=float("nan")), "adversarial_weight must not be negative"),
        (lambda: Config(l1_weight=0.0), "nothing ties the output"),
        (lambda: Config(window=16000), "window 16000 is not a multiple of the generator's reduction 2048"),
        (
            lambda: Config(window=64, generator=GeneratorConfig(channels=[4, 4])),
            "window 64 is not a multiple of the discriminator's reduction 2048",
        ),
        (
            lambda: Config(window=8192, generator=GeneratorConfig(padding=Padding.REFLECT)),
            "window 8192 is too short for the generator's padding",
        ),
        (
            lambda: Config(
                window=1024, spectral_weight=1.0, generator=GeneratorConfig(channels=[4]), adversarial_weight=0
            ),
            "spectral_weight needs a window above 1024, got 1024",
        ),
    ],
)
def test_contradictions_are_refused_in_one_line(build, says):
    with pytest.raises(ValueError, match=says) as refused:
        build()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("tree", "says"),
    [
        ({"trainer": {"batch_size": 8}}, "reference_size 16 is taken from the first batch, which has 8 samples"),
        ({"trainer": {"batch_size": 32, "micro_batches": 4}}, "which has 8 samples"),
        ({"model": {"objective": "wasserstein"}}, "optimizers.discriminator.weight_clip"),
        ({"model": {"objective": "energy_based"}}, "this discriminator gives logits"),
        (
            {"model": {"objective": "relativistic_average"}, "trainer": {"batch_size": 32, "micro_batches": 2}},
            "set trainer.micro_batches=1",
        ),
    ],
)
def test_a_run_that_cannot_play_is_refused(tree, says):
    with pytest.raises(UserError, match=says) as refused:
        run_configs.resolve({"task": "segan", **tree})
    assert "\n" not in str(refused.value)


def test_runs_that_can():
    alone = {"model": {"adversarial_weight": 0.0}, "trainer": {"batch_size": 2}}
    assert run_configs.resolve({"task": "segan", **alone}).optimizers.keys() == {"generator"}
    clipped = {"model": {"objective": "wasserstein"}, "optimizers": {"discriminator": {"weight_clip": 0.01}}}
    assert run_configs.resolve({"task": "segan", **clipped}).optimizers.keys() == {"generator", "discriminator"}


def test_the_reference_is_of_the_first_batch_for_good_and_comes_back_after_a_resume():
    torch.manual_seed(0)
    config = example.configs()["paper"]
    task, first, second = SEGAN(config), example.batch(config), example.batch(config)
    task.generator_loss(first)
    reference = torch.cat([first.clean, first.noisy], dim=1)[: config.discriminator.reference_size]
    assert torch.equal(task.discriminator.reference.samples, reference)
    task.discriminator_loss(second)
    assert torch.equal(task.discriminator.reference.samples, reference)

    resumed = SEGAN(config)
    resumed.load_saved_state(task.saved_state())
    losses = resumed.discriminator_loss(second)
    assert torch.equal(resumed.discriminator.reference.samples, reference)
    assert losses["adversarial"].isfinite()
