from __future__ import annotations

import pytest
import torch
from tiny_models import tiny_model

import condgen
from condgen.conditioning.sentence import sentence_condition
from condgen.config import Precision
from condgen.data.animate_requests import Request
from condgen.errors import UserError
from condgen.tasks.text_to_video import example
from condgen.tasks.text_to_video.networks import Noise
from condgen.tasks.text_to_video.pipeline import PORTION, Pipeline
from condgen.tasks.text_to_video.task import TextToVideo

RED, BLUE = "a red dot goes north", "a blue dot goes south"


def pipeline(**options) -> Pipeline:
    torch.manual_seed(0)
    task = TextToVideo(example.config(**options))
    for parameter in task.generator.parameters():  # so few channels with small weights would say nothing
        parameter.data *= 10
    for _ in range(20):  # nor would fresh running statistics
        task.draw(batch := example.batch(task.config), sentence_condition(task.text_encoder, batch))
    return Pipeline(task.generator, task.text_encoder, task.config, device="cpu", precision=Precision.FLOAT32)


def differ(one: torch.Tensor, other: torch.Tensor) -> bool:
    return bool((one - other).abs().max() > 1e-5)


def test_a_clip_depends_on_text_number_and_seed_alone():
    made = pipeline()
    requests = [Request(RED, number=1), Request(BLUE), Request(RED, number=1), Request(RED)]
    clips = made.animate(requests)
    assert clips.shape == (4, 3, 16, 16, 16)
    assert clips.dtype is torch.float32
    torch.testing.assert_close(clips[0], clips[2])
    torch.testing.assert_close(made.animate([Request(RED, number=1)], frames=16)[0], clips[0])
    torch.testing.assert_close(made(BLUE), clips[1])
    assert differ(clips[0], clips[3])
    assert differ(made(BLUE, seed=1), clips[1])
    assert made.animate([]).shape == (0, 3, 16, 16, 16)
    assert (made.size, made.frames, made.has_gist) == (16, 16, True)


def test_a_clip_and_its_parts():
    made = pipeline()
    requests = [Request(RED, number=number) for number in range(PORTION + 1)]
    parts = made.parts(requests)
    blended = parts.mask * parts.foreground + (1 - parts.mask) * parts.background[:, :, None]
    torch.testing.assert_close(parts.clip, blended)
    torch.testing.assert_close(parts.gist, made.gists(requests))
    assert parts.gist.shape == (PORTION + 1, 3, 16, 16)


def test_the_background_of_another_sentence():
    made = pipeline()
    requests = [Request(RED, background=BLUE)], [Request(RED)], [Request(BLUE)]
    mixed, red, blue = (made.parts(one) for one in requests)
    torch.testing.assert_close(mixed.background, blue.background)
    for name in ("foreground", "mask", "gist"):
        torch.testing.assert_close(getattr(mixed, name), getattr(red, name))
    blended = red.mask * red.foreground + (1 - red.mask) * blue.background[:, :, None]
    torch.testing.assert_close(mixed.clip, blended)
    assert differ(mixed.clip, red.clip)
    both = made.parts([Request(RED), Request(RED, background=BLUE)])
    torch.testing.assert_close(both.clip, torch.cat([red.clip, mixed.clip]))


def test_sentences_between_two():
    made = pipeline()
    ends = made.vectors([RED, BLUE])
    clips = made.animate([Request(RED, toward=BLUE, share=share) for share in (0, 0.25, 1)])
    torch.testing.assert_close(clips[0], made(RED))
    torch.testing.assert_close(clips[2], made(BLUE))
    between = made.animate_vectors((0.75 * ends[0] + 0.25 * ends[1])[None], made.noise([0]))
    torch.testing.assert_close(clips[1:2], between.clip)


def test_motions_before_one_gist():
    made = pipeline()
    noise = made.noise([0, 1], seed=3)
    assert torch.equal(noise.motion[1], made.noise([1], seed=3).motion[0])
    fixed = Noise(noise.gist[[0, 0]], noise.motion)
    parts = made.animate_vectors(made.vectors([RED, RED]), fixed)
    torch.testing.assert_close(parts.gist[0], parts.gist[1])
    assert differ(parts.clip[0], parts.clip[1])


def test_a_model_without_gists():
    made = pipeline(gist=False, text_filter=False)
    assert not made.has_gist
    assert made.parts([Request(RED), Request(BLUE)]).gist.shape == (0, 3, 16, 16)
    with pytest.raises(UserError, match="this model paints no gist; take one"):
        made.gists([Request(RED)])
    mixed, blue = (made.parts([one]) for one in (Request(RED, background=BLUE), Request(BLUE)))
    torch.testing.assert_close(mixed.background, blue.background)


def test_requests_that_are_refused():
    made = pipeline()
    with pytest.raises(UserError, match="needs a text"):
        made.animate([Request("  ")])
    with pytest.raises(UserError, match="must lie in"):
        made.animate([Request(RED, toward=BLUE, share=2.0)])
    with pytest.raises(UserError, match="clips of 16 frames, not of 20"):
        made.animate([Request(RED)], frames=20)


@pytest.mark.parametrize("example_name", ["text_filter", "text_alone"])
def test_a_model_folder_is_complete(tmp_path, example_name):
    made = condgen.load(str(tiny_model(tmp_path, "text_to_video", example_name)), device="cpu")
    assert made.animate([Request(RED)]).isfinite().all()


def test_the_streams_of_the_model_that_ships_are_not_exchanged():
    made = condgen.load("gist-shapes", device="cpu")
    colours, shapes = ("red", "blue", "white"), ("circle", "square")
    sentences = [
        f"a large {one} {other} is moving in a straight line towards north" for one in colours for other in shapes
    ]
    parts = made.parts([Request(sentence) for sentence in sentences])
    assert parts.mask.mean() < 0.2, "the mask opens where the shape is"
    assert (parts.background < -0.5).float().mean() > 0.95, "the ground is black"
