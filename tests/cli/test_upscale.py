"""`condgen upscale` from end to end, with a small model of random weights: the issue is what users throw at it."""

from __future__ import annotations

import errno
import io
import os
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import png
import pytest
import torch
from PIL import Image

from condgen import cli
from condgen.data.image import Picture, read
from condgen.data.image_output import write
from condgen.runtime import model_folder
from condgen.tasks.srgan.task import Config, GeneratorConfig, build_generator


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    config = Config(generator=GeneratorConfig(residual_blocks=2, channels=8))
    tensors = {f"generator.{name}": tensor for name, tensor in build_generator(config).state_dict().items()}
    path = tmp_path_factory.mktemp("models") / "small-x4"
    model_folder.write(path, "srgan", config, tensors, {}, "card")
    return path


@pytest.fixture
def condgen(model, monkeypatch, capsys, tmp_path):
    """Runs the verb in `tmp_path`; returns the exit code and the lines on stderr that are no progress."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, list[str]]:
        monkeypatch.setattr(sys, "argv", ["condgen", "upscale", "--model", str(model), "--device", "cpu", *arguments])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        lines = capsys.readouterr().err.splitlines()
        return int(stop.value.code or 0), [line for line in lines if not line.startswith("[")]

    return call


def noise(*shape: int, dtype=np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def save_bomb(path: Path) -> None:
    with path.open("wb") as file:
        header = struct.pack(">IIBBBBB", 40000, 40000, 8, 2, 0, 0, 0)
        png.write_chunks(file, [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b"")])


@pytest.fixture
def pile(tmp_path) -> Path:
    """A folder with everything: ten pictures to be done, six files that cannot be."""
    folder = tmp_path / "pile"
    (folder / "good" / "deep").mkdir(parents=True)
    (folder / "bad").mkdir()
    photo = Image.fromarray(noise(13, 17, 3))
    photo.save(folder / "good" / "photo.jpg")
    photo.save(folder / "good" / "photo.webp")
    photo.save(folder / "good" / "photo.bmp")
    photo.save(folder / "good" / "still.gif")
    photo.convert("CMYK").save(folder / "good" / "cmyk.jpg")
    photo.quantize(8).save(folder / "good" / "palette.png")
    Image.fromarray(noise(1, 1, 3)).save(folder / "good" / "pixel.png")
    Image.fromarray(noise(1, 20000, 3)).save(folder / "good" / "strip.png")
    write(Picture(noise(5, 7, 3, dtype=np.uint16), noise(5, 7, dtype=np.uint16)), folder / "good" / "deep" / "deep.png")
    Image.fromarray(noise(5, 7)).save(folder / "good" / "deep" / "grey.tif")
    large = io.BytesIO()
    Image.fromarray(noise(64, 64, 3)).save(large, "PNG")
    (folder / "bad" / "truncated.png").write_bytes(large.getvalue()[:3000])
    (folder / "bad" / "text.jpg").write_text("these are words")
    (folder / "bad" / "empty.png").touch()
    photo.save(folder / "bad" / "moving.gif", save_all=True, append_images=[photo.rotate(180)])
    save_bomb(folder / "bad" / "bomb.png")
    photo.save(folder / "bad" / "forbidden.png")
    return folder


def test_everything_that_users_have(condgen, pile, monkeypatch):
    stat = os.stat

    def guarded(path, **options):
        if str(path).endswith("forbidden.png"):  # root may read anything, so permissions would not do
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr("condgen.data.files.os.stat", guarded)
    code, lines = condgen("pile", "missing.png", "-o", "made/here")
    assert code == 1
    assert lines[-1] == "10 done, 0 skipped (already there), 7 failed"
    told = {line.split(":")[0]: line for line in lines[:-1]}
    expected = {
        "missing.png": "there is no such file",
        "pile/bad/bomb.png": "claims more than",
        "pile/bad/empty.png": "is empty (0 bytes)",
        "pile/bad/forbidden.png": "cannot be read (Permission denied)",
        "pile/bad/moving.gif": "is an animation",
        "pile/bad/text.jpg": "is no image",
        "pile/bad/truncated.png": "is damaged or cut short",
    }
    assert told.keys() == expected.keys()
    assert len(lines) == 8
    for path, words in expected.items():
        assert words in told[path]
    assert not any("Traceback" in line for line in lines)
    made = Path("made/here")
    sizes = {path.relative_to(made).as_posix(): Image.open(path).size for path in made.rglob("*") if path.is_file()}
    photos = ("photo.jpg", "photo.webp", "photo.png", "still.png", "cmyk.jpg", "palette.png")
    assert sizes == {
        **{f"good/{name}": (68, 52) for name in photos},
        "good/pixel.png": (4, 4),
        "good/strip.png": (80000, 4),
        "good/deep/deep.png": (28, 20),
        "good/deep/grey.tif": (28, 20),
    }
    deep = read(made / "good" / "deep" / "deep.png")
    assert (deep.pixels.dtype, deep.pixels.shape, deep.alpha.shape) == (np.uint16, (20, 28, 3), (20, 28))
    assert read(made / "good" / "deep" / "grey.tif").pixels.shape == (20, 28, 1)


def test_one_file_into_a_missing_folder(condgen, tmp_path):
    Image.fromarray(noise(67, 101, 3)).save(tmp_path / "a.png")
    assert condgen("a.png", "-o", "new/folder/b.png", "--tile", "32") == (0, [])
    assert read(tmp_path / "new" / "folder" / "b.png").pixels.shape == (268, 404, 3)
    code, lines = condgen("a.png", "-o", "a.png/b.png")
    assert code == 1
    assert lines == ["condgen: a.png: cannot be an output folder, a.png is no folder; choose another -o"]


def test_the_output_must_not_be_the_input(condgen, tmp_path):
    Image.fromarray(noise(4, 4, 3)).save(tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()
    for output in ("a.png", "."):
        code, lines = condgen("a.png", "-o", output)
        assert code == 1
        assert lines[0] == "a.png: the output a.png is an input; choose another -o"
    assert (tmp_path / "a.png").read_bytes() == before


def test_a_full_disk_costs_the_file_and_nothing_else(condgen, tmp_path, monkeypatch):
    for name in ("a.png", "b.jpg", "c.png"):
        Image.fromarray(noise(4, 4, 3)).save(tmp_path / name)
    sync, calls = os.fsync, []

    def full_at_first(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) <= 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full_at_first)
    code, lines = condgen("a.png", "b.jpg", "c.png", "-o", "out")
    assert code == 1
    assert lines == [
        "out/a.png: cannot be written: the disk is full; free some space",
        "out/b.jpg: cannot be written: the disk is full; free some space",
        "1 done, 0 skipped (already there), 2 failed",
    ]
    assert [path.name for path in Path("out").iterdir()] == ["c.png"]


def test_links_in_a_circle_and_broken_ones_cost_a_line_each(condgen, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "circle.png").symlink_to("circle.png")
    (tmp_path / "in" / "dangling.png").symlink_to("nowhere.png")
    Image.fromarray(noise(8, 9, 3)).save(tmp_path / "in" / "ok.png")
    code, lines = condgen("in", "-o", "out")
    assert code == 1
    assert [line.split(":")[0] for line in lines[:-1]] == ["in/circle.png", "in/dangling.png"]
    assert os.listdir(tmp_path / "out") == ["ok.png"]


def test_weights_that_are_not_finite_are_refused(condgen, model, tmp_path):
    folder = model_folder.ModelFolder.read(model)
    tensors = folder.tensors()
    tensors["generator.tail.bias"][0] = torch.nan
    model_folder.write(tmp_path / "broken", "srgan", folder.config, tensors, {}, "card")
    Image.fromarray(noise(8, 9, 3)).save(tmp_path / "ok.png")
    code, lines = condgen("ok.png", "-o", "out.png", "--model", "broken")
    assert (code, len(lines)) == (1, 1)
    assert "weights are not finite" in lines[0]
    assert not (tmp_path / "out.png").exists()


def test_an_empty_output_is_refused(condgen, tmp_path):
    Image.fromarray(noise(8, 9, 3)).save(tmp_path / "ok.png")
    assert condgen("ok.png", "-o", "") == (1, ["condgen: -o is empty; name a file or a folder"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_standard_output_is_one_line():
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "condgen", "--help"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "condgen: [Errno 28] No space left on device\n"


def test_skip_existing_resumes_a_folder(condgen, pile):
    shutil.rmtree(pile / "bad")
    assert condgen("pile", "-o", "out") == (0, ["10 done, 0 skipped (already there), 0 failed"])
    Path("out/good/pixel.png").unlink()
    assert condgen("pile", "-o", "out", "--skip-existing") == (0, ["1 done, 9 skipped (already there), 0 failed"])


def test_alpha_into_jpeg_and_unknown_endings_are_refused(condgen, tmp_path):
    Image.fromarray(noise(4, 4, 4)).save(tmp_path / "a.png")
    code, lines = condgen("a.png", "-o", "b.jpg")
    assert code == 1
    assert lines[0] == "b.jpg: JPEG cannot hold the transparency of the input; write .png"
    code, lines = condgen("a.png", "-o", "b.xyz")
    assert code == 1
    assert "the ending must be one of .jpeg .jpg .png" in lines[0]
    assert not list(tmp_path.glob("b.*"))


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--device", "tpu", "condgen: there is no device 'tpu'"),
        ("--device", "cuda:99", "condgen: device 'cuda:99' is not there"),
        ("--model", "unheard-of", "condgen: there is no model 'unheard-of'"),
    ],
)
def test_unknown_models_and_devices_are_one_line(condgen, tmp_path, option, value, words):
    Image.fromarray(noise(4, 4, 3)).save(tmp_path / "a.png")
    code, lines = condgen("a.png", "-o", "b.png", option, value)
    assert code == 1
    assert len(lines) == 1
    assert lines[0].startswith(words)


@pytest.mark.parametrize("tile", ["some", "0", "-3"])
def test_a_tile_is_a_number(condgen, tile):
    code, lines = condgen("a.png", "-o", "b.png", "--tile", tile)
    assert code == 2
    assert any("neither auto nor a number" in line for line in lines)


def test_python_gives_what_the_command_gives(condgen, model, tmp_path):
    from condgen import load

    Image.fromarray(noise(13, 17, 3)).save(tmp_path / "a.png")
    assert condgen("a.png", "-o", "b.png") == (0, [])
    made = load(str(model), device="cpu")(Image.open(tmp_path / "a.png"))
    np.testing.assert_array_equal(np.asarray(made), np.asarray(Image.open(tmp_path / "b.png")))
