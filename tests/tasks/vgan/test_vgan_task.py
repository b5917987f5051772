from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from condgen.adversarial.objectives import ObjectiveName
from condgen.config import resolve
from condgen.errors import UserError
from condgen.networks.blocks import Norm
from condgen.tasks.vgan import example
from condgen.tasks.vgan.config import Config
from condgen.tasks.vgan.task import Vgan


def made(**options):
    torch.manual_seed(0)
    config = example.config(**options)
    return Vgan(config), example.batch(config)


def with_logit(task: Vgan, value: float) -> None:
    """Makes the discriminator say the same of every clip."""
    nn.init.zeros_(task.discriminator.judge.weight)
    with torch.no_grad():
        task.discriminator.judge.bias.copy_(torch.tensor([value, 0.0]))


def with_grey(task: Vgan) -> None:
    """Makes the generator's two streams 0 and its mask 1/2 everywhere."""
    for last in (task.generator.streams.still[-1], task.generator.streams.moving[-1]):
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)


def test_losses_by_hand():
    """At logit x: -log sigmoid(x) and -log(1 - sigmoid(x)), and a tenth of the mask's mean."""
    task, batch = made()
    with_logit(task, 0.7)
    with_grey(task)
    accept, reject = math.log(1 + math.exp(-0.7)), math.log(1 + math.exp(0.7))
    losses = task.generator_loss(batch)
    assert losses.keys() == {"adversarial", "mask"}
    assert losses["adversarial"].item() == pytest.approx(accept)
    assert losses["mask"].item() == pytest.approx(0.1 * 0.5)
    losses = task.discriminator_loss(batch)
    assert losses["adversarial"].item() == pytest.approx(accept + reject)


def test_the_first_frame_is_held_to_the_given_one():
    task, batch = made(first_frame=True)
    with_grey(task)
    losses = task.generator_loss(batch)
    assert losses.keys() == {"adversarial", "first_frame"}
    assert losses["first_frame"].item() == pytest.approx(10 * batch.clip[:, :, 0].abs().mean().item(), rel=1e-5)
    seen = []
    task.generator.register_forward_hook(lambda _, arguments, __: seen.append(arguments[0]))
    task.generator_loss(batch)
    assert torch.equal(seen[0], batch.clip[:, :, 0])


def test_fakes_are_made_once():
    task, batch = made()
    calls = []
    task.generator.register_forward_hook(lambda *_: calls.append(1))
    task.generator_loss(batch)
    assert not task.handed_over(batch).requires_grad
    task.discriminator_loss(batch)
    assert len(calls) == 1
    assert {"lead", "diversity"} <= task.observations.keys()
    task.finish_iteration()
    task.discriminator_loss(batch)
    assert len(calls) == 2


@pytest.mark.parametrize(("norm", "passes"), [(Norm.BATCH, [4, 4]), (Norm.NONE, [8])])
def test_real_and_fake_clips_are_joined_where_each_is_judged_alone(norm, passes):
    task, batch = made(norm=norm)
    sizes = []
    task.discriminator.register_forward_hook(lambda _, arguments, __: sizes.append(len(arguments[0])))
    task.hand_over(batch, torch.zeros_like(batch.clip))
    task.discriminator_loss(batch)
    assert sizes == passes


def test_the_penalty_is_the_slope_at_real_clips():
    """A discriminator whose logit is 3 times the first value: gamma / 2 * 9."""
    task, batch = made(norm=Norm.NONE, r1_weight=0.5)

    class First(nn.Module):
        def forward(self, clip):
            return 3 * clip[:, 0, 0, 0, 0]

    task.discriminator = First()
    assert task.penalty(batch)["r1"].item() == pytest.approx(0.5 / 2 * 9)
    assert [turn.penalty for turn in task.turns()] == [None, task.penalty]
    assert [turn.penalty for turn in made()[0].turns()] == [None, None]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": 20}, "frames must be a multiple of 16"),
        ({"mask_weight": -1.0}, "mask_weight must not be negative"),
        ({"r1_weight": 1.0}, "takes each clip to be judged alone"),
        ({"r1_every": 0}, "r1_every must be 1 or more"),
        ({"objective": ObjectiveName.ENERGY_BASED}, "judges energies"),
    ],
)
def test_values_that_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Config(**change)


def test_contradictions_are_said_when_the_config_is_read():
    with pytest.raises(UserError, match="needs a discriminator of bounded slope"):
        resolve({"task": "vgan"}, ["model.objective=wasserstein"])
    with pytest.raises(UserError, match="width must be 1 or more"):
        resolve({"task": "vgan"}, ["model.generator.width=0"])
    assert list(resolve({"task": "vgan"}).optimizers) == ["generator", "discriminator"]
