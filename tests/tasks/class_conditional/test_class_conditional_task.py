from __future__ import annotations

import math

import pytest
import torch

from condgen.adversarial.objectives import ObjectiveName
from condgen.config import resolve
from condgen.errors import UserError
from condgen.tasks.class_conditional import example
from condgen.tasks.class_conditional.config import CodesConfig, Config, DiscriminatorConfig, Penalty
from condgen.tasks.class_conditional.discriminator import Judging
from condgen.tasks.class_conditional.networks import DiscriminatorNorm
from condgen.tasks.class_conditional.task import ClassConditional


def test_the_generator_plays_first_and_its_fakes_serve_the_discriminator():
    config = example.config()
    task, batch = ClassConditional(config), example.batch(config)
    assert [turn.player for turn in task.turns()] == ["generator", "discriminator"]
    task.generator_loss(batch)
    fake, _ = task.handed_over(batch)
    assert not fake.requires_grad
    task.discriminator_loss(batch)
    assert task.handed_over(batch)[0] is fake
    task.finish_iteration()
    assert task.handed_over(batch) is None


def test_a_critic_of_several_steps_plays_first():
    config = example.config(objective=ObjectiveName.WASSERSTEIN, critic_steps=5)
    turns = ClassConditional(config).turns()
    assert [(turn.player, turn.repeats) for turn in turns] == [("discriminator", 5), ("generator", 1)]


def test_the_penalty_sees_the_fakes_that_were_judged():
    config = example.config(penalty=Penalty.WGAN_GP, norm=DiscriminatorNorm.NONE)
    task, batch = ClassConditional(config), example.batch(config)
    task.discriminator_loss(batch)
    fake, _ = task.handed_over(batch)
    task.penalty(batch)
    assert task.handed_over(batch)[0] is fake


def test_class_losses_by_hand():
    """With a classifier that knows nothing both are log K: the generator's once, the discriminator's twice."""
    config = example.config(judging=Judging.AUXILIARY_CLASSIFIER)
    task, batch = ClassConditional(config), example.batch(config)
    torch.nn.init.zeros_(task.discriminator.label.classify.weight)
    torch.nn.init.zeros_(task.discriminator.label.classify.bias)
    assert task.generator_loss(batch)["class"].item() == pytest.approx(math.log(2))
    assert task.discriminator_loss(batch)["class"].item() == pytest.approx(2 * math.log(2))


def test_both_players_raise_the_bound_on_the_codes():
    config = example.config(codes=CodesConfig(categorical=[2], continuous=1, weight=3.0))
    task, batch = ClassConditional(config), example.batch(config)
    first, second = task.generator_loss(batch)["codes"], task.discriminator_loss(batch)["codes"]
    torch.testing.assert_close(first, second)
    assert first.item() > -3 * (math.log(2) + math.log(2))
    first.backward()
    assert any(parameter.grad.any() for parameter in task.generator.parameters())
    assert task.discriminator.code.predict.weight.grad.any()


def test_the_balance_of_boundary_equilibrium_moves_once_an_iteration():
    config = example.config(objective=ObjectiveName.BOUNDARY_EQUILIBRIUM)
    task, batch = ClassConditional(config), example.batch(config)
    task.generator_loss(batch)
    task.discriminator_loss(batch)
    assert task.objective.balance == 0
    task.finish_iteration()
    real, fake = (energies.float().mean() for energies in task._energies)
    wanted = (config.balance_rate * (config.ratio * real - fake)).clamp(0, 1)
    torch.testing.assert_close(task.objective.balance, wanted)
    assert {"balance", "convergence"} <= task.observations.keys()


def test_a_semi_supervised_generator_is_told_no_label():
    config = example.config(judging=Judging.CLASSES_AND_FAKE)
    task, batch = ClassConditional(config), example.batch(config)
    assert not task.condition(batch).parts()
    assert task.inference == ("generator", "discriminator")
    assert task.generator_loss(batch).keys() == {"features"}


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: Config(size=30), "size must be one of 28, 32, 64"),
        (lambda: Config(classes=["a", "a"]), "each once"),
        (lambda: Config(discriminator=DiscriminatorConfig(judging=Judging.CONCAT)), "needs the names of the labels"),
        (lambda: example.config(objective=ObjectiveName.ENERGY_BASED, judging=Judging.CONCAT), "has energies"),
        (
            lambda: example.config(objective=ObjectiveName.ENERGY_BASED, penalty=Penalty.R1),
            "takes no minibatch_kernels",
        ),
        (
            lambda: example.config(objective=ObjectiveName.HINGE, judging=Judging.CLASSES_AND_FAKE),
            "set objective=non_saturating",
        ),
        (lambda: example.config(penalty=Penalty.WGAN_GP), "judged alone: use norm none or spectral"),
        (lambda: Config(objective=ObjectiveName.TASK_SPECIFIC, pi=2.0), "pi must lie"),
        (lambda: Config(objective=ObjectiveName.ENERGY_BASED, margin=-1.0), "margin"),
        (lambda: Config(objective=ObjectiveName.BOUNDARY_EQUILIBRIUM, balance_rate=float("nan")), "rate"),
        (lambda: Config(penalty_weight=float("nan")), "penalty_weight"),
        (lambda: CodesConfig(categorical=[10], weight=0.0), "weight of the codes"),
        (lambda: Config(codes=CodesConfig(categorical=[1])), "2 categories or more"),
        (lambda: DiscriminatorConfig(dropout=1.0), "dropout must lie in"),
        (lambda: DiscriminatorConfig(energy_power=3), "energy_power must be 1 or 2"),
    ],
)
def test_contradictions_are_refused_in_one_line(build, says):
    with pytest.raises(ValueError, match=says) as refused:
        build()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model": {"objective": "wasserstein"}}, "weight_clip, e.g. 0.01"),
        ({"model": {"discriminator": {"norm": "virtual_batch"}}}, "reference_size 64 is taken from the first batch"),
        (
            {"model": {"classes": ["a", "b"], "discriminator": {"judging": "classes_and_fake"}}},
            "in data.labels, e.g. 100",
        ),
        ({"data": {"labels": 100}}, "only judging classes_and_fake can do without"),
    ],
)
def test_runs_that_contradict_themselves(change, says):
    with pytest.raises(UserError, match=says):
        resolve({"task": "class_conditional", "trainer": {"batch_size": 16}, **change})
