"""`condgen sample` on tiny models: grids, files, and what cannot be sampled."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from condgen import tasks, training
from condgen.cli import app
from condgen.config import OptimizerConfig, RunConfig
from condgen.errors import UserError
from condgen.tasks.class_conditional import example as labelled
from condgen.tasks.class_conditional.discriminator import Judging


def save(task: str, config, folder):
    torch.manual_seed(0)
    made = tasks.part(task, "task").TASK(config)
    players = {player: OptimizerConfig() for player in made.players(config)}
    run = RunConfig(task=task, model=config, data=tasks.part(task, "data").DataConfig(), optimizers=players)
    training.save_model(made, run, folder)
    return str(folder)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    config = labelled.config(judging=Judging.AUXILIARY_CLASSIFIER)
    return save("class_conditional", config, tmp_path_factory.mktemp("labelled") / "model")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return save("class_conditional", labelled.config(), tmp_path_factory.mktemp("plain") / "model")


def run(*arguments: str):
    return CliRunner().invoke(app, ["sample", *arguments])


def test_a_grid_has_a_row_a_label(model, tmp_path):
    assert run("--model", model, "--count", "3", "-o", str(tmp_path / "new" / "grid.png")).exit_code == 0
    with Image.open(tmp_path / "new" / "grid.png") as grid:
        assert grid.width > 3 * 96
        assert 2 * 96 < grid.height < 3 * 96


def test_a_folder_gets_a_file_a_sample_and_the_same_ones_again(model, tmp_path):
    arguments = ("--model", model, "--label", "dark", "--count", "2", "--seed", "5")
    for folder in ("first", "second"):
        assert run(*arguments, "-o", str(tmp_path / folder)).exit_code == 0
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert names == ["dark-00000.png", "dark-00001.png"]
    first, second = (np.asarray(Image.open(tmp_path / folder / names[0])) for folder in ("first", "second"))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (28, 28)
    assert run(*arguments[:-1], "6", "-o", str(tmp_path / "third")).exit_code == 0
    assert (np.asarray(Image.open(tmp_path / "third" / names[0])) != first).any()


def test_without_labels(plain, tmp_path):
    assert run("--model", plain, "--count", "3", "-o", str(tmp_path / "files")).exit_code == 0
    assert sorted(path.name for path in (tmp_path / "files").iterdir()) == [f"sample-0000{n}.png" for n in range(3)]


@pytest.mark.parametrize(
    ("which", "arguments", "says"),
    [
        ("model", ("--label", "green", "-o", "out"), "knows no label 'green'; it knows bright, dark"),
        ("plain", ("--label", "dark", "-o", "out"), "knows no labels; leave them out"),
        ("model", ("-o", "out.txt"), "the ending must be one of"),
        ("model", ("-o", ""), "-o is empty"),
        ("srgan-x4", ("-o", "out"), "draws no pictures from noise"),
    ],
)
def test_mistakes_are_one_line(which, arguments, says, model, plain, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = {"model": model, "plain": plain}.get(which, which)
    done = run("--model", name, *arguments)
    assert isinstance(done.exception, UserError)
    assert says in str(done.exception)
    assert "\n" not in str(done.exception)
    assert not list(tmp_path.iterdir())


def test_files_come_in_portions_that_a_grid_would_have_shown_at_once(model, tmp_path, monkeypatch):
    from condgen.cli import sample

    arguments = ("--model", model, "--count", "3", "--seed", "1")
    assert run(*arguments, "-o", str(tmp_path / "at_once")).exit_code == 0
    monkeypatch.setattr(sample, "PORTION", 2)
    assert run(*arguments, "-o", str(tmp_path / "portions")).exit_code == 0
    for first in sorted((tmp_path / "at_once").iterdir()):
        second = tmp_path / "portions" / first.name
        difference = np.asarray(Image.open(first)).astype(int) - np.asarray(Image.open(second))
        assert abs(difference).max() <= 1, "another batch rounds otherwise"


def test_too_large_a_grid_and_standard_output_are_refused(model, tmp_path):
    for arguments, says in (
        (("--count", "2000", "-o", str(tmp_path / "grid.png")), "4,000"),
        (("-o", "-"), "standard"),
    ):
        done = run("--model", model, *arguments)
        assert isinstance(done.exception, UserError)
        assert says in str(done.exception)


def test_labels_that_are_the_same_in_a_files_name_have_files_of_their_own():
    from condgen.cli.sample import _names

    assert _names(["a/b", "a-b", "a/b", "c"]) == ["a-b", "a-b-2", "a-b", "c"]
