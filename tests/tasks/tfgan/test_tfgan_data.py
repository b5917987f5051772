from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from condgen import config, tasks
from condgen.data.loading import Draw
from condgen.tasks.tfgan.data import open_split
from condgen.tasks.tfgan.task import Tfgan

CAPTIONS = ("A red circle moves", "a blue circle moves")


@pytest.fixture
def run(tmp_path):
    rows = []
    for number, caption in enumerate(CAPTIONS):
        strip = np.full((4 * 32, 32, 3), 100 * number, np.uint8)
        Image.fromarray(strip).save(tmp_path / f"{number}.png")
        rows.append({"split": "train", "clip": f"{number}.png", "captions": [caption]})
    (tmp_path / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = {"kind": "word_vectors", "width": 3}
    widths = {name: {"width": 2} for name in ("generator", "frame_discriminator", "clip_discriminator")}
    towers = {"channels": [2, 2, 2]}
    model = {"text": text, "size": 32, "frames": 4, "towers": towers, "filter_channels": 2, **widths}
    return config.resolve({"task": "tfgan", "model": model, "data": {"manifest": str(tmp_path / "manifest.jsonl")}})


def test_batches_are_tokens_of_the_training_captions(run):
    dataset = open_split(run, "train")
    item = dataset[Draw(0, (0, 0))]
    assert item.clip.shape == (3, 4, 32, 32)
    assert item.clip.min() == item.clip.max() == -1
    assert item.codes.shape == (16,)
    # a, blue, circle, moves, red, from 2 on
    assert item.codes[:5].tolist() == [2, 6, 4, 5, 0]
    assert item.wrong_codes[:5].tolist() == [2, 3, 4, 5, 0]
    assert tasks.part("tfgan", "data").demands(run).captions


def test_the_task_takes_the_words_over(run):
    dataset = open_split(run, "train")
    task = Tfgan(run.model)
    task.prepare(dataset)
    assert torch.equal(task.text_encoder.encode(CAPTIONS), dataset.text.encoder.encode(CAPTIONS))


def test_captions_that_are_read_alike_are_not_told_apart(run, capsys):
    model = replace(run.model, text=replace(run.model.text, length=3))
    rows = [json.loads(line) for line in Path(run.data.manifest).read_text().splitlines()]
    rows.append(rows[0] | {"captions": ["a red circle stands"]})
    Path(run.data.manifest).write_text("".join(json.dumps(row) + "\n" for row in rows))
    dataset = open_split(replace(run, model=model), "train")
    assert {dataset.text.captions.wrong_row(0, np.random.default_rng(seed)) for seed in range(9)} == {1}
    advice = "set model.text.length=4 model.towers.steps=4"
    assert capsys.readouterr().out == f"3 of 3 captions are longer than the 3 words that are read; {advice}\n"
