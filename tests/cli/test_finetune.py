"""A user's path: own pairs in a folder, one command, the verb on a new file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import soundfile
from PIL import Image
from tiny_models import QUICK, photo, recordings, run_command, tiny_model


@pytest.fixture
def condgen(monkeypatch, capsys, tmp_path):
    """Runs the command in `tmp_path`; returns the exit code, and what it said on stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: run_command(monkeypatch, capsys, *arguments)


def finetuned(condgen, model: Path, *overrides: str) -> str:
    """Fine-tune on own/, quickly; what was said on stdout."""
    code, said, problems = condgen("finetune", str(model), "--data", "own", "-o", "mine", *QUICK, *overrides)
    assert code == 0, problems
    columns = json.loads(Path("mine/evaluation.json").read_text())["columns"]
    assert columns["before"].keys() == columns["after"].keys()
    return said


def test_own_photos_then_upscale(condgen, tmp_path):
    for number in range(20):
        photo(Path("own", f"{number:02}.jpg"), number)
    said = finetuned(condgen, tiny_model(tmp_path, "srgan", "srgan"))
    assert said.splitlines()[-1] == "next: condgen upscale photo.jpg -o photo_large.png --model mine/model"
    photo(Path("photo.jpg"), 99)
    assert condgen("upscale", "photo.jpg", "-o", "photo_large.png", "--model", "mine/model")[0] == 0
    assert Image.open("photo_large.png").size == (4 * 48, 4 * 40)


def test_own_pairs_of_low_and_high_resolution(condgen, tmp_path):
    for number in range(20):
        photo(Path("own/high", f"{number:02}.png"), number, (64, 48))
        Path("own/low").mkdir(exist_ok=True)
        with Image.open(f"own/high/{number:02}.png") as high:
            high.resize((16, 12), Image.Resampling.BICUBIC).save(f"own/low/{number:02}.png")
    finetuned(condgen, tiny_model(tmp_path, "srgan", "srresnet"))
    row = json.loads(Path("mine/data/manifest.jsonl").read_text().splitlines()[0])
    assert {"low", "high", "low_sha256", "high_sha256"} <= row.keys()


def test_own_recordings_then_enhance(condgen, tmp_path):
    recordings(Path("own"), 20, rate=8000)  # resampled to the model's rate
    said = finetuned(condgen, tiny_model(tmp_path, "segan", "paper", judged=False))
    assert "frozen for the first 1 of 4 iterations" in said
    heard = sorted(path.name for path in Path("mine/before-after").iterdir())
    assert len(heard) == 8
    name = heard[0].partition("-")[0]
    assert heard[:4] == [f"{name}-{side}.wav" for side in ("after", "before", "clean", "noisy")]
    assert soundfile.info(f"mine/before-after/{heard[0]}").samplerate == 16000
    shutil.copy("own/noisy/03.wav", "noisy.wav")
    assert condgen("enhance", "noisy.wav", "-o", "clean.wav", "--model", "mine/model")[0] == 0
    assert soundfile.info("clean.wav").samplerate == 8000


def test_own_classes_then_sample(condgen, tmp_path):
    for index, label in enumerate(("bright", "dark")):
        for number in range(10):
            photo(Path("own", label, f"{number}.png"), 10 * index + number, (28, 28))
    said = finetuned(condgen, tiny_model(tmp_path, "class_conditional", "judging-projection"))
    assert "0 skipped by shape, 0 new" in said
    assert "training pictures" in said
    assert condgen("sample", "--count", "2", "-o", "samples.png", "--model", "mine/model")[0] == 0
    assert Path("samples.png").is_file()


def test_other_classes_than_the_models(condgen, tmp_path):
    for index, label in enumerate(("cat", "dog", "owl")):
        for number in range(4):
            photo(Path("own", "train", label, f"{number}.png"), 10 * index + number)
            photo(Path("own", "val", label, f"{number}.png"), 100 + 10 * index + number)
    model = tiny_model(tmp_path, "class_conditional", "judging-projection")
    code, said, problems = condgen("finetune", str(model), "--data", "own", "-o", "mine", *QUICK)
    assert code == 0, problems
    assert "classes: cat, dog, owl, not bright, dark; what depends on their number is new" in said
    assert "  skipped by shape: generator." in said
    assert "the start model has other classes (bright, dark): not measured before" in problems
    columns = json.loads(Path("mine/evaluation.json").read_text())["columns"]
    assert (columns["before"], columns["after"].keys()) == ({}, {"nearest_sample"})
    assert condgen("sample", "--label", "owl", "--count", "2", "-o", "owls.png", "--model", "mine/model")[0] == 0


def test_own_pairs_then_translate(condgen, tmp_path):
    for number in range(20):
        for side, shift in (("input", 0), ("target", 50)):
            photo(Path("own", side, f"{number:02}.png"), shift + number)
    said = finetuned(condgen, tiny_model(tmp_path, "pix2pix", "unet", judged=False))
    assert "frozen for the first 1 of 4 iterations" in said
    photo(Path("new.png"), 99, (31, 45))
    assert condgen("translate", "new.png", "-o", "translated.png", "--model", "mine/model")[0] == 0
    assert Image.open("translated.png").size == (31, 45)


def test_own_joined_pictures_then_translate(condgen, tmp_path):
    for number in range(4):
        photo(Path("own", f"{number:02}.png"), number, (48, 24))
    finetuned(condgen, tiny_model(tmp_path, "pix2pix", "multi_scale"))
    with Image.open("mine/data/" + json.loads(Path("mine/data/manifest.jsonl").open().readline())["target"]) as half:
        assert half.size == (24, 24)


def test_two_own_sets_then_translate(condgen, tmp_path):
    for domain, shift in (("trainA", 0), ("trainB", 50), ("testA", 100), ("testB", 150)):
        for number in range(10 if "train" in domain else 2):
            photo(Path("own", domain, f"{number:02}.png"), shift + number)
    said = finetuned(condgen, tiny_model(tmp_path, "cyclegan", "resnet"))
    assert "without a place here" not in said
    photo(Path("new.png"), 99, (31, 45))
    for direction in ("a2b", "b2a"):
        arguments = ("new.png", "-o", f"{direction}.png", "--model", "mine/model", "--direction", direction)
        assert condgen("translate", *arguments)[0] == 0
        assert Image.open(f"{direction}.png").size == (31, 45)
