from __future__ import annotations

import json
from pathlib import Path

import torch
from PIL import Image
from tiny_models import QUICK, photo, run_command, tiny_model

from condgen.config import to_plain
from condgen.data.manifest import Manifest
from condgen.runtime.model_folder import ModelFolder
from condgen.tasks.gan_cls import example, finetune


def test_own_captioned_pictures(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    for number in range(20):
        photo(Path("own", f"{number:02}.png"), number)
        Path("own", f"{number:02}.txt").write_text(f"blots number {number}\nsome colours, {number}\n")
    model = tiny_model(tmp_path, "gan_cls", "cls_int", captions=["number some"])
    code, said, problems = run_command(
        monkeypatch, capsys, "finetune", str(model), "--data", "own", "-o", "mine", *QUICK
    )
    assert code == 0, problems
    assert "the text encoder was trained without 22 of the 24 words of these captions (92%): " in said
    columns = json.loads(Path("mine/evaluation.json").read_text())["columns"]
    assert columns["before"].keys() == columns["after"].keys() == {"nearest_sample", "diversity"}
    assert said.splitlines()[-1] == "next: condgen draw 'WHAT TO DRAW' -o drawn.png --model mine/model"
    assert Image.open("mine/before-after.png").width > 7 * 64
    before, after = (ModelFolder.find(folder).tensors() for folder in (model, Path("mine/model")))
    encoder = [name for name in before if name.startswith("text_encoder.")]
    assert encoder
    assert all(torch.equal(before[name], after[name]) for name in encoder)
    assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith("generator."))


def test_a_jointly_trained_encoder_stays_as_it_is(shapes):
    tree, lines = finetune.differences(example.config(text_trained=True), Manifest.read(shapes), judged=True)
    assert tree["model"] == {"text_trained": False}
    assert list(tree["optimizers"]) == ["generator", "discriminator"]
    assert "stays as it is" in lines[0]
    assert tree["data"] == {"resize": 76}


def test_a_second_stage_is_tuned_alone(shapes):
    config = example.config(second_stage=True)
    tree, lines = finetune.differences(config, Manifest.read(shapes), judged=True)
    assert list(tree["optimizers"]) == ["second_generator", "second_discriminator"]
    assert tree["data"] == {"resize": 304}
    assert "model" not in tree
    assert lines == []
    assert to_plain(config)["second_stage"] is not None
