"""Small models of random weights on disk, and a runner of verbs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from condgen import cli
from condgen.runtime import model_folder
from condgen.tasks.ali.networks import InitialWeights
from condgen.tasks.ali.task import Config, build_generator


@pytest.fixture(scope="session")
def save_model(tmp_path_factory) -> Callable[..., Path]:
    """Writes a model folder; its decoder's pictures differ much, though none was trained."""

    def save(**changes) -> Path:
        torch.manual_seed(0)
        small = {"image_channels": 1, "latent_size": 16, "width": 4, "initial_weights": InitialWeights.HE}
        config = Config(**{**small, **changes})
        generator = build_generator(config)
        with torch.no_grad():
            generator.decoder.output.weight *= 300
        path = tmp_path_factory.mktemp("models") / "ali"
        tensors = {f"generator.{name}": tensor for name, tensor in generator.state_dict().items()}
        model_folder.write(path, "ali", config, tensors, {}, "card")
        return path

    return save


@pytest.fixture(scope="session")
def model(save_model) -> Path:
    return save_model()


@pytest.fixture(scope="session")
def conditional_model(save_model) -> Path:
    return save_model(classes=["x", "y"])


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Runs a verb in `tmp_path`, which has three pictures; returns the exit code and the lines on stderr."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a", "b", "c")):
        noise = np.random.default_rng(number).integers(0, 256, (32, 32), np.uint8)
        Image.fromarray(noise).save(f"{name}.png")

    def call(*arguments: str) -> tuple[int, list[str]]:
        monkeypatch.setattr(sys, "argv", ["condgen", *arguments, "--device", "cpu"])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        lines = capsys.readouterr().err.splitlines()
        return int(stop.value.code or 0), [line for line in lines if not line.startswith("[")]

    return call
