from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_models import tiny_model

import condgen
from condgen.config import Precision
from condgen.data.draw_requests import Place, Request
from condgen.errors import UserError
from condgen.tasks.gan_cls import example
from condgen.tasks.gan_cls.pipeline import Pipeline
from condgen.tasks.gan_cls.task import GanCls


def pipeline(**options) -> Pipeline:
    torch.manual_seed(0)
    task = GanCls(example.config(**options))
    second = task.second_generator if task.config.second_stage else None
    made = Pipeline(
        task.generator,
        task.text_encoder,
        task.config,
        second_generator=second,
        device="cpu",
        precision=Precision.FLOAT32,
    )
    for network in (made._generator, made._second):  # fresh running statistics would shrink all to 0
        if network is not None:
            network.train()
    return made


def test_what_is_drawn_depends_on_text_number_and_seed_alone():
    draw = pipeline()
    draw._generator.eval()  # in which a picture does not depend on those beside it
    requests = [Request("a red star", number=1), Request("a blue box"), Request("a red star", number=1)]
    pictures = draw.draw(requests)
    assert pictures.shape == (3, 3, 64, 64)
    assert pictures.dtype is torch.float32
    torch.testing.assert_close(pictures[0], pictures[2])
    torch.testing.assert_close(pictures[0], draw.draw([Request("a red star", number=1)])[0], atol=1e-5, rtol=0)
    assert draw.draw([]).shape == (0, 3, 64, 64)
    one = torch.from_numpy(np.array(draw("a blue box"))).permute(2, 0, 1) / 127.5 - 1
    torch.testing.assert_close(one, pictures[1], atol=0.01, rtol=0)


def test_noise_depends_on_number_and_seed_alone():
    draw = pipeline()
    noise = draw.noise([0, 5, 2], seed=3)
    assert torch.equal(noise[1], draw.noise([5], seed=3)[0])
    assert not torch.equal(noise[1], draw.noise([5], seed=4)[0])
    assert draw.noise(range(4000)).std().item() == pytest.approx(1, abs=0.03)


def test_sentence_and_noise_are_heard():
    draw = pipeline()
    vectors, noise = torch.randn(2, 6)[[0, 1, 0]], draw.noise([0, 0, 1])
    first, other_sentence, other_noise = draw.draw_vectors(vectors, noise)
    assert (first - other_sentence).abs().max() > 0.01
    assert (first - other_noise).abs().max() > 0.01


def test_vectors_are_in_the_order_of_the_sentences():
    draw = pipeline()
    vectors = draw.vectors(["a red star", "a blue box", "a red star"])
    torch.testing.assert_close(vectors[0], vectors[2])
    torch.testing.assert_close(vectors[1], draw.text_encoder.encode(["a blue box"])[0])


def test_many_pictures_go_through_in_portions():
    draw = pipeline()
    draw._generator.eval()
    sizes = []
    draw._generator.register_forward_hook(lambda _, __, drawn: sizes.append(len(drawn.image)))
    vectors, noise = torch.randn(70, 6), draw.noise(range(70))
    assert draw.draw_vectors(vectors, noise).shape == (70, 3, 64, 64)
    assert sizes == [64, 6]


def test_the_second_stage_makes_256_pixels():
    draw = pipeline(second_stage=True)
    assert draw.size == 256
    assert draw.draw([Request("a red star")]).shape == (1, 3, 256, 256)


@pytest.mark.parametrize("example_name", ["cls_int", "second_stage"])
def test_a_model_folder_is_complete(tmp_path, example_name):
    folder = tiny_model(tmp_path, "gan_cls", example_name)
    draw = condgen.load(str(folder), device="cpu")
    assert draw.takes == {Place.TEXT}
    assert draw.keypoint_names == ()
    assert draw.draw([Request("a red star")]).isfinite().all()


def test_requests_that_are_refused():
    draw = pipeline()
    with pytest.raises(UserError, match="needs a text"):
        draw.draw([Request("  ")])
    with pytest.raises(UserError, match="draws by text alone; the request for 'a star' has a place"):
        draw.draw([Request("a star", box=(0, 0, 0.5, 0.5))])
    with pytest.raises(UserError, match="has a place"):
        draw.draw([Request("a star", keypoints={"top": (0.5, 0.5)})])
