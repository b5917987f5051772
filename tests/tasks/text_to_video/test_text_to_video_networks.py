from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from condgen.conditioning.condition import Condition
from condgen.networks.blocks import Norm
from condgen.tasks.text_to_video import example
from condgen.tasks.text_to_video.config import build_discriminator, build_generator
from condgen.tasks.text_to_video.networks import Noise
from condgen.tasks.text_to_video.text2filter import GistBesideText, Text2Filter, TextAlone


def generator(**options):
    torch.manual_seed(0)
    return build_generator(example.config(**options))


def noise(generator, count: int = 2) -> Noise:
    return Noise(torch.randn(count, 3 if generator.gist else 0), torch.randn(count, 4))


def sentences(count: int = 2) -> Condition:
    return Condition(vector=torch.randn(count, 6))


def test_each_gist_is_filtered_by_its_own_sentence():
    torch.manual_seed(0)
    read = Text2Filter(6, text_code=3, filters=4, kernel=3, width=2, code=5, size=16).eval()
    seen, gist, condition = [], torch.randn(3, 3, 16, 16), sentences(3)
    read.encode.register_forward_hook(lambda _, arguments, __: seen.append(arguments[0]))
    vector = read(gist, condition)
    assert vector.shape == (3, read.channels) == (3, 5)
    bank = read.filter(read.text(condition.vector))
    by_hand = [F.conv2d(one[None], filters, padding=1) for one, filters in zip(gist, bank, strict=True)]
    torch.testing.assert_close(seen[0], torch.cat(by_hand))
    read(gist, condition[[0, 2, 1]])
    torch.testing.assert_close(seen[1][0], seen[0][0])
    assert (seen[1][1] - seen[0][1]).abs().max() > 1e-3


def test_baselines_in_the_filters_place():
    torch.manual_seed(0)
    gist, condition = torch.randn(2, 3, 16, 16), sentences()
    beside = GistBesideText(6, text_code=3, width=2, code=5, size=16)
    told = beside(gist, condition)
    assert told.shape == (2, beside.channels) == (2, 8)
    torch.testing.assert_close(told[:, 5:], beside.text(condition.vector))
    assert (beside(-gist, condition)[:, :5] - told[:, :5]).abs().max() > 1e-4
    alone = TextAlone(6, text_code=3)
    assert torch.equal(alone(None, condition), alone.text(condition.vector))
    assert alone.channels == 3


@pytest.mark.parametrize(
    "options", [{}, {"text_filter": False}, {"gist": False, "text_filter": False}], ids=["t2v", "gt2v", "pt2v"]
)
def test_sentence_motion_and_gist_are_heard(options):
    make = generator(**options)
    told, chance = sentences(), noise(make)
    drawn = make(chance, told)
    assert drawn.scene.clip.shape == (2, 3, 16, 16, 16)
    assert (drawn.gist is None) == (make.gist is None)
    changed = [make(chance, told.map(torch.neg)), make(Noise(chance.gist, -chance.motion), told)]
    if make.gist is not None:
        changed.append(make(Noise(-chance.gist, chance.motion), told))
    for other in changed:
        assert (drawn.scene.clip - other.scene.clip).abs().max() > 1e-6


@pytest.mark.parametrize("detached", [False, True])
def test_clips_losses_reach_the_gist_where_it_is_not_detached(detached):
    make = generator(gist_detached=detached)
    make(noise(make), sentences()).scene.clip.square().mean().backward()
    reached = [parameter.grad is not None and bool(parameter.grad.any()) for parameter in make.gist.parameters()]
    assert any(reached) == (not detached)
    assert all(parameter.grad.any() for parameter in make.reader.filter.parameters())


@pytest.mark.parametrize("norm", [Norm.BATCH, Norm.NONE])
def test_clip_and_sentence_are_judged(norm):
    torch.manual_seed(0)
    judge = build_discriminator(example.config(norm=norm))
    clips, told = torch.randn(3, 3, 16, 16, 16), sentences(3)
    logits = judge(clips, told)
    assert logits.shape == (3,)
    torch.testing.assert_close(judge.judge(judge.trunk(clips), told), logits)
    assert (judge(clips, told.map(torch.neg)) - logits).abs().max() > 1e-6
    assert (judge(clips.flip(2), told) - logits).abs().max() > 1e-6
