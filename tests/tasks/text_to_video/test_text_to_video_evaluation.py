from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from condgen.config import resolve, to_plain
from condgen.tasks.text_to_video import example
from condgen.tasks.text_to_video.evaluation import Evaluation, gist_measures
from condgen.tasks.text_to_video.task import TextToVideo

MEASURES = {"nearest_sample", "diversity", "movement"}


@pytest.mark.parametrize("gist", [True, False])
def test_a_look_during_training(clips, tmp_path, gist):
    model = example.config(gist=gist, text_filter=gist)
    tree = {"task": "text_to_video", "model": to_plain(model), "start_from": "x"}
    config = resolve(tree, [f"data.manifest={clips}", "trainer.device=cpu"])
    report = Evaluation(config)(TextToVideo(model).eval(), tmp_path / "samples", "first")
    assert report.measures.keys() == MEASURES | ({"gist_error", "divergence"} if gist else set())
    shown = np.asarray(Image.open(tmp_path / "samples" / "first.png"))
    assert np.array_equal(report.pictures["true, made"], shown.transpose(2, 0, 1))
    with Image.open(tmp_path / "samples" / "first.gif") as moving:
        assert moving.n_frames == 16


def test_measures_of_the_gist_by_hand():
    task = TextToVideo(example.config()).eval()
    codes = task.config.gist_generator.code
    with torch.no_grad():
        task.gist_encoder.mean_and_log_variance.weight.zero_()
        task.gist_encoder.mean_and_log_variance.bias.copy_(torch.tensor([2.0] * codes + [0.0] * codes))
        task.generator.gist.paint[-1].weight.zero_()
        task.generator.gist.paint[-1].bias.fill_(0.5)
    levels = torch.tensor([0.1, -0.3])
    frames = levels[:, None, None, None].expand(-1, 3, 16, 16)
    found = gist_measures(task, frames, torch.randn(2, task.config.text.width))
    painted = float(torch.tanh(torch.tensor(0.5)))
    assert found["gist_error"] == pytest.approx(painted + 0.1, rel=1e-5)  # mean of painted - 0.1 and painted + 0.3
    assert found["divergence"] == pytest.approx(codes * 2**2 / 2, rel=1e-5)  # variance 1: half the squared mean
