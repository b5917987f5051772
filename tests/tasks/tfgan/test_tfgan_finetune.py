from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from tiny_models import QUICK, run_command, tiny_model

import condgen
from condgen import finetuning
from condgen.config import resolve
from condgen.errors import UserError
from condgen.runtime.model_folder import ModelFolder
from condgen.tasks.tfgan import example, finetune

KNOWN = ["a red circle moves"]


@pytest.fixture
def model(monkeypatch, tmp_path):
    """A model that reads by word vectors, and knows four words."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(example, "configs", lambda: {"words": example.config(words=True)})
    return tiny_model(tmp_path, "tfgan", "words", captions=KNOWN)


def own_clips(captions, folder=Path("own"), first=0):
    """Film strips of 6 frames, wider than the model's, each with a text beside it."""
    folder.mkdir(parents=True)
    for number, caption in enumerate(captions, first):
        noise = np.random.default_rng(number).integers(0, 256, (6 * 36, 36, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{number:02}.png")
        (folder / f"{number:02}.txt").write_text(f"{caption}\n")


def test_own_captioned_clips(model, monkeypatch, capsys):
    own_clips(["a red hat moves", "a blue hat moves"] * 6)
    options = ("--data", "own", "-o", "mine", *QUICK, "trainer.precision=fp32")
    code, said, problems = run_command(monkeypatch, capsys, "finetune", str(model), *options)
    assert code == 0, problems
    assert (
        "the text encoder was trained without 2 of the 5 words of these captions (40%): hat, blue; they get vectors"
        in said
    )
    assert said.splitlines()[-1] == f"next: {finetune.NEXT} --model mine/model"
    columns = json.loads(Path("mine/evaluation.json").read_text())["columns"]
    assert columns["before"].keys() == columns["after"].keys() == {"nearest_sample", "movement"}, "one has no diversity"
    assert "judge" not in Path("mine/report.md").read_text()
    with Image.open("mine/before-after.png") as shown:  # a clip left out: true, before and after, 8 frames each
        assert shown.height == 4 + 3 * (64 + 4)
        assert shown.width > 8 * (64 + 4)
    before, after = (ModelFolder.find(folder).tensors(training=True) for folder in (model, Path("mine/model")))
    moved = {name.split(".")[0] for name in before if name in after and not before[name].equal(after[name])}
    assert moved >= {"generator", "frame_discriminator", "clip_discriminator", "text_towers", "text_filters"}
    kept = before["text_encoder.known.content"]
    assert torch.equal(after["text_encoder.known.content"][: len(kept)], kept)


def prepared(captions, left_out):
    """Own clips as a run sees them, those of `left_out` apart; its config."""
    for folder, texts in (("train", captions), ("val", left_out)):
        own_clips(texts, Path("own", folder), first=len(folder))
    config = resolve({"task": "tfgan", "model": {"frames": 4}, "data": {"manifest": "data/manifest.jsonl"}})
    assert finetune.prepare(Path("own"), Path("data"), config.model, fraction=0.1, seed=0) == []
    return config


def test_sentences_that_only_one_of_the_models_can_read(model):
    config = prepared(["one hat", "two hats"], ["one hat"])
    before = condgen.load(str(model), device="cpu")
    after = copy.deepcopy(before)
    after.text_encoder.learn_vocabulary(["one hat"])
    table, (line,) = finetune.measure(before, config)
    assert table == {}
    assert line == "the model knows no word of 1 of the 1 left-out sentences, such as 'one hat': not measured"
    table, lines = finetune.measure(after, config)
    assert "nearest_sample" in table["mean"]
    assert lines == []
    with Image.open(finetune.show(before, after, config, Path())) as shown:  # true and after
        assert shown.height == 4 + 2 * (64 + 4)


def test_what_training_cannot_teach_is_said_before_it(model):
    config = prepared(["one hat", "two hats"], ["three caps"])
    with pytest.raises(UserError, match="no training caption has a word of 'three caps', which is left out"):
        finetune.measure(condgen.load(str(model), device="cpu"), config)


def test_without_discriminators_the_generator_waits_for_both(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(example, "configs", lambda: {"words": example.config(words=True)})
    model = tiny_model(tmp_path, "tfgan", "words", captions=KNOWN, judged=False)
    own_clips(["a red hat moves", "a blue hat moves"] * 6)
    text = finetuning.describe(str(model), Path("own"), Path("mine"))
    optimizers = yaml.safe_load(text.partition("\nplayers:")[0])["optimizers"]
    assert {name: optimizer["starts_at"] for name, optimizer in optimizers.items()} == {
        **dict.fromkeys(("frame_discriminator", "clip_discriminator", "text_towers", "text_filters"), 0),
        "generator": 200,
    }
    for discriminator in ("frame_discriminator", "clip_discriminator"):
        assert f"brings no {discriminator} that fits: it starts fresh, and is warmed up with generator frozen" in text
    chosen = finetuning.describe(str(model), Path("own"), Path("mine"), ["optimizers.generator.starts_at=0"])
    assert "warmed up" not in chosen


def test_players_are_those_of_the_model():
    tree, lines = finetune.differences(example.config(filters=False), None, judged=True)
    assert list(tree["optimizers"]) == ["generator", "frame_discriminator", "clip_discriminator", "text_towers"]
    assert lines == []
