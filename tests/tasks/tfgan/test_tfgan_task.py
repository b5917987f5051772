from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from condgen.config import resolve
from condgen.errors import UserError
from condgen.tasks.tfgan import example
from condgen.tasks.tfgan.task import Tfgan


def made(**options) -> tuple[Tfgan, object]:
    torch.manual_seed(0)
    config = example.config(**options)
    return Tfgan(config), example.batch(config)


def with_logit(judge, value: float) -> None:
    """Makes a discriminator say the same of every pair."""
    torch.nn.init.zeros_(judge.logit.weight)
    torch.nn.init.constant_(judge.logit.bias, value)


def test_losses_by_hand():
    """L_D = BCE(right, 1) + (BCE(wrong, 0) + BCE(fake, 0)) / 2, L_G = BCE(frames, 1) + BCE(clips, 1)."""
    task, batch = made()
    with_logit(task.frame_discriminator, 0.7)
    with_logit(task.clip_discriminator, -0.2)
    accept, reject = (lambda x: math.log(1 + math.exp(-x))), (lambda x: math.log(1 + math.exp(x)))
    losses = task.generator_loss(batch)
    assert losses["frames"].item() == pytest.approx(accept(0.7))
    assert losses["clips"].item() == pytest.approx(accept(-0.2))
    for loss, logit in ((task.frame_loss, 0.7), (task.clip_loss, -0.2)):
        losses = loss(batch)
        assert losses.keys() == {"adversarial", "wrong_text"}
        assert sum(losses.values()).item() == pytest.approx(accept(logit) + reject(logit))
    assert {"lead", "frame_lead", "diversity", "right_above_wrong"} <= task.observations.keys()


def test_without_wrong_sentences():
    task, batch = made(wrong_weight=0.0)
    assert task.clip_loss(batch).keys() == task.frame_loss(batch).keys() == {"adversarial"}
    assert "right_above_wrong" not in task.observations


@pytest.mark.parametrize("player", ["frame_discriminator", "clip_discriminator"])
@pytest.mark.parametrize("filters", [True, False])
def test_right_wrong_and_fake_pairs(player, filters):
    """Judged in one go, they are as each pair by itself."""
    task, batch = made(filters=filters)
    judge, frames = getattr(task, player), player == "frame_discriminator"
    fake = torch.tanh(torch.randn_like(batch.clip))
    tell = task._content if frames else task._motion
    show = (lambda clips: task._frames(clips).flatten(0, 1)) if frames else (lambda clips: clips)
    with torch.no_grad():
        both = tell(task._both(batch))
        _, right, wrong, judged = task._losses(judge, show(batch.clip), show(fake), both)
        own, other = (both[torch.arange(4) + start] for start in (0, 4))
        for found, clips, told in ((right, batch.clip, own), (wrong, batch.clip, other), (judged, fake, own)):
            torch.testing.assert_close(found, judge(show(clips), told), rtol=1e-4, atol=1e-5)
    assert len(right) == (16 if frames else 4)
    assert not torch.allclose(right, wrong)


def test_who_moves_what_reads_the_sentence():
    task, batch = made()
    generator, *discriminators = task.turns()
    assert generator.players == ("generator",)
    for turn in discriminators:
        assert turn.also == ("text_towers", "text_filters")
    sum(generator.loss(batch).values()).backward()
    reading = [*task.text_towers.parameters(), *task.text_filters.parameters()]
    assert all(parameter.grad is None for parameter in reading)
    assert not task.handed_over(batch).requires_grad
    for turn, own, other in zip(discriminators, ("content", "motion"), ("motion", "content"), strict=True):
        task.zero_grad()
        sum(turn.loss(batch).values()).backward()
        for part in (task.text_towers, task.text_filters):
            assert any(parameter.grad is not None for parameter in getattr(part, own).parameters())
            assert all(parameter.grad is None for parameter in getattr(part, other).parameters())
    task, _ = made(filters=False)
    assert task.turns()[1].also == ("text_towers",)


def test_the_fakes_are_drawn_once_an_iteration():
    task, batch = made()
    calls = []
    task.generator.register_forward_hook(lambda *_: calls.append(1))
    for turn in task.turns():
        turn.loss(batch)
    assert len(calls) == 1
    task.finish_iteration()
    task.clip_loss(batch)
    assert len(calls) == 2


def test_random_frames_of_each_clip():
    task, batch = made(frames_judged=2)
    clips = torch.arange(4.0)[None, None, :, None, None].expand(64, 3, 4, 32, 32)
    numbers = task._frames(clips)[:, :, 0, 0, 0]
    assert numbers.shape == (64, 2)
    assert (numbers[:, 0] != numbers[:, 1]).all()
    assert set(numbers.flatten().tolist()) == {0, 1, 2, 3}
    assert torch.equal(made()[0]._frames(batch.clip), batch.clip.transpose(1, 2))


def test_penalties_are_those_of_linear_judges():
    """10 E ||grad||^2, without 1/2; over the frames of a clip they add up, also of those that are not shown."""
    for frames_judged in (0, 2):
        task, batch = made(frames_judged=frames_judged)
        task.frame_discriminator.forward = lambda frames, _: 0.5 * frames.sum((1, 2, 3))
        task.clip_discriminator.forward = lambda clips, _: 0.5 * clips.sum((1, 2, 3, 4))
        squared = 10 * 0.25 * 4 * 3 * 32 * 32
        assert task.frame_penalty(batch)["r1"].item() == pytest.approx(squared, rel=1e-5)
        assert task.clip_penalty(batch)["r1"].item() == pytest.approx(squared, rel=1e-5)
        mean = replace(task.config.frame_discriminator, r1_summed=False)
        task.config = replace(task.config, frame_discriminator=mean)
        assert task.frame_penalty(batch)["r1"].item() == pytest.approx(squared / 4, rel=1e-5)


def test_clips_of_half_the_size_for_the_clip_discriminator():
    config = example.config()
    reduced = replace(config, size=64, clip_discriminator=replace(config.clip_discriminator, reduction=2))
    task, clips = Tfgan(reduced), torch.randn(1, 3, 4, 64, 64)
    expected = torch.nn.functional.avg_pool3d(clips, (1, 2, 2))
    torch.testing.assert_close(task._reduced(clips), expected)
    assert task.clip_discriminator.last_stage.in_features == Tfgan(config).clip_discriminator.last_stage.in_features


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.size=48", "size must be one of 32, 64, 128"),
        ("model.frames=12", "frames must be one of 4, 8, 16"),
        ("model.filter_kernel=4", "filter_kernel must be odd"),
        ("model.filter_channels=5", "filter_channels must be even"),
        ("model.towers.steps=10", "steps must be 14 or more"),
        ("model.text.length=20", r"text.length must be towers.steps=16 or less"),
        ("model.clip_discriminator.reduction=4", "leaves no clip of 32 pixels"),
        ("model.frame_discriminator.frames_judged=17", "frames_judged must be 16 or less"),
        ("model.r1_every=0", "r1_every must be 1 or more"),
        ("model.wrong_weight=2", r"wrong_weight must lie in \[0, 1\]"),
    ],
)
def test_contradictions(override, message):
    with pytest.raises(UserError, match=message):
        resolve({"task": "tfgan"}, [override])
