"""The picture of latent codes, and `condgen codes`."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from condgen import tasks, training
from condgen.cli import app
from condgen.config import OptimizerConfig, RunConfig
from condgen.data import picture_grid
from condgen.errors import UserError
from condgen.tasks.class_conditional import example
from condgen.tasks.class_conditional.code_figure import COLUMNS, ROWS, code_figure
from condgen.tasks.class_conditional.config import CodesConfig
from condgen.tasks.class_conditional.pipeline import Pipeline
from condgen.tasks.class_conditional.task import ClassConditional


def save(config, folder):
    torch.manual_seed(0)
    task = ClassConditional(config)
    players = {player: OptimizerConfig() for player in task.players(config)}
    data = tasks.part("class_conditional", "data").DataConfig()
    training.save_model(task, RunConfig(task="class_conditional", model=config, data=data, optimizers=players), folder)
    return str(folder)


class Recorder(Pipeline):
    """Keeps what it is asked to draw."""

    def decode(self, noise, labels=None):
        self.asked = noise
        return super().decode(noise, labels)


def recorded(codes: CodesConfig) -> tuple[np.ndarray, torch.Tensor, Recorder]:
    config = example.config(codes=codes)
    task = ClassConditional(config)
    pipeline = Recorder(task.generator, config, discriminator=task.discriminator, device="cpu")
    return code_figure(pipeline), pipeline.asked, pipeline


def test_each_panel_varies_one_thing():
    picture, asked, pipeline = recorded(CodesConfig(categorical=[3], continuous=2))
    noise_width = pipeline.config.generator.noise_channels
    rows = asked.view(3, 3 * COLUMNS, -1)
    noise, category, values = rows.split([noise_width, 3, 2], dim=2)
    assert (category.argmax(2) == torch.arange(3)[:, None]).all(), "a row a category"
    assert (values[:, :COLUMNS] == 0).all(), "the first panel is of noise"
    assert len(noise[0, :COLUMNS].unique(dim=0)) == COLUMNS
    assert (noise[:, COLUMNS:] == noise[0, 0]).all(), "the others are of codes"
    swept = torch.linspace(-2, 2, COLUMNS).expand(3, -1)
    torch.testing.assert_close(values[:, COLUMNS : 2 * COLUMNS, 0], swept)
    torch.testing.assert_close(values[:, 2 * COLUMNS :, 1], swept)
    assert (values[:, COLUMNS : 2 * COLUMNS, 1] == 0).all()
    assert picture.shape[2] == 3


def test_without_categories_a_row_is_a_noise():
    _, asked, pipeline = recorded(CodesConfig(continuous=1))
    noise, _ = asked.view(ROWS, COLUMNS, -1).split([pipeline.config.generator.noise_channels, 1], dim=2)
    assert (noise == noise[:, :1]).all()
    assert len(noise[:, 0].unique(dim=0)) == ROWS


def test_a_second_categorical_code_has_a_panel():
    _, asked, _ = recorded(CodesConfig(categorical=[2, 4]))
    second = asked.view(2, COLUMNS + 4, -1)[:, COLUMNS:, -4:]
    assert (second.argmax(2) == torch.arange(4)).all()


def test_the_verb_writes_the_figure(tmp_path):
    model = save(example.config(codes=CodesConfig(categorical=[2], continuous=1)), tmp_path / "model")
    result = CliRunner().invoke(app, ["codes", "--model", model, "-o", str(tmp_path / "codes.png")])
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "codes.png") as picture:
        assert picture.width > 2 * COLUMNS * (56 + picture_grid.GAP)


@pytest.mark.parametrize("wrong", ["no codes", "no folder", "no picture"])
def test_what_cannot_be_is_one_line(wrong, tmp_path):
    codes = None if wrong == "no codes" else CodesConfig(categorical=[2])
    model = save(example.config(codes=codes), tmp_path / "model")
    output = {"no codes": "codes.png", "no folder": "none/codes.png", "no picture": "codes.txt"}[wrong]
    result = CliRunner().invoke(app, ["codes", "--model", model, "-o", str(tmp_path / output)])
    assert isinstance(result.exception, UserError)
    assert "\n" not in str(result.exception)
    assert not (tmp_path / output).exists()
