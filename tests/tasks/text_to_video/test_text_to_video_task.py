from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from condgen.adversarial.objectives import ObjectiveName
from condgen.config import resolve
from condgen.errors import UserError
from condgen.networks.blocks import Norm
from condgen.tasks.text_to_video import example
from condgen.tasks.text_to_video.config import Config
from condgen.tasks.text_to_video.task import TextToVideo


def made(change=None, **options):
    torch.manual_seed(0)
    config = example.config(**options)
    if change:
        config = type(config)(**{**vars(config), **change})
    return TextToVideo(config), example.batch(config)


def with_logit(task: TextToVideo, value: float) -> None:
    """Makes the discriminator say the same of every pair."""
    last = task.discriminator.judge.layers[-1]
    nn.init.zeros_(last.weight)
    nn.init.constant_(last.bias, value)


def with_grey(task: TextToVideo) -> None:
    """Makes gists and both streams 0 and the mask 1/2 everywhere, and the posterior the prior."""
    heads = [task.generator.streams.still[-1], task.generator.streams.moving[-1]]
    if task.config.gist:
        heads += [task.generator.gist.paint[-1], task.gist_encoder.mean_and_log_variance]
    for last in heads:
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)


def test_losses_by_hand():
    """With grey fakes, logits 0.7 and a posterior N(1, 1): the first two of four are made from the true gist's code."""
    task, batch = made({"reconstruction_weight": 0.2, "gist_weight": 2.0, "divergence_weight": 3.0})
    with_logit(task, 0.7)
    with_grey(task)
    with torch.no_grad():
        task.gist_encoder.mean_and_log_variance.bias[:3] = 1.0
    accept, reject = math.log(1 + math.exp(-0.7)), math.log(1 + math.exp(0.7))
    losses = {name: loss.item() for name, loss in task.generator_loss(batch).items()}
    tied = batch.clip[:2]
    assert losses == pytest.approx(
        {
            "adversarial": accept,
            "gist": 2 * tied[:, :, 0].square().mean().item(),
            "divergence": 2 * 3 * 1.5 / (3 * 16 * 16),
            "reconstruction": 0.2 * tied.abs().mean().item(),
            "mask": 0.1 * 0.5,
        },
        rel=1e-5,
    )
    losses = task.discriminator_loss(batch)
    assert losses.keys() == {"adversarial", "wrong_text"}
    for loss in losses.values():
        assert loss.item() == pytest.approx((accept + reject) / 2)


def test_gist_codes_come_from_the_posterior_and_from_the_prior():
    task, batch = made()
    with_grey(task)
    with torch.no_grad():  # N(5, e^-20)
        task.gist_encoder.mean_and_log_variance.bias.copy_(torch.tensor([5.0] * 3 + [-20.0] * 3))
    codes, frames = [], []
    task.generator.register_forward_hook(lambda _, arguments, __: codes.append(arguments[0].gist))
    task.gist_encoder.register_forward_hook(lambda _, arguments, __: frames.append(arguments[0]))
    task.generator_loss(batch)
    torch.testing.assert_close(codes[0][:2], torch.full((2, 3), 5.0), atol=1e-3, rtol=0)
    assert codes[0][2:].max() < 4
    assert torch.equal(frames[0], batch.clip[:2, :, 0])


@pytest.mark.parametrize(("share", "batch_size", "tied"), [(0.0, 4, 4), (0.5, 4, 2), (0.5, 3, 2), (0.9, 1, 1)])
def test_how_many_are_tied_to_true_clips(share, batch_size, tied):
    task, _ = made({"prior_share": share})
    assert task.tied(example.batch(task.config, batch_size)) == tied


@pytest.mark.parametrize(
    ("options", "moved", "losses"),
    [
        ({}, ["generator", "gist_encoder"], {"adversarial", "gist", "divergence", "reconstruction", "mask"}),
        (
            {"text_filter": False},
            ["generator", "gist_encoder"],
            {"adversarial", "gist", "divergence", "reconstruction", "mask"},
        ),
        ({"gist": False, "text_filter": False}, ["generator"], {"adversarial", "mask"}),
    ],
    ids=["t2v", "gt2v", "pt2v"],
)
def test_ablations_are_configs(options, moved, losses):
    task, batch = made(**options)
    generator, discriminator = task.turns()
    assert list(generator.players) == moved
    assert discriminator.players == ("discriminator",)
    assert task.players(task.config) == (*moved, "discriminator")
    assert generator.loss(batch).keys() == losses


def test_without_wrong_pairs_it_is_a_plain_game():
    task, batch = made(gist=False, text_filter=False, wrong_weight=0.0)
    with_logit(task, 0.0)
    assert task.discriminator_loss(batch)["adversarial"].item() == pytest.approx(2 * math.log(2))
    assert "right_above_wrong" not in task.observations


def test_the_discriminator_sees_right_wrong_and_fake_pairs():
    task, batch = made()
    clips, pairs = [], []
    task.discriminator.trunk.register_forward_hook(lambda _, arguments, __: clips.append(arguments[0]))
    task.discriminator.judge.register_forward_hook(lambda _, arguments, __: pairs.append(arguments))
    task.generator_loss(batch)
    fake = task.handed_over(batch)
    clips.clear()
    pairs.clear()
    task.discriminator_loss(batch)
    assert len(clips) == 2
    assert torch.equal(clips[0], batch.clip)
    assert torch.equal(clips[1], fake)
    right, wrong, drawn = pairs
    assert right[0] is wrong[0]
    for pair, text in ((right, batch.text), (wrong, batch.wrong_text), (drawn, batch.text)):
        assert torch.equal(pair[1].vector, text)
    assert {"lead", "diversity", "right_above_wrong"} <= task.observations.keys()


def test_joined_clips_are_judged_as_apart():
    task, batch = made(norm=Norm.NONE)
    fake = torch.randn_like(batch.clip)
    apart = task.discriminator.trunk(batch.clip), task.discriminator.trunk(fake)
    for joined, one in zip(task._features(batch.clip, fake), apart, strict=True):
        torch.testing.assert_close(joined, one, atol=1e-5, rtol=1e-5)


def test_a_trained_encoder_moves_with_the_discriminator_alone():
    task, batch = made(text_trained=True)
    generator, discriminator = task.turns()
    assert discriminator.players == ("discriminator", "text_encoder")
    sum(generator.loss(batch).values()).backward()
    assert all(parameter.grad is None for parameter in task.text_encoder.parameters())
    sum(discriminator.loss(batch).values()).backward()
    assert any(parameter.grad.any() for parameter in task.text_encoder.parameters())
    assert task.train().text_encoder.training
    assert not made()[0].train().text_encoder.training


def test_the_penalty_of_a_trained_encoder_is_computed_in_either_precision():
    task, batch = made(norm=Norm.NONE, r1_weight=0.5, text_trained=True)
    full = task.penalty(batch)["r1"].item()
    with torch.autocast("cpu", torch.bfloat16):
        assert task.penalty(batch)["r1"].item() == pytest.approx(full, rel=0.05)


def test_clips_are_reconstructed_before_any_is_judged():
    weights = {"gist_weight": 2.0, "background_weight": 3.0}
    task, batch = made({"reconstruction_alone": True, "reconstruction_squared": True, **weights})
    with_grey(task)
    with torch.no_grad():
        task.gist_encoder.mean_and_log_variance.bias[:3] = 1.0
    (turn,) = task.turns()
    assert turn.players == ("generator", "gist_encoder")
    assert task.players(task.config) == turn.players
    assert {name: loss.item() for name, loss in turn.loss(batch).items()} == pytest.approx(
        {
            "gist": 2 * batch.clip[:, :, 0].square().mean().item(),
            "divergence": 2 * 1.5 / (3 * 16 * 16),
            "reconstruction": 0.1 * batch.clip.square().mean().item(),
            "background": 3 * batch.clip.sort(dim=2).values[:, :, 7].square().mean().item(),  # the eighth of 16
            "mask": 0.1 * 0.5,
        }
    )
    with pytest.raises(ValueError, match="reconstruction_alone needs a gist"):
        made({"reconstruction_alone": True}, text_trained=True)


def test_the_penalty_is_the_slope_at_real_pairs():
    task, batch = made(norm=Norm.NONE, r1_weight=0.5)

    class First(nn.Module):
        def forward(self, clip, condition):
            return 3 * clip[:, 0, 0, 0, 0] + condition.vector.sum(1)

    task.discriminator = First()
    assert task.penalty(batch)["r1"].item() == pytest.approx(0.5 / 2 * 9)
    assert [turn.penalty for turn in task.turns()] == [None, task.penalty]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 40}, "size must be a multiple of 16"),
        ({"wrong_weight": 1.5}, "wrong_weight must lie in"),
        ({"prior_share": 1.0}, "prior_share must lie in"),
        ({"gist_weight": -1.0}, "gist_weight must not be negative"),
        ({"gist": False}, "filters the gist, and there is none"),
        ({"r1_weight": 1.0}, "takes each clip to be judged alone"),
        ({"objective": ObjectiveName.ENERGY_BASED}, "judges energies"),
    ],
)
def test_values_that_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Config(**change)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.objective=wasserstein"], "needs a discriminator of bounded slope"),
        (["model.reader.kernel=4"], "kernel must be odd"),
        (["model.streams.width=0"], "width must be 1 or more"),
        (["model.text.kind=word_vectors", "model.text_trained=true"], "taken as it is"),
    ],
)
def test_contradictions_are_said_when_the_config_is_read(overrides, message):
    with pytest.raises(UserError, match=message):
        resolve({"task": "text_to_video"}, overrides)
