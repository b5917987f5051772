"""Forms of one task that were trained apart ship as one model."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_models import tiny_model

import condgen
from condgen import training
from condgen.config import OptimizerConfig, RunConfig
from condgen.data.draw_requests import Place, Request
from condgen.runtime import model_folder
from condgen.runtime.model_folder import ModelFolder
from condgen.tasks.gawwn import example
from condgen.tasks.gawwn.config import Form
from condgen.tasks.gawwn.data import DataConfig
from condgen.tasks.gawwn.task import Gawwn
from condgen.text.encoder import build

TOOL = Path(__file__).parent.parent / "tools" / "ship_model.py"


@pytest.fixture
def ship(tmp_path, monkeypatch, capsys):
    """Runs the tool, which puts models in tmp_path/shipped; returns what stopped it."""
    specification = importlib.util.spec_from_file_location("ship_model", TOOL)
    tool = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "ship_model", tool)
    specification.loader.exec_module(tool)
    monkeypatch.setattr(model_folder, "SHIPPED", tmp_path / "shipped")
    (tmp_path / "card.md").write_text("# Joined\n")

    def run(*folders: Path) -> str:
        arguments = [str(folder) for folder in folders]
        monkeypatch.setattr(sys, "argv", ["ship_model.py", *arguments, "joined", "--card", str(tmp_path / "card.md")])
        try:
            tool.main()
        except SystemExit as stop:
            return str(stop)
        return ""

    return run


def trained(folder: Path, *forms: Form, encoder: int = 0, **options) -> Path:
    """The model folder of these forms, with random weights and the sentence encoder of a seed."""
    config = replace(example.configs()["all"], forms=list(forms), **options)
    torch.manual_seed(encoder)
    sentences = build(config.text).state_dict()
    torch.manual_seed(len(forms[0]))
    task = Gawwn(config)
    task.text_encoder.load_state_dict(sentences)
    players = {player: OptimizerConfig() for player in Gawwn.players(config)}
    path = folder / f"{'-'.join(forms)}-{encoder}" / "model"
    run = RunConfig(task="gawwn", model=config, data=DataConfig(), optimizers=players)
    training.save_model(task, run, path)
    return path


def test_forms_that_were_trained_apart_are_joined(ship, tmp_path):
    folders = [trained(tmp_path, form) for form in reversed(Form)]
    stored = {}
    for folder in folders:
        stored |= ModelFolder.read(folder).tensors(training=True)
    assert ship(*folders) == ""
    joined = ModelFolder.read(tmp_path / "shipped" / "joined")
    assert joined.config.forms == list(Form)
    tensors = joined.tensors(training=True)
    assert tensors.keys() == stored.keys()
    for name, tensor in stored.items():
        torch.testing.assert_close(tensors[name].to(tensor.dtype), tensor, atol=1e-3, rtol=1e-3)
    draw = condgen.load(str(joined.path), device="cpu")
    assert draw.takes == set(Place)
    assert draw.draw([Request("a star"), Request("a star", box=(0.25, 0.25, 0.5, 0.5))]).isfinite().all()


def test_one_run_ships_as_it_is(ship, tmp_path):
    assert ship(trained(tmp_path, Form.BOX)) == ""
    shipped = ModelFolder.read(tmp_path / "shipped" / "joined")
    assert shipped.config.forms == [Form.BOX]
    assert (shipped.path / "README.md").read_text() == "# Joined\n"
    assert all(tensor.dtype is not torch.float32 for tensor in shipped.tensors().values())


def test_runs_that_do_not_belong_together_are_refused(ship, tmp_path):
    box, keypoints = trained(tmp_path, Form.BOX), trained(tmp_path, Form.KEYPOINTS)
    assert "different weights in text_encoder" in ship(keypoints, trained(tmp_path, Form.BOX, encoder=1))
    larger = trained(tmp_path, Form.KEYPOINTS, size=64, encoder=2)
    assert "differ in size; train them with the same" in ship(box, larger)
    assert "they must be of one task" in ship(box, tiny_model(tmp_path, "srgan", "srresnet"))
    assert not (tmp_path / "shipped").exists()
