from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from condgen.adversarial.objectives import ObjectiveName
from condgen.conditioning.condition import Condition
from condgen.conditioning.sentence import interpolated
from condgen.config import resolve
from condgen.errors import UserError
from condgen.tasks.gan_cls import example
from condgen.tasks.gan_cls.config import Config
from condgen.tasks.gan_cls.networks import Drawn
from condgen.tasks.gan_cls.task import GanCls


def made(**options) -> tuple[GanCls, object]:
    torch.manual_seed(0)
    config = example.config(**options)
    return GanCls(config), example.batch(config)


def with_logit(task: GanCls, value: float) -> None:
    """Makes the discriminator say the same of every pair."""
    last = task.judge.judge.layers[-1]
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.constant_(last.bias, value)


def test_losses_by_hand():
    """At logit x: -log sigmoid(x) for real and drawn pairs, -log(1 - sigmoid(x)) for those to be rejected."""
    task, batch = made()
    with_logit(task, 0.7)
    accept, reject = math.log(1 + math.exp(-0.7)), math.log(1 + math.exp(0.7))
    losses = task.generator_loss(batch)
    # 4 sentences and 2 between them, in one mean
    assert losses["adversarial"].item() == pytest.approx(4 / 6 * accept)
    assert losses["interpolated"].item() == pytest.approx(2 / 6 * accept)
    losses = task.discriminator_loss(batch)
    assert losses.keys() == {"adversarial", "wrong_text"}
    for loss in losses.values():
        assert loss.item() == pytest.approx((accept + reject) / 2)


def test_without_wrong_pairs_and_sentences_between_it_is_a_plain_game():
    task, batch = made(wrong_weight=0.0, interpolation_weight=0.0)
    with_logit(task, 0.0)
    assert task.generator_loss(batch)["adversarial"].item() == pytest.approx(math.log(2))
    heard = []
    task.discriminator.judge.register_forward_hook(lambda _, arguments, __: heard.append(arguments[1].vector))
    task.discriminator_loss(batch)
    assert all(torch.equal(vector, batch.text) for vector in heard)
    assert len(heard) == 2
    assert "right_above_wrong" not in task.observations


def test_what_the_generator_draws_and_hands_over():
    task, batch = made()
    told = []
    task.generator.register_forward_hook(lambda _, arguments, __: told.append(arguments[1].vector))
    task.generator_loss(batch)
    assert torch.equal(told[0], torch.cat([batch.text, interpolated(batch.text)]))
    fake = task.handed_over(batch)
    assert fake.shape == batch.image.shape
    assert not fake.requires_grad
    task.discriminator_loss(batch)
    assert len(told) == 1  # the fakes were not drawn anew
    assert {"lead", "diversity", "right_above_wrong"} <= task.observations.keys()


def test_the_discriminator_sees_right_wrong_and_fake_pairs_apart():
    task, batch = made()
    pictures, pairs = [], []
    task.discriminator.trunk.register_forward_hook(lambda _, arguments, __: pictures.append(arguments[0]))
    task.discriminator.judge.register_forward_hook(lambda _, arguments, __: pairs.append(arguments))
    task.discriminator_loss(batch)
    assert torch.equal(pictures[0], batch.image)
    assert len(pictures) == 2  # the real ones once, for both sentences
    (right, wrong, fake) = pairs
    assert right[0] is wrong[0]
    assert torch.equal(right[1].vector, batch.text)
    assert torch.equal(wrong[1].vector, batch.wrong_text)
    assert torch.equal(fake[1].vector, batch.text)


def test_the_divergence_is_a_loss_where_codes_are_drawn():
    task, batch = made(augmented=True)
    assert task.generator_loss(batch)["divergence"].item() > 0
    task, batch = made()
    assert "divergence" not in task.generator_loss(batch)


def test_a_trained_encoder_moves_with_the_discriminator_alone():
    task, batch = made(text_trained=True)
    generator, discriminator = task.turns()
    assert generator.players == ("generator",)
    assert discriminator.players == ("discriminator", "text_encoder")
    sum(generator.loss(batch).values()).backward()
    assert all(parameter.grad is None for parameter in task.text_encoder.parameters())
    sum(discriminator.loss(batch).values()).backward()
    assert any(parameter.grad.any() for parameter in task.text_encoder.parameters())


def test_what_is_frozen_stays_in_evaluation_mode():
    task, _ = made()
    task.train()
    assert not task.text_encoder.training
    assert task.generator.training
    task, batch = made(second_stage=True)
    task.train()
    assert not task.generator.training
    assert task.second_generator.training
    before = {name: value.clone() for name, value in task.generator.state_dict().items()}
    task.generator_loss(batch)
    assert all(torch.equal(value, before[name]) for name, value in task.generator.state_dict().items())


def test_the_second_stage_mends_the_first_ones_pictures():
    task, batch = made(second_stage=True, interpolation_weight=0.0)
    seen = []
    task.generator.register_forward_hook(lambda _, __, drawn: seen.append(drawn.image))
    task.second_generator.register_forward_hook(lambda _, arguments, __: seen.append(arguments[0]))
    drawn = task.draw(Condition(vector=batch.text))
    assert isinstance(drawn, Drawn)
    assert drawn.image.shape == (4, 3, 256, 256)
    assert seen[0] is seen[1]
    assert not seen[0].requires_grad
    assert [turn.player for turn in task.turns()] == ["second_generator", "second_discriminator"]


def test_the_vocabulary_is_taken_over():
    task, _ = made()
    encoder = GanCls(example.config()).text_encoder
    encoder.learn_vocabulary(["a red triangle"])
    task.prepare(SimpleNamespace(text=SimpleNamespace(encoder=encoder)))
    assert task.text_encoder.unknown_words("a blue triangle") == ["blue"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wrong_weight": 1.5}, "wrong_weight must lie in"),
        ({"interpolation": -0.1}, "interpolation must lie in"),
        ({"interpolation_weight": -1.0}, "interpolation_weight must not be negative"),
        ({"objective": ObjectiveName.ENERGY_BASED}, "judges energies"),
    ],
)
def test_values_that_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(Config(), **change)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.objective=wasserstein"], "needs a discriminator of bounded slope"),
        (["trainer.micro_batches=16"], "needs two sentences or more"),
        (["model.second_stage.generator_width=8"], "needs a trained first stage"),
        (["model.second_stage.generator_width=8", "model.text_trained=true", "start_from=x"], "belongs to the first"),
        (["model.text_trained=true", "model.text.kind=transformers", "model.text.model=x/y"], "taken as it is"),
        (["model.generator.width=0"], "width must be 1 or more"),
    ],
)
def test_contradictions_are_said_when_the_config_is_read(overrides, message):
    with pytest.raises(UserError, match=message):
        resolve({"task": "gan_cls"}, overrides)


def test_a_second_stage_has_players_of_its_own():
    config = resolve(
        {"task": "gan_cls", "start_from": "x", "optimizers": {"second_generator": {"learning_rate": 2e-4}}},
        ["model.second_stage.generator_width=8"],
    )
    assert config.model.size == 256
    assert list(config.optimizers) == ["second_generator", "second_discriminator"]
