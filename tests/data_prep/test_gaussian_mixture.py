"""data_prep/gaussian_mixture.py as a user runs it: the points, and that a seed draws them again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from condgen.data.manifest import Manifest

SCRIPT = Path(__file__).parents[2] / "data_prep" / "gaussian_mixture.py"


def draw(folder, *arguments):
    command = [sys.executable, SCRIPT, "-o", folder, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_nine_modes_on_a_grid(tmp_path):
    done = draw(tmp_path, "--train", 400, "--validation", 10)
    assert done.returncode == 0, done.stderr
    assert f"{tmp_path / 'manifest.jsonl'}: 3600 train, 90 validation points" in done.stdout
    rows = Manifest.read(tmp_path / "manifest.jsonl").rows("train")
    points, modes = np.array([row["point"] for row in rows]), np.array([row["mode"] for row in rows])
    assert np.bincount(modes).tolist() == [400] * 9
    centres = np.array([points[modes == mode].mean(0) for mode in range(9)])
    expected = [[x, y] for x in (-2, 0, 2) for y in (-2, 0, 2)]
    np.testing.assert_allclose(centres, expected, atol=5 * 0.2 / 400**0.5)
    np.testing.assert_allclose((points - centres[modes]).std(), 0.2, rtol=0.05)


def test_a_seed_draws_the_same_points_and_options_shape_the_grid(tmp_path):
    small = ("--train", 5, "--validation", 5, "--side", 2, "--spacing", 3, "--deviation", 0.01)
    for folder, seed in (("a", 7), ("b", 7), ("c", 8)):
        assert draw(tmp_path / folder, *small, "--seed", seed).returncode == 0
    texts = [(tmp_path / folder / "manifest.jsonl").read_text() for folder in ("a", "b", "c")]
    assert texts[0] == texts[1] != texts[2]
    rows = Manifest.read(tmp_path / "a" / "manifest.jsonl").all_rows
    rounded = {tuple(round(value * 2) / 2 for value in row["point"]) for row in rows}
    assert rounded == {(-1.5, -1.5), (-1.5, 1.5), (1.5, -1.5), (1.5, 1.5)}


def test_train_and_validation_are_drawn_apart(tmp_path):
    draw(tmp_path, "--train", 50, "--validation", 50)
    manifest = Manifest.read(tmp_path / "manifest.jsonl")
    train, validation = ({tuple(row["point"]) for row in manifest.rows(split)} for split in ("train", "validation"))
    assert len(train & validation) < 5


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    done = draw(tmp_path / "file", "--train", 2, "--validation", 2)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "cannot be written" in done.stderr
