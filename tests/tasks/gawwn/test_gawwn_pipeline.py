"""What is drawn depends on the request and the seed alone; what cannot be drawn is said in one line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_models import tiny_model
from torch import nn

import condgen
from condgen.conditioning.condition import Condition
from condgen.config import Precision
from condgen.data.draw_requests import Place, Request
from condgen.errors import UserError
from condgen.tasks.gawwn import example
from condgen.tasks.gawwn.config import Form
from condgen.tasks.gawwn.pipeline import PORTION, Pipeline
from condgen.tasks.gawwn.task import Gawwn, generator_of

BOX = (0.25, 0.125, 0.5, 0.5)
POINTS = {"left eye": (0.25, 0.25), "right eye": (0.75, 0.25), "tail": (0.5, 0.75)}


def trained(*forms: Form) -> Gawwn:
    """Random weights; their norms have seen a batch, so that pictures have some contrast."""
    torch.manual_seed(0)
    config = replace(example.configs()["all"], forms=list(forms))
    task, batch = Gawwn(config), example.batch(config, 16)
    for part in task.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.momentum = 1.0
    for form in forms:
        generator = getattr(task, generator_of(form))
        if form is Form.COMPLETION:
            generator(torch.randn(16, config.completion.noise), batch.text, batch.keypoints)
        else:
            generator(torch.randn(16, config.generator.noise), task.condition(batch))
            generator.merge[-1][-1].weight.data *= 20
    return task.eval()


def pipeline(*forms: Form, precision=Precision.FLOAT32) -> Pipeline:
    task = trained(*(forms or Form))
    generators = {form: getattr(task, generator_of(form)) for form in task.config.forms}
    return Pipeline(generators, task.text_encoder, task.config, device="cpu", precision=precision)


@pytest.fixture(scope="module")
def draw():
    return pipeline()


def close(first, second):
    torch.testing.assert_close(first, second, atol=1e-4, rtol=0)


@pytest.mark.parametrize("place", [{"box": BOX}, {"keypoints": POINTS}, {"keypoints": {"tail": (0.5, 0.5)}}, {}])
def test_a_request_gives_its_picture_whatever_is_drawn_beside_it(draw, place):
    request = Request("a red star", **place, number=1)
    (alone,) = draw.draw([request], seed=3)
    assert alone.shape == (3, 32, 32)
    assert alone.dtype is torch.float32
    assert alone.std() > 0.05
    others = [Request(f"a blue box {number}", box=BOX, number=number) for number in range(PORTION)]
    beside = draw.draw([others[0], request, *others, request], seed=3)
    assert beside.shape == (PORTION + 3, 3, 32, 32)
    close(beside[1], alone)
    close(beside[-1], alone)
    for changed in (replace(request, number=2), replace(request, text="a blue box")):
        assert (draw.draw([changed], seed=3)[0] - alone).abs().max() > 0.01
    assert (draw.draw([request], seed=4)[0] - alone).abs().max() > 0.01


def test_the_place_does_not_change_the_noise():
    draw, heard = pipeline(Form.BOX), []
    draw._generators[Form.BOX].register_forward_hook(lambda _, arguments, __: heard.append(arguments[0]))
    moved = [Request("a red star", box=(x, 0.25, 0.5, 0.5)) for x in (0.0, 0.25, 0.5)]
    pictures = draw.draw(moved)
    assert (heard[0] == heard[0][0]).all()
    assert (pictures[0] - pictures[2]).abs().max() > 0.01
    draw.draw([Request("a red star", box=BOX, number=1)])
    assert (heard[1] != heard[0]).all()


def test_nothing_to_draw(draw):
    assert draw.draw([]).shape == (0, 3, 32, 32)
    assert draw.placed([]) == []


def test_what_models_take():
    assert pipeline(Form.BOX).takes == {Place.BOX}
    assert pipeline(Form.KEYPOINTS).takes == {Place.KEYPOINTS}
    assert pipeline(Form.BOX, Form.COMPLETION).takes == {Place.BOX}
    assert pipeline(Form.COMPLETION).takes == set()
    assert pipeline().takes == set(Place)


def test_placed_requests_state_every_keypoint(draw):
    tail = (0.1234567891, 0.7)
    asked = [
        Request("a star", box=BOX),
        Request("a star"),
        Request("a star", keypoints={"tail": tail, "left eye": None}),
        Request("a star", keypoints=POINTS),
    ]
    by_box, open_, some, all_ = draw.placed(asked)
    assert by_box == asked[0]
    assert all_ == asked[3]
    assert list(open_.keypoints) == list(some.keypoints) == list(POINTS)
    assert some.keypoints["tail"] == tail  # not rounded
    assert some.keypoints["left eye"] is None  # not completed
    for place in open_.keypoints.values():
        assert place is None or all(0 <= value <= 1 for value in place)
    close(draw.draw([asked[1]]), draw.draw([open_]))


def test_without_completion_what_is_not_stated_is_not_visible():
    draw = pipeline(Form.KEYPOINTS)
    (placed,) = draw.placed([Request("a star", keypoints={"tail": (0.5, 0.5)})])
    assert placed.keypoints == {"left eye": None, "right eye": None, "tail": (0.5, 0.5)}


def test_a_model_that_only_completes_places_and_does_not_draw():
    complete = pipeline(Form.COMPLETION)
    (placed,) = complete.placed([Request("a star", keypoints={"tail": (0.5, 0.5)})])
    assert list(placed.keypoints) == list(POINTS)
    with pytest.raises(UserError, match="draws no pictures"):
        complete.draw([placed])


@pytest.mark.parametrize(
    ("forms", "request_", "message"),
    [
        (Form, Request("  "), "needs a text"),
        (Form, Request("a star", box=BOX, keypoints=POINTS), "a box and keypoints; give one"),
        (Form, Request("a star", keypoints={"beak": (0.5, 0.5)}), "knows no keypoint 'beak'; it knows left eye"),
        ([Form.BOX], Request("a star"), "draws by box; the request for 'a star' has neither box nor keypoints"),
        ([Form.BOX], Request("a star", keypoints=POINTS), "draws by box; .* has a place by keypoints"),
        ([Form.KEYPOINTS], Request("a star"), "has neither box nor keypoints"),
        ([Form.KEYPOINTS], Request("a star", box=BOX), "has a place by box"),
    ],
)
def test_requests_that_are_refused(forms, request_, message):
    with pytest.raises(UserError, match=message) as problem:
        pipeline(*forms).draw([Request("a star", box=BOX) if Form.BOX in forms else request_, request_])
    assert "\n" not in str(problem.value)


def test_called_with_pixels_or_fractions(draw):
    by_pixels, by_fractions = draw("a star", box=(8, 4, 16, 16), seed=2), draw("a star", box=BOX, seed=2)
    assert by_pixels.size == (32, 32)
    assert np.array_equal(np.asarray(by_pixels), np.asarray(by_fractions))
    (expected,) = draw.draw([Request("a star", box=BOX)], seed=2)
    np.testing.assert_allclose(np.asarray(by_pixels), (expected.permute(1, 2, 0) + 1) * 127.5, atol=1)
    points = {name: (int(32 * x), int(32 * y)) for name, (x, y) in POINTS.items()}
    assert np.array_equal(np.asarray(draw("a star", keypoints=points)), np.asarray(draw("a star", keypoints=POINTS)))
    with pytest.raises(UserError, match="not inside the picture of 32x32 pixels"):
        draw("a star", box=(20, 20, 16, 16))
    with pytest.raises(UserError, match="the text is empty"):
        draw(" ", box=BOX)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"text": None}, "text must be a string such as 'a red triangle', not None"),
        ({"text": ["a star"]}, "text must be a string"),
        ({"box": (0.1, float("nan"), 0.5, 0.5)}, "is not four numbers X,Y,W,H"),
        ({"box": (1, 2, 3)}, r"box \[1, 2, 3\] is not four numbers"),
        ({"box": [1, 2, 3, 4, 5]}, "is not four numbers"),
        ({"box": "1,2,3,4"}, "box '1,2,3,4' is not four numbers"),
        ({"box": ("1", "2", "3", "4")}, "is not four numbers"),
        ({"box": (None, 0, 8, 8)}, "is not four numbers"),
        ({"box": np.zeros((40, 4))}, "is not four numbers"),
        ({"box": 3}, "box 3 is not four numbers"),
        ({"box": None, "keypoints": {"tail": (1, 2, 3)}}, "keypoint 'tail' needs two numbers"),
        ({"box": None, "keypoints": {"tail": "1,2"}}, "keypoint 'tail' needs two numbers"),
        ({"box": None, "keypoints": {"tail": (0.5, float("inf"))}}, "keypoint 'tail' needs two numbers"),
        ({"box": None, "keypoints": {3: (1, 2)}}, "unknown keypoint '3'"),
        ({"box": None, "keypoints": [(1, 2)]}, "keypoints must be"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"seed": 0.5}, "seed must be a whole number from 0"),
    ],
)
def test_calls_that_are_refused_in_one_short_line(draw, arguments, says):
    with pytest.raises(UserError, match=says) as problem:
        draw(**{"text": "a star", "box": BOX, **arguments})
    assert "\n" not in str(problem.value)
    assert len(str(problem.value)) < 200


def test_called_with_lists_arrays_and_tensors(draw):
    expected = np.asarray(draw("a star", box=BOX, seed=2))
    for box in (list(BOX), np.array(BOX), torch.tensor(BOX), np.array([8, 4, 16, 16]), tuple(np.array(BOX))):
        assert np.array_equal(np.asarray(draw("a star", box=box, seed=np.int64(2))), expected)


def test_a_sentence_is_read_once(monkeypatch):
    draw, read = pipeline(Form.BOX), []
    encode = draw.text_encoder.encode
    monkeypatch.setattr(draw.text_encoder, "encode", lambda texts: read.extend(texts) or encode(texts))
    draw.draw([Request("a star", box=BOX, number=number) for number in range(3)])
    draw.draw([Request("a star", box=BOX), Request("a box", box=BOX)])
    assert read == ["a star", "a box"]


@pytest.mark.parametrize("form", [Form.BOX, Form.KEYPOINTS])
def test_weights_that_are_cast_once_draw_what_autocast_does(form):
    task, draw = trained(form), pipeline(form, precision=Precision.BFLOAT16)
    request = Request("a star", box=BOX) if form is Form.BOX else Request("a star", keypoints=POINTS)
    told = []
    draw._generators[form].register_forward_hook(lambda _, arguments, __: told.append(arguments))
    (drawn,) = draw.draw([request])
    ((noise, condition),) = told
    assert isinstance(condition, Condition)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        (expected,) = getattr(task, generator_of(form))(noise, condition)
    torch.testing.assert_close(drawn, expected, atol=0.05, rtol=0)
    exact = pipeline(form).draw([request])[0]
    assert (drawn - exact).abs().mean() < 0.02


def test_a_model_folder_is_complete(tmp_path):
    draw = condgen.load(str(tiny_model(tmp_path, "gawwn", "all")), device="cpu")
    assert draw.takes == set(Place)
    assert draw.keypoint_names == tuple(POINTS)
    assert draw.size == 32
    pictures = draw.draw([Request("a star", box=BOX), Request("a star")])
    assert pictures.isfinite().all()
    assert pictures.abs().max() <= 1
