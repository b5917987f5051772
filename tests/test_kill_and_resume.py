"""kill -9 at any moment, then --resume: the weights equal those of a run that was never interrupted, bit for bit."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image

from condgen.runtime import checkpoint

CONFIG = """
task: srgan
model:
  generator: {residual_blocks: 1, channels: 8, edge_kernel: 3, add_interpolated: true}
  discriminator: {crop: 32, channels: 4, head: pooled}
  content_loss: discriminator
  adversarial_weight: 0.001
data: {manifest: data/manifest.jsonl, crop: 32}
trainer: {iterations: 80, batch_size: 2, ema_decay: 0.9, checkpoint_every: 4, report_every: 80, device: cpu}
"""
KILLED_AFTER = (4, 16, 36)  # iterations seen on disk before each kill


@pytest.fixture
def run(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    noise = np.random.default_rng(0)
    rows = []
    for number in range(5):
        Image.fromarray(noise.integers(0, 255, (40, 44, 3), dtype=np.uint8)).save(data / f"{number}.png")
        split = "validation" if number == 4 else "train"
        rows.append(f'{{"split": "{split}", "image": "{number}.png"}}\n')
    (data / "manifest.jsonl").write_text("".join(rows))
    (tmp_path / "tiny.yaml").write_text(CONFIG)

    def start(name: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "condgen", "train", "tiny.yaml", "-o", name, "--resume"]
        return subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    return start


def finish(process: subprocess.Popen) -> None:
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors


def test_killed_runs_end_like_an_unbroken_one(run, tmp_path):
    unbroken = run("unbroken")
    kills = 0
    for target in KILLED_AFTER:
        process = run("killed")
        while process.poll() is None:
            newest = checkpoint.latest(tmp_path / "killed" / "checkpoints")
            if newest and int(newest.name.split("-")[1]) >= target:
                time.sleep(random.random() / 5)
                break
            time.sleep(0.005)
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert kills == len(KILLED_AFTER)
    finish(run("killed"))
    finish(unbroken)
    ends = [checkpoint.load(tmp_path / name / "checkpoints" / "iteration-00000080") for name in ("unbroken", "killed")]
    for part in ("task", "averaged", "optimizers", "ranks", "drawn"):
        torch.testing.assert_close(ends[0][part], ends[1][part], rtol=0, atol=0)
    assert (tmp_path / "killed" / "model" / "model.safetensors").is_file()
    logs = [(tmp_path / name / "log.jsonl").read_text().count('"iteration": 80') for name in ("unbroken", "killed")]
    assert logs[0] == logs[1]
