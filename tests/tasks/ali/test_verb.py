"""The verbs from files to files, with a small model of random weights."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

import condgen


def test_encode_and_reconstruct_files(run, model, tmp_path):
    assert run("encode", "a.png", "b.png", "-o", "codes", "--model", str(model))[0] == 0
    pipeline = condgen.load(str(model), device="cpu")
    with np.load(tmp_path / "codes" / "b.npz") as stored:
        np.testing.assert_allclose(stored["z"], pipeline.encode(pipeline.read(tmp_path / "b.png"))[0], atol=0.02)
    assert run("reconstruct", "a.png", "-o", "again.png", "--model", str(model)) == (0, [])
    assert Image.open("again.png").mode == "L"
    assert Image.open("again.png").size == (32, 32)


def test_a_projection_is_nearer_to_the_picture_than_its_reconstruction(run, model, tmp_path):
    pipeline = condgen.load(str(model), device="cpu")
    wanted = ((pipeline.sample(1, seed=3)[0, 0] + 1) * 127.5).round().to(torch.uint8).numpy()
    Image.fromarray(wanted).save("made.png")
    to = ("--model", str(model))
    assert run("reconstruct", "made.png", "-o", "rough.png", *to) == (0, [])
    assert run("project", "made.png", "-o", "fine.png", *to) == (0, [])
    rough, fine = (np.asarray(Image.open(f"{name}.png")) for name in ("rough", "fine"))
    assert fine.shape == (32, 32)
    errors = [np.square(made.astype(float) - wanted).mean() for made in (rough, fine)]
    assert errors[1] < 0.1 * errors[0]


def test_projection_has_the_contracts_of_files(run, model, tmp_path):
    to = ("--model", str(model), "--skip-existing")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.png").write_bytes(b"no picture")
    Image.new("RGB", (50, 40), "red").save("in/red.png")
    code, lines = run("project", "in", "-o", "out", *to)
    assert (code, len(lines)) == (1, 2)
    assert lines[0].startswith("in/bad.png: is no image")
    assert Image.open("out/red.png").mode == "RGB"
    assert run("project", "in/red.png", "-o", "out", *to) == (0, [])
    assert run("project", "none.png", "-o", "out/none.png", *to)[0] == 1


def test_conditional_models_take_a_label(run, conditional_model):
    to = ("--model", str(conditional_model))
    assert run("reconstruct", "a.png", "-o", "r.png", "--label", "x", *to) == (0, [])
    assert run("project", "a.png", "-o", "p.png", "--label", "x", *to) == (0, [])
    code, lines = run("reconstruct", "a.png", "-o", "r2.png", "--label", "z", *to)
    assert (code, "knows no label 'z'" in lines[0]) == (1, True)
    code, lines = run("project", "a.png", "-o", "p2.png", *to)
    assert (code, "needs a label for each of 1 pictures, got 0" in lines[0]) == (1, True)


def test_models_of_other_tasks_are_refused(run):
    code, lines = run("encode", "a.png", "-o", "a.npz", "--model", "srgan-x4")
    assert (code, "is of task srgan" in lines[0]) == (1, True)
