"""The scripts of data_prep/ that make pairs of speech, as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from condgen.data.manifest import Manifest
from condgen.data.synthetic_speech import Noise, Speaker, noise, utterance

SCRIPTS = Path(__file__).parents[2] / "data_prep"
RATE = 8000


def run(script, *arguments):
    command = [sys.executable, SCRIPTS / f"{script}.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "120"}, check=False)


def good(script, *arguments):
    result = run(script, *arguments)
    assert result.returncode == 0, result.stderr
    return result


@pytest.fixture
def random():
    return np.random.default_rng(0)


def speak(path, random, seconds=1.0, rate=RATE):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, utterance(Speaker.drawn(random), 1, rate, random)[: round(seconds * rate)], rate)


def rows_of(manifest, split):
    return Manifest.read(manifest).rows(split)


def test_noisy_speech_mixes_folders_and_patterns(tmp_path, random):
    for name in ("1-10-0001", "1-10-0002", "2-10-0001", "3-10-0001"):
        speak(tmp_path / f"speech/{name}.flac", random)
    speak(tmp_path / "speech/4-10-0001.flac", random, seconds=0.2)
    speak(tmp_path / "valid/9-10-0001.flac", random)
    for name in ("1-100-A", "2-200-A", "3-300-A"):
        (tmp_path / "noise").mkdir(exist_ok=True)
        soundfile.write(tmp_path / f"noise/{name}.ogg", noise(Noise.PINK, 1, RATE, random), RATE)
    out = tmp_path / "out"
    result = good(
        *("noisy_speech", tmp_path / "speech", "--noise", tmp_path / "noise/[12]-*.ogg", "-o", out),
        *("--validation", tmp_path / "valid", "--validation-noise", tmp_path / "noise/3-*.ogg"),
        *("--versions", 2, "--snr", 0, "--snr", 6, "--sample-rate", RATE),
    )
    assert result.stdout == f"{out}/manifest.jsonl: 8 train, 1 validation pairs, 1 files left out\n"
    assert "4-10-0001.flac: 0.20 s, shorter than 0.5 s" in result.stderr
    train, (valid,) = rows_of(out / "manifest.jsonl", "train"), rows_of(out / "manifest.jsonl", "validation")
    assert {row["speaker"] for row in train} == {"1", "2", "3"}
    assert {row["noise"] for row in train} == {"1-100-A.ogg", "2-200-A.ogg"}
    assert sorted(row["snr"] for row in train) == [0.0] * 4 + [6.0] * 4
    assert (valid["speaker"], valid["noise"]) == ("9", "3-300-A.ogg")
    assert valid["snr"] in (2.5, 7.5, 12.5, 17.5)
    usable = tmp_path / "speech/[123]-*"
    split = good("noisy_speech", usable, "--noise", tmp_path / "noise", "-o", out, "--sample-rate", RATE)
    assert " validation pairs" in split.stdout
    train, valid = rows_of(out / "manifest.jsonl", "train"), rows_of(out / "manifest.jsonl", "validation")
    assert not {row["speaker"] for row in train} & {row["speaker"] for row in valid}
    assert not {row["noise"] for row in train} & {row["noise"] for row in valid}


def test_noisy_speech_of_one_speaker_says_what_to_do(tmp_path, random):
    speak(tmp_path / "me/a.wav", random)
    speak(tmp_path / "me/b.wav", random)
    speak(tmp_path / "noise/n.wav", random)
    result = run("noisy_speech", tmp_path / "me", "--noise", tmp_path / "noise", "-o", tmp_path / "out")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "are from one source (me); give more of them, --validation, or --fraction 0 for none" in result.stderr
    assert not (tmp_path / "out").exists()
    whole = good(
        "noisy_speech", tmp_path / "me", "--noise", tmp_path / "noise", "-o", tmp_path / "out", "--fraction", 0
    )
    assert ": 2 train pairs, 0 files left out" in whole.stdout


def test_noisy_speech_keeps_speakers_and_takes_of_given_validation_out_of_training(tmp_path, random):
    for name in (
        "speech/1-10-0001",
        "speech/2-10-0001",
        "valid/1-20-0001",
        "noise/4-1-A",
        "noise/4-1-B",
        "noise/4-2-A",
    ):
        speak(tmp_path / f"{name}.wav", random)
    out = tmp_path / "out"
    result = good(
        *("noisy_speech", tmp_path / "speech", "--noise", tmp_path / "noise", "-o", out, "--sample-rate", RATE),
        *("--validation", tmp_path / "valid", "--validation-noise", tmp_path / "noise/4-1-B.wav"),
    )
    assert ": 1 train, 1 validation pairs, 3 files left out" in result.stdout
    lines = result.stderr.splitlines()
    assert [line.rpartition("/")[0].count("left out: ") for line in lines] == [1, 1, 1]
    assert "1-10-0001.wav: its source (1) is also in validation" in lines[0]
    assert "4-1-A.wav: its source (4-1) is also in validation" in lines[1]
    assert lines[2].endswith("4-1-B.wav: is also in validation")
    (row,) = rows_of(out / "manifest.jsonl", "train")
    assert (row["speaker"], row["noise"]) == ("2", "4-2-A.wav")


def test_noisy_speech_notes_a_folder_of_unnamed_speakers_in_both_splits(tmp_path, random):
    for name in ("me/a.wav", "me/b.wav", "n/a.wav", "n/b.wav"):
        speak(tmp_path / name, random)
    result = good(
        *("noisy_speech", tmp_path / "me/a.wav", "--noise", tmp_path / "n/a.wav", "-o", tmp_path / "out"),
        *("--validation", tmp_path / "me/b.wav", "--validation-noise", tmp_path / "n/b.wav", "--sample-rate", RATE),
    )
    assert ": 1 train, 1 validation pairs, 0 files left out" in result.stdout
    assert result.stderr.startswith(f"note: {tmp_path / 'me'} is in training and validation")
    assert result.stderr.count("\n") == 1


def test_voicebank_demand_takes_own_archives_and_folders(tmp_path, random):
    names = {"train": ("p225_001", "p226_001", "p287_002"), "test": ("p232_001",)}
    for split, some in names.items():
        for side in ("clean", "noisy"):
            for name in some:
                speak(tmp_path / f"{side}_{split}/{name}.wav", random, rate=48000)
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        for path in (tmp_path / "clean_train").iterdir():
            archive.write(path, f"clean_trainset_28spk_wav/{path.name}")
    out = tmp_path / "out"
    own = ("--noisy-train", tmp_path / "noisy_train", "--clean-train", tmp_path / "mine.zip")
    test = ("--noisy-test", tmp_path / "noisy_test", "--clean-test", tmp_path / "clean_test")
    result = good("voicebank_demand", "-o", out, *own, *test)
    assert ": 1 train, 2 validation, 1 test pairs, 0 files left out" in result.stdout
    (row,) = rows_of(out / "manifest.jsonl", "train")
    assert (row["speaker"], row["source_rate"], row["resampler"]) == ("p225", 48000, "soxr HQ")
    assert [row["speaker"] for row in rows_of(out / "manifest.jsonl", "test")] == ["p232"]
    assert soundfile.info(out / row["noisy"]).samplerate == 16000


def test_synthetic_speech_is_the_same_for_the_same_seed(tmp_path):
    options = ("--train", 2, "--validation", 1, "--seconds", 1, "--sample-rate", RATE, "--seed", 7)
    for out in ("a", "b"):
        good("synthetic_speech", "-o", tmp_path / out, *options)
    first, second = (tmp_path / out / "manifest.jsonl" for out in ("a", "b"))
    assert first.read_text() == second.read_text()
    assert len(rows_of(first, "train")) == 2
