from __future__ import annotations

import json

import numpy as np
import torch
from PIL import Image

import condgen
from condgen import training
from condgen.config import resolve, to_plain
from condgen.data.manifest import Manifest
from condgen.tasks.tfgan import example
from condgen.tasks.tfgan.evaluation import Evaluation, evaluate
from condgen.tasks.tfgan.task import Tfgan

SENTENCES = ("a red dot goes north", "a blue dot goes south", "a green dot stays")


def test_a_look_during_training_and_after_it(tmp_path):
    rows = []
    for number, sentence in enumerate(SENTENCES):
        frames = np.random.default_rng(number).integers(0, 256, (9, 32, 32, 3), np.uint8)
        Image.fromarray(frames.reshape(-1, 32, 3)).save(tmp_path / f"{number}.png")
        rows.append({"split": "validation", "clip": f"{number}.png", "captions": [sentence]})
    path = tmp_path / "manifest.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))

    model = example.config(words=True)
    tree = {"task": "tfgan", "model": to_plain(model), "data": {"validation_clips": 2, "manifest": str(path)}}
    config = resolve(tree, ["trainer.device=cpu", "trainer.precision=fp32"])
    torch.manual_seed(0)
    task = Tfgan(model).eval()
    task.text_encoder.learn_vocabulary(SENTENCES)
    looking = Evaluation(config)
    assert looking.real.clips.shape == (2, 4, 32, 32, 3)
    report = looking(task, tmp_path / "samples", "first")
    assert report.measures.keys() == {"nearest_sample", "diversity", "movement"}
    assert all(np.isfinite(value) for value in report.measures.values())
    assert {file.name for file in (tmp_path / "samples").iterdir()} == {"first.png", "first.gif"}

    training.save_model(task, config, tmp_path / "model")
    pipeline = condgen.load(str(tmp_path / "model"), device="cpu")
    table, _ = evaluate(pipeline, Manifest.read(path), "validation", (), {})
    assert table["mean"].keys() == report.measures.keys()
