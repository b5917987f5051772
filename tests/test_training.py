"""From a config to a run folder, on drawn pictures."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from condgen import training
from condgen.cli import app
from condgen.config import read
from condgen.data.synthetic import draw
from condgen.errors import UserError
from condgen.runtime.model_folder import ModelFolder

CONFIG = """
task: srgan
model:
  generator: {residual_blocks: 1, channels: 8, edge_kernel: 3}
  discriminator: {crop: 32, channels: 4, head: pooled}
  adversarial_weight: 0.001
data: {crop: 32}
trainer: {iterations: 2, batch_size: 2, log_every: 1, ema_decay: 0.5, device: cpu}
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    draw(folder, train=4, validation=2, size=64, seed=0)
    return folder / "manifest.jsonl"


@pytest.fixture
def config(tmp_path, data):
    path = tmp_path / "tiny.yaml"
    path.write_text(CONFIG)
    return read(path, [f"data.manifest={data}"])


def test_a_run_leaves_everything_it_should(config, tmp_path):
    folder = tmp_path / "run"
    model = training.run(config, folder)
    assert model == folder / "model"
    assert read(folder / "config.yaml") == config
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    validation = next(line for line in lines if "validation/psnr_y" in line)
    assert 5 < validation["validation/psnr_y"] < 60
    with Image.open(folder / "samples" / "iteration-00000002.png") as picture:
        assert picture.size == (3 * 96, 2 * 96)
    found = ModelFolder.find(model)
    assert {name.split(".")[0] for name in found.tensors(training=True)} == {"generator", "discriminator"}
    assert "condgen train" in (model / "README.md").read_text()
    with pytest.raises(UserError, match="already holds a run; add --resume"):
        training.run(config, folder)
    training.run(config, folder, resume=True)  # nothing is left to do


def test_validation_during_training_is_what_evaluate_gives(config, tmp_path, data):
    """The averaged weights go through the pipeline in both, so what was seen is what users get."""
    model = training.run(config, tmp_path / "run")
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    seen = next(line for line in lines if "validation/psnr_y" in line)
    output = tmp_path / "table.json"
    done = CliRunner().invoke(app, ["evaluate", str(model), "--data", str(data), "-o", str(output)])
    assert done.exit_code == 0, done.output
    table = json.loads(output.read_text())["table"]
    assert len(table) == 4  # two photos, their mean, and bicubic
    for name, value in table["mean"].items():
        assert value == pytest.approx(seen[f"validation/{name}"], rel=1e-6)
    assert table["mean of bicubic"]["psnr_y"] > 10


def test_a_metric_that_cannot_be_had_is_missing_and_the_rest_goes_on(config, tmp_path, data):
    model = training.run(config, tmp_path / "run")
    arguments = ["evaluate", str(model), "--data", str(data), "--also", "lpips", "--weights"]
    done = CliRunner().invoke(app, [*arguments, f"lpips={tmp_path / 'none.pth'}"])
    assert done.exit_code == 0
    assert "lpips: missing (there is no file" in done.output
    assert "psnr_y" in done.output


def test_bad_data_stops_before_the_first_step(config, tmp_path, data):
    rows = data.read_text().splitlines()
    bad = data.with_name("bad.jsonl")
    bad.write_text("\n".join([*rows, '{"split": "train", "image": "images/none.png"}']))
    config = read(tmp_path / "tiny.yaml", [f"data.manifest={bad}"])
    with pytest.raises(UserError, match="has 1 error, see the table"):
        training.run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_starting_from_a_model_says_what_was_taken(config, tmp_path):
    task = training._build(config)
    training.save_model(task, config, tmp_path / "model")
    path = tmp_path / "tiny.yaml"
    other = training._build(read(path, ["model.discriminator.head=dense"]))
    lines = training.start_from(other, str(tmp_path / "model"))
    assert lines[0].startswith("generator: 33 of 33 tensors taken")
    assert "1 skipped by shape, 0 new" in lines[1]
    assert torch.equal(other.generator.tail.weight, task.generator.tail.weight)
    stranger = training._build(read(path, ["model.adversarial_weight=0"]))
    stranger.generator = torch.nn.Linear(1, 1)
    with pytest.raises(UserError, match=r"nothing of .* fits"):
        training.start_from(stranger, str(tmp_path / "model"))


class Text(torch.nn.Module):
    """The networks of a task that reads text, as far as weights go."""

    config, saved_state, load_saved_state = None, torch.nn.Module.state_dict, torch.nn.Module.load_state_dict

    def __init__(self):
        super().__init__()
        self.text_encoder, self.generator = torch.nn.Linear(2, 2), torch.nn.Linear(3, 3)

    def players(self, config):
        return ("generator",)


def test_frozen_parts_come_first_and_of_a_player_that_gets_nothing_only_that_is_said(monkeypatch):
    own, stored = Text(), {name: torch.ones(2, 2) for name in ("text_encoder.weight", "image_encoder.weight")}
    monkeypatch.setattr(training, "_stored", lambda model: stored)
    assert training.start_from(own, "RUN/model") == [
        "text_encoder: 1 of 2 tensors taken from RUN/model",
        "generator: starts fresh",
        "  stored in RUN/model, without a place here: image_encoder.weight",
    ]
    assert torch.equal(own.text_encoder.weight, torch.ones(2, 2))


def test_going_on_to_fewer_iterations_than_are_done_is_refused(config, tmp_path):
    folder = tmp_path / "run"
    training.run(config, folder)
    shutil.rmtree(folder / "model")  # as when a run is killed before its first report
    shorter = replace(config, trainer=replace(config.trainer, iterations=1))
    with pytest.raises(UserError, match=r"run is already at iteration 2, past trainer.iterations=1; give 2 or more"):
        training.run(shorter, folder, resume=True)
    assert read(folder / "config.yaml") == config


def test_a_game_that_starts_from_nothing_is_advised_against(config, tmp_path, capsys):
    training.run(config, tmp_path / "fresh")
    assert "start from that with start_from=RUN/model" in capsys.readouterr().out
    training.run(replace(config, start_from=str(tmp_path / "fresh" / "model")), tmp_path / "started")
    assert "start from that" not in capsys.readouterr().out


def test_dry_run_trains_nothing(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["train", "tiny.yaml", "--dry-run", "trainer.seed=3"])
    assert done.exit_code == 0
    assert "seed: 3" in done.output
    assert "generator: " in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]
