from __future__ import annotations

import pytest
import torch

from condgen.config import Precision
from condgen.data.animate_requests import Request
from condgen.errors import UserError
from condgen.tasks.tfgan import example
from condgen.tasks.tfgan.pipeline import Pipeline
from condgen.tasks.tfgan.task import Tfgan

RED, BLUE = "a red circle moves north", "a blue circle moves south"


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    torch.manual_seed(0)
    task = Tfgan(example.config(words=True))
    task.text_encoder.learn_vocabulary([RED, BLUE])
    parts = task.generator, task.text_towers, task.text_encoder
    return Pipeline(*parts, task.config, device="cpu", precision=Precision.FLOAT32)


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-4, atol=1e-5)


def test_clips_depend_on_text_number_and_seed_alone(pipeline):
    requests = [Request(RED), Request(BLUE), Request(RED, number=1), Request(RED)]
    made = pipeline.animate(requests)
    assert made.shape == (4, 3, 4, 32, 32)
    assert made.abs().max() <= 1
    assert close(made[0], made[3])
    assert close(made[2], pipeline.animate([Request(RED, number=1)])[0])
    for other in (made[1], made[2], pipeline(RED, seed=1)):
        assert not close(made[0], other)
    assert close(made[0], pipeline(RED))


def test_longer_clips_begin_as_shorter_ones(pipeline):
    long = pipeline(RED, frames=7)
    assert long.shape == (3, 7, 32, 32)
    assert close(long[:, :4], pipeline(RED))
    assert pipeline(RED, frames=1).shape == (3, 1, 32, 32)


def test_sentences_between_two(pipeline):
    between = [Request(RED, toward=BLUE, share=share) for share in (0.0, 0.5, 1.0)]
    made = pipeline.animate(between)
    assert close(made[0], pipeline(RED))
    assert close(made[2], pipeline(BLUE))
    codes = pipeline.codes([RED, BLUE])
    half = type(codes)(*(part.mean(0, keepdim=True) for part in codes))
    assert close(made[1], pipeline.animate_codes(half, pipeline.noise([0]))[0])


def test_portions_do_not_matter(pipeline, monkeypatch):
    requests = [Request(RED, number=number) for number in range(3)]
    made = pipeline.animate(requests)
    drawn = []
    hook = pipeline._generator.draw.register_forward_hook(lambda _, given, frames: drawn.append(len(frames)))
    for frames, at_once in ((1, [1] * 12), (3, [3, 1] * 3), (8, [8, 4])):
        monkeypatch.setattr("condgen.tasks.tfgan.pipeline.PORTION", frames * pipeline.size**2)
        assert close(made, pipeline.animate(requests))
        assert drawn == at_once, "frames of a long clip in portions, short clips together"
        drawn.clear()
    hook.remove()
    assert pipeline.animate([]).shape == (0, 3, 4, 32, 32)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Request("  "), "needs a text"),
        (Request(RED, toward=" "), "needs a text"),
        (Request("?"), "has no words"),
        (Request("zwei grosse"), "no word that this model knows"),
        (Request(RED, background=BLUE), "no background of its own"),
        (Request(RED, toward=BLUE, share=1.5), "must lie in"),
    ],
)
def test_what_it_refuses(pipeline, request_, message):
    with pytest.raises(UserError, match=message):
        pipeline.animate([request_])


def test_refused_lengths_and_gists(pipeline):
    with pytest.raises(UserError, match="one frame or more, not -1"):
        pipeline(RED, frames=-1)
    assert not pipeline.has_gist
    with pytest.raises(UserError, match="paints no gist"):
        pipeline.gists([Request(RED)])
