from __future__ import annotations

import pytest
import torch
from tiny_models import tiny_model

import condgen
from condgen.config import Precision
from condgen.errors import UserError
from condgen.tasks.vgan import example
from condgen.tasks.vgan.pipeline import PORTION, Pipeline
from condgen.tasks.vgan.task import Vgan


def pipeline(**options) -> Pipeline:
    torch.manual_seed(0)
    task = Vgan(example.config(**options))
    return Pipeline(task.generator, task.config, device="cpu", precision=Precision.FLOAT32)


def test_clips_by_number_and_seed():
    animate = pipeline()
    clips = animate(3, seed=1)
    assert clips.shape == (3, 3, 16, 16, 16)
    assert clips.dtype is torch.float32
    torch.testing.assert_close(animate(2, seed=1), clips[:2])
    assert torch.equal(animate.noise([2], seed=1), animate.noise([0, 2], seed=1)[1:])
    assert not torch.equal(animate.noise([2], seed=1), animate.noise([2], seed=2))
    assert animate(0).shape == (0, 3, 16, 16, 16)


def test_a_clip_and_its_parts():
    clip, foreground, mask, background = pipeline().parts(PORTION + 1)
    assert len(clip) == PORTION + 1
    torch.testing.assert_close(clip, mask * foreground + (1 - mask) * background[:, :, None])


def test_clips_from_first_frames():
    animate, frames = pipeline(first_frame=True), torch.rand(2, 3, 16, 16)
    assert animate(frames).shape == (2, 3, 16, 16, 16)
    with pytest.raises(UserError, match=r"must be \(N, 3, 16, 16\), got \(2, 3, 8, 16\)"):
        animate(frames[:, :, :8])
    with pytest.raises(UserError, match="goes on from first frames"):
        animate(2)
    with pytest.raises(UserError, match="takes no first frames"):
        pipeline()(frames)


def test_a_model_folder_is_complete(tmp_path):
    animate = condgen.load(str(tiny_model(tmp_path, "vgan", "noise")), device="cpu")
    assert animate(2).isfinite().all()
