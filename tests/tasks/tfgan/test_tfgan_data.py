from __future__ import annotations

import json

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
    assert torch.equal(task.text_encoder.encode(CAPTIONS), dataset.text_encoder.encode(CAPTIONS))
