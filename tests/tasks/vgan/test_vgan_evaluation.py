from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from condgen.config import resolve, to_plain
from condgen.data.manifest import Manifest
from condgen.errors import UserError
from condgen.tasks.vgan import evaluation, example
from condgen.tasks.vgan.evaluation import Evaluation, evaluate, made_for, measure
from condgen.tasks.vgan.pipeline import Pipeline
from condgen.tasks.vgan.task import Vgan

MEASURES = {"nearest_sample", "diversity", "movement"}


def pipeline_of(task: Vgan) -> Pipeline:
    return Pipeline(task.generator, task.config, device="cpu", precision="fp32")


@pytest.mark.parametrize("first_frame", [False, True])
def test_a_look_during_training_and_after_it(strips, tmp_path, first_frame):
    model = example.config(first_frame=first_frame)
    config = resolve({"task": "vgan", "model": to_plain(model)}, [f"data.manifest={strips}", "trainer.device=cpu"])
    task = Vgan(model).eval()
    report = Evaluation(config)(task, tmp_path / "samples", "first")
    assert report.measures.keys() == MEASURES
    shown = np.asarray(Image.open(tmp_path / "samples" / "first.png"))
    assert np.array_equal(report.pictures["true, made"], shown.transpose(2, 0, 1))
    with Image.open(tmp_path / "samples" / "first.gif") as moving:
        assert moving.n_frames == 16
    table, lines = evaluate(pipeline_of(task), Manifest.read(strips), "validation", (), {})
    assert table.keys() == {"mean"}
    assert table["mean"].keys() == MEASURES
    assert lines == ["judge: missing (give --weights judge=MODEL, of task clip_classifier)"]
    with pytest.raises(UserError, match="there is no metric 'psnr'"):
        evaluate(pipeline_of(task), Manifest.read(strips), "validation", ("psnr",), {})


@pytest.mark.parametrize("first_frame", [False, True])
def test_clips_are_made_in_portions(monkeypatch, first_frame):
    torch.manual_seed(0)
    task = Vgan(example.config(first_frame=first_frame)).eval()
    for weights in task.generator.parameters():
        torch.nn.init.normal_(weights, std=0.3)  # fresh ones give grey alone
    pipeline, real = pipeline_of(task), np.random.default_rng(0).integers(0, 256, (3, 16, 16, 16, 3), np.uint8)
    assert measure(real, real) == {"nearest_sample": 0, "diversity": 1, "movement": 1}
    whole = made_for(pipeline, real)
    assert whole.shape == real.shape
    assert all((whole[one] != whole[one - 1]).any() for one in range(3))
    monkeypatch.setattr(evaluation, "PORTION", 2)
    assert np.abs(made_for(pipeline, real).astype(int) - whole).max() <= 1  # rounding
