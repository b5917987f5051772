"""Each script of data_prep/ as a user runs it, on small drawn folders."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from condgen.data.manifest import Manifest, Split
from condgen.data.synthetic import picture

SCRIPTS = Path(__file__).parents[2] / "data_prep"


def run(script, *arguments):
    command = [sys.executable, SCRIPTS / f"{script}.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "120"}, check=False)


def good(script, *arguments):
    result = run(script, *arguments)
    assert result.returncode == 0, result.stderr
    return result


def draw_into(folder, *names, size=100, first=0):
    folder.mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(names, start=first):
        picture(0, index, size).save(folder / name)
    return folder


def sources(path, split):
    return [row["source"] for row in Manifest.read(path).rows(split)]


@pytest.mark.parametrize("script", sorted(path.stem for path in SCRIPTS.glob("[!_]*.py")))
def test_every_script_has_help_that_says_what_it_makes(script):
    result = good(script, "--help")
    assert "--output" in result.stdout
    assert "manifest" in result.stdout


def test_photos_joins_folders_and_takes_validation_from_another(tmp_path):
    one, two = draw_into(tmp_path / "one", "a.png", "b.png"), draw_into(tmp_path / "two", "c.png", first=2)
    valid = draw_into(tmp_path / "valid", "v.png", first=3)
    draw_into(one, "small.png", size=64, first=4)
    out = tmp_path / "out"
    result = good("photos", one, two, "--validation", valid, "-o", out, "--size", "64", "--step", "32")
    assert f"{out}/manifest.jsonl: 27 train, 1 validation pictures, 1 photos left out" in result.stdout
    assert "small.png: 64x64 pixels, smaller than 96" in result.stderr
    assert sources(out / "manifest.jsonl", Split.VALIDATION) == ["valid/v"]
    whole = good("photos", one, two, "-o", out, "--no-cut", "--fraction", "0.34")
    assert "2 train, 1 validation pictures" in whole.stdout


def test_a_missing_folder_is_one_line_and_exit_code_1(tmp_path):
    result = run("photos", tmp_path / "none", "-o", tmp_path / "out")
    assert result.returncode == 1
    assert result.stderr == f"photos.py: there is no folder {tmp_path / 'none'}\n"


def test_bsds_takes_train_and_test_without_the_copy_of_set5(tmp_path):
    images = tmp_path / "BSR/BSDS500/data/images"
    draw_into(images / "train", "100.jpg", "101.jpg")
    draw_into(images / "test", "200.jpg", "302003.jpg", first=2)
    draw_into(images / "val", "300.jpg", first=4)
    archive = tmp_path / "mine.tgz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(tmp_path / "BSR", "BSR")
    valid = draw_into(tmp_path / "set5", "baby.png", first=5)
    good("bsds", "-o", tmp_path / "out", "--archive", archive, "--validation", valid)
    assert sources(tmp_path / "out/manifest.jsonl", Split.TRAIN) == ["train/100", "train/101", "test/200"]
    assert sources(tmp_path / "out/manifest.jsonl", Split.VALIDATION) == ["set5/baby"]
    wrong = run("bsds", "-o", tmp_path / "wrong", "--archive", valid)
    assert wrong.returncode == 1
    assert "is not BSDS500" in wrong.stderr


def test_div2k_cuts_training_photos_of_an_own_copy_and_verifies_archives(tmp_path):
    train = draw_into(tmp_path / "DIV2K_train_HR", "0001.png", "0002.png")
    valid = draw_into(tmp_path / "DIV2K_valid_HR", "0801.png", first=2)
    out = tmp_path / "out"
    good("div2k", "-o", out, "--train", train, "--validation", valid, "--size", "64", "--step", "32")
    assert sources(out / "manifest.jsonl", Split.TRAIN).count("DIV2K_train_HR/0002") == 9
    assert sources(out / "manifest.jsonl", Split.VALIDATION) == ["DIV2K_valid_HR/0801"]
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as file:
        file.write(train / "0001.png", "0001.png")
    refused = run("div2k", "-o", tmp_path / "wrong", "--train", tmp_path / "other.zip", "--validation", valid)
    assert refused.returncode == 1
    assert "is not the published DIV2K_train_HR.zip" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_benchmark_makes_a_manifest_a_folder(tmp_path):
    draw_into(tmp_path / "Set5/image_SRF_4", "img_001_SRF_4_HR.png", "img_001_SRF_4_LR.png")
    draw_into(tmp_path / "Set14", "x.png", "y.png", first=2)
    good("benchmark", tmp_path / "Set5", tmp_path / "Set14", "-o", tmp_path / "out")
    assert sources(tmp_path / "out/Set5/manifest.jsonl", Split.VALIDATION) == ["Set5/image_SRF_4/img_001_SRF_4_HR"]
    assert sources(tmp_path / "out/Set14/manifest.jsonl", Split.VALIDATION) == ["Set14/x", "Set14/y"]


def test_synthetic_photos_are_the_same_for_the_same_seed(tmp_path):
    for out in ("a", "b"):
        good("synthetic_photos", "-o", tmp_path / out, "--train", 2, "--validation", 1, "--size", 48, "--seed", 7)
    first, second = (tmp_path / out / "manifest.jsonl" for out in ("a", "b"))
    assert first.read_text() == second.read_text()
    assert len(Manifest.read(first).rows("train")) == 2
