"""Measures of samples whose modes are known, the data, the pipeline, the figure."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import condgen
from condgen import config, training
from condgen.data.manifest import Manifest, write
from condgen.errors import UserError
from condgen.tasks.gaussian_mixture import evaluation, figure
from condgen.tasks.gaussian_mixture.data import Dataset, require_good
from condgen.tasks.gaussian_mixture.pipeline import Pipeline
from condgen.tasks.gaussian_mixture.task import Config, Game, build_generator

CORNERS = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]])
SMALL = {"decoder_width": 4, "decoder_layers": 1, "encoder_width": 4, "discriminator_width": 4}


class Given:
    """A pipeline that draws from given points in turn, and reconstructs what it is told to."""

    def __init__(self, samples: list[list[float]], reconstructions: torch.Tensor | None = None):
        self.samples, self.reconstructions = torch.tensor(samples), reconstructions
        self.encodes = reconstructions is not None

    def __call__(self, count, *, seed=0):
        return self.samples.repeat(-(-count // len(self.samples)), 1)[:count]

    def reconstruct(self, points):
        return self.reconstructions


@pytest.fixture
def manifest(tmp_path):
    """Four modes of deviation 0.1: each centre has four points at 0.1 times the square root of 2 from it."""
    around = 0.1 * torch.tensor([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])
    points = [(mode, (centre + step).tolist()) for mode, centre in enumerate(CORNERS) for step in around]
    rows = [{"split": split, "point": p, "mode": m} for split in ("train", "validation") for m, p in points]
    write(tmp_path / "manifest.jsonl", rows)
    return tmp_path / "manifest.jsonl"


@pytest.fixture
def data(manifest):
    return Dataset(Manifest.read(manifest), "validation")


def test_the_mixture_is_read_off_its_points(data):
    torch.testing.assert_close(data.mixture.centres, CORNERS)
    assert data.mixture.deviation == pytest.approx(0.1)
    mode, distance = data.mixture.nearest(torch.tensor([[4.3, 0.0], [0.0, 3.0]]))
    assert mode.tolist() == [1, 2]
    assert distance.tolist() == pytest.approx([3, 10], rel=1e-4)


def test_a_mode_is_covered_by_a_quarter_of_its_share(data):
    near, far = [[0.0, 0.2]], [[0.0, 0.5]]  # 2 and 5 deviations from a centre
    samples = near * 90 + [[4.0, 0.1]] * 7 + [[0.0, 4.0]] * 1 + far * 2
    table = evaluation.measure(Given(samples), data)
    shares = [table[f"mode {number}"]["share"] for number in range(4)]
    assert shares == pytest.approx([0.90, 0.07, 0.01, 0.0])
    assert table["mean"]["modes_covered"] == 2.0  # 0.25 / 4 = 0.0625 is enough
    assert table["mean"]["near_mode"] == pytest.approx(0.98)


def test_the_spread_is_that_of_the_points_or_less(data):
    corners = CORNERS.tolist()
    assert evaluation.measure(Given(corners), data)["mean"]["spread"] == pytest.approx((4 / 4.01) ** 0.5, rel=0.04)
    assert evaluation.measure(Given(corners[:2]), data)["mean"]["spread"] == pytest.approx(0.5**0.5, rel=0.04)
    assert evaluation.measure(Given(corners[:1]), data)["mean"]["spread"] == 0


def test_reconstructions_are_followed_to_their_mode(data):
    moved = data.points.clone()
    moved[data.modes == 1] = CORNERS[2]
    moved[0] = torch.tensor([1.5, 1.5])  # far from every centre, nearest to its own
    table = evaluation.measure(Given([[0.0, 0.0]], moved), data)
    assert [table[f"mode {number}"]["kept_mode"] for number in range(4)] == [1.0, 0.0, 1.0, 1.0]
    assert table["mean"]["kept_mode"] == pytest.approx(0.75)


def test_the_picture_shows_points_where_they_are(data):
    shown = evaluation.picture(Given([[4.0, 4.0]]), data)
    assert shown.dtype == np.uint8
    left, right = shown[:240, :246, 0], shown[:240, 248:, 0]
    assert (right < 128).sum() == 1  # all samples at one place
    row, column = np.argwhere(right < 128)[0]
    assert row < 80  # up
    assert column > 160  # on the right
    assert (left < 128).sum() == 16


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"mode": 0}, "no 'point'"),
        ({"point": [1.0], "mode": 0}, "must be two numbers"),
        ({"point": [1.0, float("nan")], "mode": 0}, "must be two numbers"),
        ({"point": "1, 2", "mode": 0}, "must be two numbers"),
        ({"point": [1.0, 2.0], "mode": 0.5}, "whole number from 0"),
        ({"point": [1.0, 2.0], "mode": 6}, "mode 4 has fewer than 2 points"),
    ],
)
def test_bad_rows_are_one_line(manifest, row, said):
    with open(manifest, "a") as file:
        file.write(str({"split": "train", **row}).replace("'", '"').replace("nan", "NaN") + "\n")
    run = config.resolve({"task": "gaussian_mixture", "data": {"manifest": str(manifest)}})
    with pytest.raises(UserError, match=said) as caught:
        require_good(run)
    assert str(manifest) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_modes_without_a_width_are_refused(tmp_path):
    rows = [{"split": "validation", "point": [float(n % 2), 0.0], "mode": n % 2} for n in range(4)]
    write(tmp_path / "m.jsonl", rows)
    with pytest.raises(UserError, match="a mode has a width"):
        Dataset(Manifest.read(tmp_path / "m.jsonl"), "validation")


def pipeline(**changes) -> Pipeline:
    torch.manual_seed(0)
    model = Config(**SMALL, **changes)
    return Pipeline(build_generator(model), model, device="cpu")


def test_samples_are_those_of_the_seed_and_reconstructions_go_through_the_mean():
    ali = pipeline(game=Game.ALI)
    assert ali(3, seed=5).shape == (3, 2)
    assert torch.equal(ali(3, seed=5), ali(3, seed=5))
    assert not torch.equal(ali(3, seed=5), ali(3, seed=6))
    points = torch.randn(3, 2)
    assert torch.equal(ali.reconstruct(points), ali.decode(ali.encode(points)))
    assert torch.equal(ali.encode(points), ali.encode(points))


def test_a_gan_says_that_it_has_no_encoder():
    with pytest.raises(UserError, match=r"no encoder; train one with model.game=ali"):
        pipeline().reconstruct(torch.zeros(1, 2))


@pytest.fixture
def runs(manifest, tmp_path):
    """Tiny runs of a GAN and of ALI, trained through the whole chain."""
    for game in Game:
        trainer = {"iterations": 2, "batch_size": 4, "device": "cpu", "precision": "fp32", "loader_workers": 0}
        model = {**SMALL, "game": str(game)}
        tree = {"task": "gaussian_mixture", "model": model, "data": {"manifest": str(manifest)}, "trainer": trainer}
        training.run(config.resolve(tree), tmp_path / "runs" / game)
    return tmp_path / "runs"


def test_from_training_to_the_table_and_the_figure(runs, data, manifest):
    assert list((runs / "ali" / "samples").glob("*.png"))
    loaded = condgen.load(str(runs / "ali" / "model"), device="cpu")
    table, missing = evaluation.evaluate(loaded, Manifest.read(manifest), "validation", [], {})
    assert missing == []
    assert set(table["mean"]) == {"modes_covered", "near_mode", "spread", "kept_mode"}
    with pytest.raises(UserError, match="no further metric 'lpips'"):
        evaluation.evaluate(loaded, Manifest.read(manifest), "validation", ["lpips"], {})
    pytest.importorskip("matplotlib")
    with Image.open(io.BytesIO(figure.draw(runs, data))) as drawn:
        # real points, GAN, ALI, its reconstructions, divergences, piles: six panels in rows of five
        assert drawn.format == "PNG"
        assert drawn.width / drawn.height == pytest.approx(5 / 2, rel=0.01)


def test_what_the_figure_needs_is_said(runs, data, tmp_path, monkeypatch, capsys):
    with pytest.raises(UserError, match="has no run of gan, ali"):
        figure.draw(tmp_path, data)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UserError, match=r"pip install 'condgen\[figures\]'"):
        figure.draw(runs, data)
    monkeypatch.setattr(sys, "argv", ["figure", str(runs), "--data", str(tmp_path / "none"), "-o", "f.png"])
    with pytest.raises(SystemExit):
        figure.main()
    assert capsys.readouterr().err.startswith("figure: there is no manifest")
