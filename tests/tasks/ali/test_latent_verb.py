"""Strips and grids from end to end, with a small model of random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import condgen
from condgen.data import manifest as manifests
from condgen.tasks.ali.painting import read_layer


def cells(name: str, columns: int, rows: int = 1) -> list[np.ndarray]:
    """The pictures (32, 32) of a grey grid of them enlarged 3 times: frames of 96x96 on a white ground."""
    grid = np.asarray(Image.open(name))[..., 0]
    height, width = (grid.shape[0] - 4) // rows, (grid.shape[1] - 4) // columns
    lefts = [4 + number * width + (width - 4 - 96) // 2 for number in range(columns)]
    tops = [4 + number * height for number in range(rows)]
    return [grid[top + 1 : top + 96 : 3, left + 1 : left + 96 : 3] for top in tops for left in lefts]


def as_pixels(pictures: torch.Tensor) -> np.ndarray:
    """(N, 1, 32, 32) in [-1, 1] -> uint8 (N, 32, 32)."""
    return ((pictures[:, 0] + 1) * 127.5).round().to(torch.uint8).numpy()


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Mean absolute one, in steps of 255; networks in bf16 give and take 1, by how many pictures go together."""
    return np.abs(one.astype(float) - other).mean()


@pytest.fixture
def pipeline(model):
    return condgen.load(str(model), device="cpu")


@pytest.fixture
def data(tmp_path) -> Path:
    """20 training pictures: dark and bright noise, half of either striped; and two without a label."""
    random, rows = np.random.default_rng(5), []
    for number in range(22):
        label, striped = number % 2, bool(number // 2 % 2)
        pixels = random.integers(128 * label, 128 * label + 128, (32, 32), np.uint8)
        pixels[:: 2 if striped else 99] = 128
        Image.fromarray(pixels).save(tmp_path / f"n{number}.png")
        labels = {"label": "xy"[label], "striped": striped} if number < 20 else {}
        rows.append({"split": "train", "image": f"n{number}.png", **labels})
    manifests.write(tmp_path / "manifest.jsonl", rows)
    return tmp_path / "manifest.jsonl"


def encoded(pipeline, folder: Path, numbers) -> torch.Tensor:
    return pipeline.encode(torch.cat([pipeline.read(folder / f"n{number}.png") for number in numbers]))


def test_an_interpolation_runs_from_one_picture_to_the_other(run, model, pipeline, tmp_path):
    assert run("interpolate", "a.png", "b.png", "-o", "strip.png", "--model", str(model), "--count", "4") == (0, [])
    first, *_, before_last, last = cells("strip.png", 6)
    assert np.array_equal(first, np.asarray(Image.open("a.png")))
    assert np.array_equal(last, np.asarray(Image.open("b.png")))
    assert difference(before_last, as_pixels(pipeline(pipeline.read(tmp_path / "b.png")))[0]) < 2


@pytest.mark.parametrize("size", [2, 4])
def test_an_analogy_shows_its_pictures_and_the_decoded_sum(run, model, pipeline, tmp_path, size):
    options = ("--size", str(size)) if size > 2 else ()
    assert run("analogy", "a.png", "b.png", "c.png", "-o", "grid.png", *options, "--model", str(model)) == (0, [])
    shown = cells("grid.png", size, size)
    for corner, name in zip((0, size - 1, -size), "abc", strict=True):
        assert np.array_equal(shown[corner], np.asarray(Image.open(f"{name}.png")))
    a, b, c = (pipeline.encode(pipeline.read(tmp_path / f"{name}.png")) for name in "abc")
    assert difference(shown[-1], as_pixels(pipeline.decode(c + b - a))[0]) < 2


def test_neighbours_are_the_nearest_pictures_around_the_given_one(run, model, pipeline, data, tmp_path):
    options = ("--rows", "2", "--columns", "3", "--between", "1", "--data", str(data), "--model", str(model))
    assert run("neighbours", "a.png", "-o", "map.png", *options) == (0, [])
    shown = np.array(cells("map.png", 5, 3)).reshape(3, 5, 32, 32)[::2, ::2].reshape(6, 32, 32)
    centre, around = pipeline.encode(pipeline.read(tmp_path / "a.png")), encoded(pipeline, tmp_path, range(22))
    nearest = around[(around - centre).norm(dim=1).argsort()[:5]]
    for picture in as_pixels(pipeline.decode(torch.cat([centre, nearest]))):
        assert min(difference(picture, one) for one in shown) < 2


def test_neighbours_of_a_conditional_model_are_of_the_same_label(run, conditional_model, data):
    options = ("--data", str(data), "--model", str(conditional_model), "--rows", "1", "--between", "0")
    assert run("neighbours", "a.png", "-o", "map.png", "--columns", "11", "--label", "x", *options) == (0, [])
    code, lines = run("neighbours", "a.png", "-o", "map2.png", "--columns", "12", "--label", "x", *options)
    assert (code, len(lines)) == (1, 1)
    assert "a map of 1 x 12 needs 11 pictures beside yours, and 10 were taken" in lines[0]


def test_an_attribute_moves_the_picture_along_the_difference_of_means(run, model, pipeline, data, tmp_path):
    options = ("--from", "-1", "--to", "3", "--count", "3", "--data", str(data), "--model", str(model))
    assert run("attribute", "a.png", "--towards", "y", "-o", "strip.png", *options) == (0, [])
    photo, *shown = cells("strip.png", 4)
    assert np.array_equal(photo, np.asarray(Image.open("a.png")))
    means = [encoded(pipeline, tmp_path, range(label, 20, 2)).mean(0) for label in (0, 1)]
    vector, centre = means[1] - means[0], pipeline.encode(pipeline.read(tmp_path / "a.png"))
    wanted = as_pixels(pipeline.decode(torch.cat([centre + strength * vector for strength in (-1, 1, 3)])))
    assert difference(wanted[0], wanted[2]) > 50
    for picture, one in zip(shown, wanted, strict=True):
        assert difference(picture, one) < 2


def test_a_blur_needs_no_labels(run, model, pipeline, data, tmp_path):
    from torchvision.transforms.v2.functional import gaussian_blur

    options = ("--from", "0", "--to", "5", "--count", "2", "--data", str(data), "--model", str(model))
    assert run("attribute", "a.png", "--blur", "-o", "strip.png", *options) == (0, [])
    images = torch.cat([pipeline.read(tmp_path / f"n{number}.png") for number in range(22)])
    blurred = gaussian_blur(images, [7, 7], [1.0, 1.0])
    vector = (pipeline.encode(blurred) - pipeline.encode(images)).mean(0)
    wanted = as_pixels(pipeline.decode(pipeline.encode(pipeline.read(tmp_path / "a.png")) + 5 * vector))[0]
    *_, reconstructed, last = cells("strip.png", 3)
    assert difference(last, wanted) < 2
    assert difference(last, reconstructed) > 20


def painted(pixels: np.ndarray, alpha: np.ndarray, name: str) -> str:
    Image.fromarray(np.dstack([pixels, pixels, pixels, alpha])).save(name)
    return name


def test_an_edit_is_nearer_to_the_strokes_than_the_projection_was(run, model, pipeline):
    photo, other = as_pixels(pipeline.sample(2, seed=3))
    Image.fromarray(photo).save("photo.png")
    upper = np.zeros((32, 32), np.uint8)
    upper[:31] = 255  # nearly all: what is not painted is to stay, and a random decoder couples all
    strokes = painted(other, upper, "strokes.png")
    assert run("edit", "photo.png", "--paint", strokes, "-o", "grid.png", "--model", str(model)) == (0, [])
    shown, projected, over, edited = cells("grid.png", 4)
    assert np.array_equal(shown, photo)
    assert difference(projected, photo) < 5
    assert np.array_equal(over[:31], other[:31])
    assert np.array_equal(over[31:], projected[31:])
    before, after = (np.square(one[:31].astype(float) - other[:31]).mean() for one in (projected, edited))
    assert after < 0.5 * before


def test_lines_change_a_picture_and_go_with_strokes(run, model, pipeline):
    photo = as_pixels(pipeline.sample(1, seed=3))[0]
    Image.fromarray(photo).save("photo.png")
    alpha = np.zeros((32, 32), np.uint8)
    alpha[:, 15:17] = 255
    lines, to = painted(np.zeros_like(alpha), alpha, "lines.png"), ("--model", str(model))
    assert run("edit", "photo.png", "--sketch", lines, "-o", "lines_grid.png", *to) == (0, [])
    _, projected, over, edited = cells("lines_grid.png", 4)
    assert not over[:, 15:17].any()
    both = torch.from_numpy(np.stack([projected, edited]))[:, None] / 127.5 - 1
    before, after = read_layer(Path(lines), Path("photo.png"), 1).sketching().distance(both)
    assert after < 0.9 * before
    strokes = painted(np.full_like(photo, 255), alpha.T, "strokes.png")
    assert run("edit", "photo.png", "--sketch", lines, "--paint", strokes, "-o", "both.png", *to) == (0, [])
    assert difference(cells("both.png", 4)[3], edited) > 5


def test_mistakes_are_one_line(run, model, data, tmp_path):
    to = ("-o", "s.png", "--model", str(model))
    Image.new("L", (32, 32)).save("opaque.png")
    Image.new("LA", (30, 32)).save("other_size.png")
    manifest = ("--data", str(data))
    for arguments, text in {
        ("interpolate", "a.png", "none.png"): "condgen: none.png: there is no such file",
        ("edit", "a.png"): "give --paint STROKES.png or --sketch LINES.png",
        ("edit", "a.png", "--paint", "none.png"): "none.png: there is no such file",
        ("edit", "a.png", "--paint", "opaque.png"): "opaque.png: is nowhere transparent",
        ("edit", "a.png", "--sketch", "other_size.png"): "other_size.png: has 30x32 pixels and a.png 32x32",
        ("neighbours", "a.png", "--data", "none.jsonl"): "there is no manifest none.jsonl",
        ("neighbours", "a.png", *manifest, "--split", "test"): "has no rows of split 'test'; it has train",
        ("neighbours", "a.png", *manifest): "needs 24 pictures beside yours, and 22 were taken; lower --rows",
        ("neighbours", "a.png", "--label", "x", *manifest): "this model knows no labels",
        ("attribute", "a.png", *manifest): "give either --towards NAME",
        ("attribute", "a.png", "--blur", "--towards", "x", *manifest): "give either --towards NAME",
        ("attribute", "a.png", "--blur", "--balance", "x", *manifest): "give either --towards NAME",
        ("attribute", "a.png", "--blur", "--from", "nan", *manifest): "--from nan --to 2.0: give numbers",
        ("attribute", "a.png", "--blur", "--to", "inf", *manifest): "--from -1.0 --to inf: give numbers",
        ("attribute", "a.png", "--towards", "z", *manifest): "'z' is neither a label there nor a field",
        ("attribute", "a.png", "--towards", "x", "--balance", "y", *manifest): "of 20 pictures none is x and y",
    }.items():
        code, lines = run(*arguments, *to)
        assert (code, len(lines)) == (1, 1), lines
        assert text in lines[0]
    assert not Path("s.png").exists()


def test_places_where_nothing_can_be_written_are_found_out_first(run, model, tmp_path):
    to = ("--model", str(model))
    code, lines = run("interpolate", "a.png", "b.png", "-o", "s.gif", *to)
    assert (code, len(lines)) == (1, 1)
    assert "the ending must be one of" in lines[0]
    for words, output in ((("analogy", "a.png", "b.png", "c.png"), "b.png"), (("edit", "a.png", "--paint"), "c.png")):
        extra = ("c.png",) if words[0] == "edit" else ()
        line = f"condgen: {output}: the output is an input; choose another -o"
        assert run(*words, *extra, "-o", output, *to) == (1, [line])
    assert run("interpolate", "a.png", "b.png", "-o", "no/s.png", *to) == (
        1,
        ["condgen: no/s.png: there is no folder no; create it first"],
    )


def test_conditional_models_take_a_label(run, conditional_model, data):
    to = ("--model", str(conditional_model))
    manifest = ("--data", str(data))
    strokes = painted(np.full((32, 32), 200, np.uint8), np.diag(np.full(32, 255, np.uint8)), "strokes.png")
    for verb in (
        ("interpolate", "a.png", "b.png"),
        ("analogy", "a.png", "b.png", "c.png", "--size", "3"),
        ("edit", "a.png", "--paint", strokes),
    ):
        assert run(*verb, "-o", f"{verb[0]}.png", "--label", "y", *to) == (0, [])
        assert Path(f"{verb[0]}.png").is_file()
    code, lines = run("interpolate", "a.png", "b.png", "-o", "s.png", *to)
    assert (code, lines[0]) == (1, "condgen: this model needs a label for each of 2 pictures, got 0; it knows x, y")
    code, lines = run("attribute", "a.png", "-o", "s.png", "--label", "x", "--towards", "y", *manifest, *to)
    assert (code, "is told the class, and its latent vectors leave it out; use --label y" in lines[0]) == (1, True)
    code, lines = run("attribute", "a.png", "-o", "s.png", "--label", "x", "--towards", "striped", *manifest, *to)
    assert (code, lines) == (0, [])
    code, lines = run("attribute", "a.png", "-o", "s2.png", "--label", "x", "--blur", *manifest, *to)
    assert (code, "manifest.jsonl:21: the row has no 'label'" in lines[0]) == (1, True)
