"""The four verbs from end to end, with a small model of random weights."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import condgen
from condgen import cli
from condgen.runtime import model_folder
from condgen.tasks.ali.task import Config, build_generator


def save_model(path: Path, **changes) -> Path:
    torch.manual_seed(0)
    config = Config(**{"image_channels": 1, "latent_size": 4, "width": 2, **changes})
    tensors = {f"generator.{name}": tensor for name, tensor in build_generator(config).state_dict().items()}
    model_folder.write(path, "ali", config, tensors, {}, "card")
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "ali")


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


def test_encode_and_reconstruct_files(run, model, tmp_path):
    assert run("encode", "a.png", "b.png", "-o", "codes", "--model", str(model))[0] == 0
    pipeline = condgen.load(str(model), device="cpu")
    with np.load(tmp_path / "codes" / "b.npz") as stored:
        np.testing.assert_allclose(stored["z"], pipeline.encode(pipeline.read(tmp_path / "b.png"))[0], atol=0.02)
    assert run("reconstruct", "a.png", "-o", "again.png", "--model", str(model)) == (0, [])
    assert Image.open("again.png").mode == "L"
    assert Image.open("again.png").size == (32, 32)


def test_an_interpolation_runs_from_one_picture_to_the_other(run, model, tmp_path):
    assert run("interpolate", "a.png", "b.png", "-o", "strip.png", "--model", str(model), "--count", "4") == (0, [])
    strip = np.asarray(Image.open("strip.png"))
    first, last = cells(strip, 6)[0], cells(strip, 6)[-1]
    assert np.array_equal(first, np.asarray(Image.open("a.png")))
    assert np.array_equal(last, np.asarray(Image.open("b.png")))
    pipeline = condgen.load(str(model), device="cpu")
    decoded = pipeline(pipeline.read(tmp_path / "b.png"))[0, 0].numpy()
    assert np.abs(cells(strip, 6)[4] / 127.5 - 1 - decoded).max() < 0.05


def test_an_analogy_shows_its_pictures_and_the_decoded_sum(run, model, tmp_path):
    assert run("analogy", "a.png", "b.png", "c.png", "-o", "grid.png", "--model", str(model)) == (0, [])
    *shown, made = cells(np.asarray(Image.open("grid.png")), 2)
    for picture, name in zip(shown, "abc", strict=True):
        assert np.array_equal(picture, np.asarray(Image.open(f"{name}.png")))
    pipeline = condgen.load(str(model), device="cpu")
    a, b, c = (pipeline.encode(pipeline.read(tmp_path / f"{name}.png")) for name in "abc")
    decoded = pipeline.decode(c + b - a)[0, 0].numpy()
    assert np.abs(made / 127.5 - 1 - decoded).max() < 0.05


def cells(strip: np.ndarray, columns: int) -> list[np.ndarray]:
    """The pictures of a grid of 32x32 ones enlarged 3 times: a white ground (255) with frames of 96x96 on it."""
    grey = strip[..., 0]
    width = (strip.shape[1] - 4) // columns
    rows = [4] if strip.shape[0] < 200 else [4, 4 + (strip.shape[0] - 4) // 2]
    lefts = [4 + number * width + (width - 4 - 96) // 2 for number in range(columns)]
    return [grey[top + 1 : top + 96 : 3, left + 1 : left + 96 : 3] for top in rows for left in lefts]


def test_mistakes_are_one_line(run, model, tmp_path):
    to = ("--model", str(model))
    code, lines = run("interpolate", "a.png", "none.png", "-o", "s.png", *to)
    assert (code, len(lines)) == (1, 1)
    assert lines[0].startswith("condgen: none.png: there is no such file")
    code, lines = run("interpolate", "a.png", "b.png", "-o", "s.gif", *to)
    assert (code, len(lines)) == (1, 1)
    assert "the ending must be one of" in lines[0]
    assert run("analogy", "a.png", "b.png", "c.png", "-o", "b.png", *to) == (
        1,
        ["condgen: b.png: the output is an input; choose another -o"],
    )
    assert run("interpolate", "a.png", "b.png", "-o", "no/s.png", *to) == (
        1,
        ["condgen: no/s.png: there is no folder no; create it first"],
    )
    code, lines = run("encode", "a.png", "-o", "a.npz", "--model", "srgan-x4")
    assert (code, "is of task srgan" in lines[0]) == (1, True)
    assert not Path("s.png").exists()


def test_conditional_models_take_a_label(run, tmp_path):
    model = save_model(tmp_path / "conditional", classes=["x", "y"])
    to = ("--model", str(model))
    assert run("interpolate", "a.png", "b.png", "-o", "s.png", "--label", "y", *to) == (0, [])
    assert run("analogy", "a.png", "b.png", "c.png", "-o", "g.png", "--label", "x", *to) == (0, [])
    assert run("reconstruct", "a.png", "-o", "r.png", "--label", "x", *to) == (0, [])
    code, lines = run("interpolate", "a.png", "b.png", "-o", "s2.png", *to)
    assert (code, lines[0]) == (1, "condgen: this model needs a label for each of 2 pictures, got 0; it knows x, y")
    code, lines = run("reconstruct", "a.png", "-o", "r2.png", "--label", "z", *to)
    assert (code, "knows no label 'z'" in lines[0]) == (1, True)
