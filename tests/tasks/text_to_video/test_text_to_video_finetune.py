from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_models import QUICK, run_command, tiny_model

from condgen.errors import UserError
from condgen.runtime.model_folder import ModelFolder
from condgen.tasks.text_to_video import example, finetune


def test_own_folders_of_frames(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    for number in range(6):
        folder = Path("own", f"{number}")
        folder.mkdir(parents=True)
        for frame in range(18):
            noise = np.random.default_rng(100 * number + frame).integers(0, 256, (20, 24, 3), np.uint8)
            Image.fromarray(noise).save(folder / f"{frame}.png")
        Path("own", f"{number}.txt").write_text(f"somebody waves with {('one arm', 'two arms')[number % 2]}\n")
    model = tiny_model(tmp_path, "text_to_video", "text_filter", judged=False)
    options = ("--data", "own", "-o", "mine", *QUICK, "trainer.batch_size=4", "trainer.precision=fp32")
    code, said, problems = run_command(monkeypatch, capsys, "finetune", str(model), *options)
    assert code == 0, problems
    assert "discriminator: starts fresh" in said
    assert "frozen for the first 1 of 4 iterations (optimizers.generator.starts_at=1)" in said
    assert said.splitlines()[-1] == f"next: {finetune.NEXT} --model mine/model"
    columns = json.loads(Path("mine/evaluation.json").read_text())["columns"]
    assert columns["before"].keys() == columns["after"].keys() >= {"nearest_sample", "movement"}
    before, after = (ModelFolder.find(folder).tensors() for folder in (model, Path("mine/model")))
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("text_encoder."))
    assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith("generator."))


def test_a_model_that_has_played_no_game_is_refused():
    with pytest.raises(UserError, match=r"reconstruction alone; train the game from it, with start_from=MODEL"):
        finetune.differences(example.config(reconstruction_alone=True), None, judged=False)


def test_what_is_decided_by_the_model():
    tree, lines = finetune.differences(example.config(text_trained=True), None, judged=True)
    assert tree["model"] == {"text_trained": False}
    assert "stays as it is" in lines[0]
    assert list(tree["optimizers"]) == ["generator", "gist_encoder", "discriminator"]
    assert tree["optimizers"]["generator"]["betas"] == [0.5, 0.999]
    tree, lines = finetune.differences(example.configs()["text_alone"], None, judged=True)
    assert list(tree["optimizers"]) == ["generator", "discriminator"]
    assert (tree.get("model"), lines) == (None, [])
    penalised = example.configs()["gist_beside_text"]
    tree, _ = finetune.differences(penalised, None, judged=True)
    assert tree["optimizers"]["discriminator"]["betas"] == [0.0, 0.99]
