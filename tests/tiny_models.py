"""Model folders of tiny networks with random weights, and data of somebody's own, for the tests of fine-tuning."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from condgen import cli, tasks, training
from condgen.config import OptimizerConfig, RunConfig
from condgen.runtime.model_folder import TRAINING

QUICK = ["trainer.iterations=4", "trainer.batch_size=2", "trainer.device=cpu", "trainer.report_every=4"]


def run_command(monkeypatch, capsys, *arguments: str) -> tuple[int, str, str]:
    """`condgen` with arguments: the exit code, and what it said on stdout and stderr."""
    monkeypatch.setattr(sys, "argv", ["condgen", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    told = capsys.readouterr()
    return int(stop.value.code or 0), told.out, told.err


def tiny_model(folder: Path, task: str, example: str, *, judged: bool = True, captions: Sequence[str] = ()) -> Path:
    """The folder `folder/tiny-<task>`, of one of the configs in the task's example.py.

    Args:
        judged: with the discriminator; else as an imported model.
        captions: whose words the text encoder knows as those of its training.
    """
    config = tasks.part(task, "example").configs()[example]
    kind = tasks.part(task, "task").TASK
    torch.manual_seed(0)
    run = RunConfig(
        task=task,
        model=config,
        data=tasks.part(task, "data").DataConfig(),
        optimizers={player: OptimizerConfig() for player in kind.players(config)},
    )
    path = folder / f"tiny-{task}"
    built = kind(config)
    if captions:
        built.text_encoder.learn_vocabulary(captions)
    training.save_model(built, run, path)
    if not judged:
        (path / TRAINING).unlink()
    return path


def photo(path: Path, seed: int, size: tuple[int, int] = (48, 40)) -> None:
    """Soft blots of colour, others for each seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colours = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    Image.fromarray(colours).resize(size, Image.Resampling.BICUBIC).save(path)


def recordings(folder: Path, count: int, *, rate: int = 16000, prefix: str = "") -> None:
    """Pairs `folder/noisy/NN.wav` and `folder/clean/NN.wav`: bursts of tones, with much and little hiss, 0.8 s."""
    time = np.arange(int(0.8 * rate)) / rate
    for number in range(count):
        random = np.random.default_rng(number)
        clean = 0.3 * np.sin(2 * np.pi * (200 + 40 * number) * time) * (np.sin(2 * np.pi * 3 * time) > 0)
        clean += 0.001 * random.standard_normal(len(time))
        noisy = clean + 0.03 * random.standard_normal(len(time))
        for side, signal in (("noisy", noisy), ("clean", clean)):
            (folder / side).mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / side / f"{prefix}{number:02}.wav", signal, rate)
