from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from condgen.config import resolve, to_plain
from condgen.data.manifest import Manifest
from condgen.data.picture_grid import to_uint8
from condgen.errors import UserError
from condgen.tasks.gan_cls import example
from condgen.tasks.gan_cls.evaluation import (
    SAMPLES,
    Captioned,
    Evaluation,
    cut,
    evaluate,
    matching_rate,
    measure,
    obedience,
)
from condgen.tasks.gan_cls.pipeline import Pipeline
from condgen.tasks.gan_cls.task import GanCls


class Remembers(Pipeline):
    """Draws for a sentence of a manifest its own picture, darker for each further noise."""

    size, device = 64, torch.device("cpu")

    def __init__(self, rows, step: float = 0.0):
        self.rows, self.step = list(rows), step
        self.images = Captioned.read(self.rows, 64).images

    def vectors(self, sentences):
        numbers = [next(n for n, row in enumerate(self.rows) if row["captions"][0] == one) for one in sentences]
        return torch.tensor(numbers, dtype=torch.float32)[:, None]

    def noise(self, numbers, seed=0):
        return torch.tensor(list(numbers), dtype=torch.float32)[:, None]

    def draw_vectors(self, vectors, noise):
        return self.images[vectors[:, 0].long()] - self.step * noise[:, :, None, None]


def by_sentence(manifest: Manifest, split: str):
    """Rows of a split that differ in their first sentence."""
    return list({row["captions"][0]: row for row in manifest.rows(split)}.values())


def test_measures_by_hand(shapes):
    real = Captioned.read(by_sentence(Manifest.read(shapes), "validation"), 64)
    exact = measure(Remembers(real.rows), real)
    assert exact == {"nearest_sample": 0, "diversity": 0}
    other = Captioned(real.rows, real.images + 0.5)
    measures = measure(Remembers(real.rows, step=0.1), other)
    assert measures["nearest_sample"] == pytest.approx(0.5, abs=1e-5)
    # each differs from the next by 0.1, the last from the first by 0.1 (n - 1)
    neighbours = 0.1 * 2 * (SAMPLES - 1) / SAMPLES
    between = float((other.images - other.images.roll(1, dims=0)).abs().mean())
    assert measures["diversity"] == pytest.approx(neighbours / between, rel=1e-4)


def test_true_drawings_obey_and_exchanged_ones_do_not(shapes):
    rows = Manifest.read(shapes).rows("test")
    pictures = to_uint8(Captioned.read(rows, 64).images)
    table = obedience(pictures, rows)
    assert table.keys() == {"mean", "seen", "unseen"}
    assert all(value == 1 for values in table.values() for value in values.values())
    others = [next(n for n, one in enumerate(rows) if one["colour"] != row["colour"]) for row in rows]
    assert obedience(pictures[others], rows)["mean"]["colour"] == 0
    assert obedience(np.zeros_like(pictures), rows)["mean"] == {"colour": 0, "figure": 0, "both": 0}


def test_the_table(shapes):
    manifest = Manifest.read(shapes)
    rows = by_sentence(manifest, "test")
    alone = replace(manifest, all_rows=tuple(rows))
    table, missing = evaluate(Remembers(rows), alone, "test", (), {})
    assert missing == []
    # the n-th picture is drawn by the n-th noise, which here changes nothing
    assert table["mean"] == {"nearest_sample": 0, "diversity": 0, "colour": 1, "figure": 1, "both": 1}
    with pytest.raises(UserError, match="there is no metric 'psnr'"):
        evaluate(Remembers(rows), alone, "test", ("psnr",), {})


def test_matching_rate_by_hand():
    """A judge whose logit is the mean of sentence and picture, and one that hears nothing."""
    task = GanCls(example.config())
    images, right, wrong = (
        torch.zeros(4, 3, 64, 64),
        torch.ones(4, 6),
        torch.tensor([[0.0], [2.0], [0.0], [0.5]]) * torch.ones(6),
    )

    class Judge(torch.nn.Module):
        def __init__(self, hears: float):
            super().__init__()
            self.hears = torch.nn.Parameter(torch.tensor(hears))

        def forward(self, images, condition):
            return images.mean((1, 2, 3)) + self.hears * condition.vector.mean(1)

    task.discriminator = Judge(1.0)
    assert matching_rate(task, images, right, wrong) == 0.75
    task.discriminator = Judge(0.0)
    assert matching_rate(task, images, right, wrong) == 0


@pytest.mark.parametrize("second_stage", [False, True])
def test_a_look_during_training(shapes, tmp_path, second_stage):
    model = example.config(second_stage=second_stage)
    tree = {"task": "gan_cls", "model": to_plain(model), "start_from": "x", "data": {"validation_images": 3}}
    config = resolve(tree, [f"data.manifest={shapes}", "trainer.device=cpu"])
    report = Evaluation(config)(GanCls(model).eval(), tmp_path / "samples", "first")
    assert report.measures.keys() == {"nearest_sample", "diversity", "matching_rate"}
    assert 0 <= report.measures["matching_rate"] <= 1
    shown = np.asarray(Image.open(tmp_path / "samples" / "first.png"))
    assert tuple(report.pictures["samples"].shape) == (3, *shown.shape[:2])


def test_long_sentences_are_cut():
    assert cut("a red star") == "a red star"
    assert cut("a " * 40) == "a a a a a a a a a a a a a a a a a a a a a a a..."
