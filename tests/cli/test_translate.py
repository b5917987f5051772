"""`condgen translate` from end to end, with small models of random weights."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from condgen import cli, load
from condgen.data.image import Picture, read
from condgen.data.image_output import write
from condgen.networks.blocks import Norm
from condgen.networks.translation import Architecture, GeneratorConfig
from condgen.runtime import model_folder
from condgen.tasks.cyclegan import task
from condgen.tasks.pix2pix.task import Config, generator_of

SMALL = GeneratorConfig(channels=4, blocks=1)


def save_model(path: Path, name: str, config, generator: torch.nn.Module) -> None:
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.mul_(10)
    tensors = {f"generator.{key}": tensor for key, tensor in generator.state_dict().items()}
    model_folder.write(path, name, config, tensors, {}, "card")


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models")
    unet = GeneratorConfig(architecture=Architecture.UNET, channels=4, levels=6, norm=Norm.BATCH, dropout=True)
    both = task.Config(generator=SMALL)
    alone = replace(both, directions=[task.Direction.B2A])
    plain = Config(generator=replace(SMALL, norm=Norm.NONE))
    save_model(folder / "both", "cyclegan", both, task.generators_of(both))
    save_model(folder / "alone", "cyclegan", alone, task.generators_of(alone))
    save_model(folder / "unet", "pix2pix", Config(generator=unet), generator_of(Config(generator=unet)))
    save_model(folder / "plain", "pix2pix", plain, generator_of(plain))
    return folder


@pytest.fixture
def condgen(models, monkeypatch, capsys, tmp_path):
    """Runs the verb in `tmp_path`; returns the exit code and the lines on stderr that are no progress."""
    monkeypatch.chdir(tmp_path)

    def call(model: str, *arguments: str) -> tuple[int, list[str]]:
        monkeypatch.setattr(sys, "argv", ["condgen", "translate", "--model", model, "--device", "cpu", *arguments])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        lines = capsys.readouterr().err.splitlines()
        return int(stop.value.code or 0), [line for line in lines if not line.startswith("[")]

    return lambda model, *arguments: call(str(models / model), *arguments)


def noise(*shape: int, dtype=np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def pixels_of(path: str | Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_a_folder_of_all_kinds(condgen, tmp_path):
    pile = tmp_path / "pile"
    (pile / "deep").mkdir(parents=True)
    Image.fromarray(noise(20, 31, 3)).save(pile / "photo.jpg")
    Image.fromarray(noise(1, 1)).save(pile / "pixel.png")
    Image.fromarray(noise(9, 8, 4)).save(pile / "alpha.png")
    write(Picture(noise(7, 5, 3, dtype=np.uint16)), pile / "deep" / "deep.png")
    (pile / "broken.png").write_bytes(b"nothing")
    code, lines = condgen("both", "pile", "-o", "out")
    assert code == 1
    assert lines[0].startswith("pile/broken.png: is no image")
    assert lines[-1] == "4 done, 0 skipped (already there), 1 failed"
    made = {path.relative_to("out").as_posix(): read(path) for path in Path("out").rglob("*.*")}
    assert {name: one.pixels.shape for name, one in made.items()} == {
        "photo.jpg": (20, 31, 3),
        "pixel.png": (1, 1, 3),
        "alpha.png": (9, 8, 3),
        "deep/deep.png": (7, 5, 3),
    }
    assert made["deep/deep.png"].pixels.dtype == np.uint16
    np.testing.assert_array_equal(made["alpha.png"].alpha, noise(9, 8, 4)[..., 3])
    (pile / "broken.png").unlink()
    done = "0 done, 4 skipped (already there), 0 failed"
    assert condgen("both", "pile", "-o", "out", "--skip-existing") == (0, [done])


def test_standard_input_and_output(condgen, monkeypatch, tmp_path):
    Image.fromarray(noise(12, 9, 3)).save(tmp_path / "a.png")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper((tmp_path / "a.png").open("rb")))
    assert condgen("both", "-", "-o", "b.png")[0] == 0
    assert condgen("both", "a.png", "-o", "c.png")[0] == 0
    np.testing.assert_array_equal(pixels_of("b.png"), pixels_of("c.png"))


def test_directions(condgen, models, tmp_path):
    Image.fromarray(noise(16, 16, 3)).save(tmp_path / "a.png")
    for name, arguments in (("default", ()), ("a2b", ("--direction", "a2b")), ("b2a", ("--direction", "b2a"))):
        assert condgen("both", "a.png", "-o", f"{name}.png", *arguments) == (0, [])
    np.testing.assert_array_equal(pixels_of("default.png"), pixels_of("a2b.png"))
    assert (pixels_of("a2b.png") != pixels_of("b2a.png")).any()
    there = load(str(models / "both"), device="cpu", direction="b2a")(Image.open("a.png"))
    np.testing.assert_array_equal(np.asarray(there), pixels_of("b2a.png"))
    code, lines = condgen("both", "a.png", "-o", "x.png", "--direction", "b2c")
    assert (code, lines) == (1, ["condgen: direction 'b2c' is neither a2b nor b2a"])
    code, lines = condgen("alone", "a.png", "-o", "x.png", "--direction", "a2b")
    assert (code, lines) == (1, ["condgen: the model translates b2a alone, not a2b"])
    assert condgen("alone", "a.png", "-o", "alone.png") == (0, [])
    assert not Path("x.png").exists()


def test_a_seed_gives_the_same_bytes_again(condgen, tmp_path):
    Image.fromarray(noise(64, 70, 3)).save(tmp_path / "a.png")
    (tmp_path / "several").mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(noise(64, 70, 3)).save(tmp_path / "several" / name)
    for name, arguments in (
        ("zero", ()),
        ("seed0", ("--seed", "0")),
        ("seed1", ("--seed", "1")),
        ("none", ("--no-noise",)),
    ):
        assert condgen("unet", "a.png", "-o", f"{name}.png", *arguments) == (0, [])
    made = {name: Path(f"{name}.png").read_bytes() for name in ("zero", "seed0", "seed1", "none")}
    assert made["zero"] == made["seed0"]
    assert len(set(made.values())) == 3
    assert condgen("unet", "several", "-o", "out")[0] == 0
    assert Path("out/b.png").read_bytes() == made["zero"]  # whatever came before


def test_sizes_and_tiles(condgen, tmp_path):
    Image.fromarray(noise(90, 120, 3)).save(tmp_path / "a.png")
    assert condgen("both", "a.png", "-o", "reduced.png", "--longest-side", "40") == (0, [])
    assert pixels_of("reduced.png").shape == (90, 120, 3)
    for name, arguments in (("whole", ()), ("tiles", ("--tile", "40"))):
        assert condgen("plain", "a.png", "-o", f"{name}.png", *arguments) == (0, [])
    assert np.abs(pixels_of("whole.png").astype(int) - pixels_of("tiles.png")).max() <= 2
    code, lines = condgen("both", "a.png", "-o", "x.png", "--tile", "40")
    assert (code, lines) == (
        1,
        [
            "condgen: tiles would change the result: instance norm takes mean and variance over the whole picture; "
            "for less memory take --longest-side N"
        ],
    )


def test_options_without_a_use_and_other_tasks_are_refused_in_one_line(condgen, tmp_path):
    Image.fromarray(noise(8, 8, 3)).save(tmp_path / "a.png")
    code, lines = condgen("unet", "a.png", "-o", "b.png", "--direction", "a2b")
    assert (code, lines) == (1, ["condgen: a model of task pix2pix has no direction; leave --direction out"])
    code, lines = condgen("../nowhere", "a.png", "-o", "b.png")
    assert (code, len(lines)) == (1, 1)


def test_a_model_that_does_not_translate_is_refused(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["condgen", "translate", "a.png", "-o", "b.png", "--model", "srgan-x4"])
    with pytest.raises(SystemExit):
        cli.main()
    assert capsys.readouterr().err == (
        "condgen: model srgan-x4 is of task srgan, which does not translate; see `condgen models`\n"
    )


@pytest.mark.parametrize("arguments", [("--tile", "0"), ("--longest-side", "-1"), ("--seed", "some")])
def test_numbers_are_checked(condgen, arguments):
    code, lines = condgen("both", "a.png", "-o", "b.png", *arguments)
    assert code == 2
    assert any("Invalid value" in line for line in lines)


def test_an_output_of_another_kind_says_what_the_model_translates(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["condgen", "translate", "speech.flac", "-o", "voice.wav"])
    with pytest.raises(SystemExit, match="1"):
        cli.main()
    problem = capsys.readouterr().err
    assert "voice.wav: is audio by its name, and the model translates image; give another --model" in problem
