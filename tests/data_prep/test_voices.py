from __future__ import annotations

import hashlib
import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from condgen.data.manifest import Manifest
from condgen.data.synthetic_speech import Speaker, utterance
from condgen.errors import UserError
from condgen.metrics.voice import pitch

SCRIPT = Path(__file__).parents[2] / "data_prep" / "voices.py"
RATE = 8000


def voices(*arguments):
    command = [sys.executable, SCRIPT, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "120"}, check=False)


def good(*arguments):
    result = voices(*arguments)
    assert result.returncode == 0, result.stderr
    return result


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Six speakers of a group and two of another, two utterances each, at 8 kHz."""
    folder = tmp_path_factory.mktemp("recordings")
    for group, speakers in (("m", range(6)), ("f", range(6, 12)), ("few", range(20, 22))):
        (folder / group).mkdir()
        for speaker in speakers:
            for number in range(2):
                random = np.random.default_rng((speaker, number))
                signal = utterance(Speaker(100 if group == "m" else 200, 1.0), 1, RATE, random)
                soundfile.write(folder / group / f"{speaker}-1-000{number}.wav", signal, RATE)
    return folder


def rows_of(output, split=None):
    rows = Manifest.read(output / "manifest.jsonl").all_rows
    return [row for row in rows if split in (None, row["split"])]


def test_groups_hold_out_speakers(recordings, tmp_path):
    out = tmp_path / "out"
    result = good(recordings / "m", recordings / "f", "-o", out, "--fraction", 0.3)
    assert result.stdout.splitlines() == [
        f"{out}/manifest.jsonl: 16 train, 8 validation recordings, 0 files left out",
        "a: m, 6 speakers",
        "b: f, 6 speakers",
        "held out for validation: by speaker",
    ]
    train, validation = rows_of(out, "train"), rows_of(out, "validation")
    assert not {row["speaker"] for row in train} & {row["speaker"] for row in validation}
    assert {(row["domain"], row["group"]) for row in train} == {("a", "m"), ("b", "f")}
    for row in train:
        assert int(row["speaker"]) < 6 or row["domain"] == "b"
        assert hashlib.sha256(row.path("audio").read_bytes()).hexdigest() == row["sha256"]
        about = soundfile.info(row.path("audio"))
        assert (about.samplerate, about.channels, about.frames, about.subtype) == (16000, 1, 16000, "PCM_16")
    again = tmp_path / "again"
    good(recordings / "m", recordings / "f", "-o", again, "--fraction", 0.3)
    assert (again / "manifest.jsonl").read_bytes() == (out / "manifest.jsonl").read_bytes()


def test_two_speakers_hold_out_recordings(recordings, tmp_path):
    result = good(recordings / "few" / "20-*", recordings / "few" / "21-*.wav", "-o", tmp_path, "--sample-rate", RATE)
    assert "2 train, 2 validation recordings" in result.stdout
    assert "a: 20-*, 1 speaker\n" in result.stdout
    assert result.stdout.endswith("by recording\n")
    assert {row["speaker"] for row in rows_of(tmp_path, "validation")} == {"20", "21"}


def write_table(folder, name, header, lines):
    path = folder / name
    path.write_text("\r\n".join([header, *lines]) + "\r\n", encoding="utf-8")
    return path


def test_tables_say_who_speaks_and_which_split(recordings, tmp_path):
    lines = [f"m/{n}-1-000{k}.wav,{'train' if n < 2 else 'dev'},s{n},M" for n in range(3) for k in range(2)] + [
        f"f/{n}-1-0000.wav,{'train' if n < 8 else 'dev'},s{n},F" for n in range(6, 9)
    ]
    table = write_table(recordings, "table.csv", "file,split,speaker,sex", lines)
    result = good("--table", table, "--by", "sex", "-o", tmp_path, "--sample-rate", RATE)
    assert ": 6 train, 3 validation recordings, 0 files left out\na: F, 3 speakers\nb: M, 3 speakers\n" in result.stdout
    assert {(row["domain"], row["speaker"]) for row in rows_of(tmp_path, "validation")} == {("a", "s8"), ("b", "s2")}
    plain = write_table(
        recordings,
        "plain.csv",
        "group,file",
        ["x,m/0-1-0000.wav", "x,m/0-1-0001.wav"] * 1 + ["y,f/6-1-0000.wav", "y,f/6-1-0001.wav"],
    )
    result = good("--table", plain, "-o", tmp_path / "plain", "--sample-rate", RATE)
    assert "2 train, 2 validation" in result.stdout
    assert {row["speaker"] for row in rows_of(tmp_path / "plain")} == {"0", "6"}


def test_made_up_voices_differ_in_pitch(tmp_path):
    out = tmp_path / "out"
    result = good("--synthetic", "-o", out, "--train", 3, "--validation", 1, "--seconds", 1.5)
    assert (
        "6 train, 2 validation recordings, 0 files left out\na: low, 1 speaker\nb: high, 1 speaker\n" in result.stdout
    )
    for domain, hertz in (("a", 110), ("b", 210)):
        signals = [soundfile.read(row.path("audio"))[0] for row in rows_of(out) if row["domain"] == domain]
        assert pitch(signals, 16000) == pytest.approx(hertz, rel=0.12)


def test_what_cannot_be_used_is_named(recordings, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "broken.wav").write_bytes(b"RIFF")
    soundfile.write(mine / "silent.wav", np.zeros(RATE), RATE)
    soundfile.write(mine / "short.wav", np.ones(100) / 2, RATE)
    (mine / "same.wav").write_bytes((recordings / "m" / "0-1-0000.wav").read_bytes())
    (mine / "good.wav").write_bytes((recordings / "f" / "6-1-0000.wav").read_bytes())
    result = good(recordings / "m" / "0-*", mine, "-o", tmp_path / "out", "--fraction", 0)
    assert "3 train recordings, 4 files left out" in result.stdout
    for line in ("broken.wav: ", "silent.wav: silence", "short.wav: 0.01 s, shorter than 0.5 s", "same.wav: the same"):
        assert line in result.stderr


def test_a_mistake_is_one_line(recordings, tmp_path):
    result = voices(recordings / "m", "-o", tmp_path / "out")
    assert result.returncode == 1
    assert result.stderr == "voices.py: give two voices, A and B, or --table, or --synthetic\n"


@pytest.fixture
def script(monkeypatch):
    """The script's function: a process for each mistake would take a second each."""
    monkeypatch.syspath_prepend(SCRIPT.parent)
    return importlib.import_module("voices").voices


@pytest.mark.parametrize(
    ("places", "options", "message"),
    [
        (["m", "f"], {"synthetic": True}, "give two voices"),
        (["m", "nowhere"], {}, "there is no file or folder"),
        (["m/0-1-0000.wav", "f"], {}, "are from one source"),
        (["m", "f"], {"fraction": 1.5}, "the validation fraction must lie in [0, 1), got 1.5"),
        (["m", "f"], {"sample_rate": 10}, "the sample rate must lie between"),
        (["m", "m"], {}, "nothing is left of voice b for train"),
        ([], {"table": "nowhere.csv"}, "cannot be read as a table"),
        ([], {"table": "three.csv"}, "must hold two values, one a voice, got x, y, z"),
        ([], {"table": "three.csv", "by": "sex"}, "has no column 'sex'; it has file, group, split"),
        ([], {"table": "split.csv"}, "split 'later' is none of train"),
        ([], {"table": "gone.csv"}, "names m/gone.wav, and there is no such file beside it"),
    ],
)
def test_mistakes_say_what_is_wrong(recordings, tmp_path, script, places, options, message):
    one = "m/0-1-0000.wav"
    write_table(recordings, "three.csv", "file,group,split", [f"{one},{name},train" for name in "xyz"])
    write_table(recordings, "split.csv", "file,group,split", [f"{one},x,later", f"{one},y,train"])
    write_table(recordings, "gone.csv", "file,group", ["m/gone.wav,x", f"{one},y"])
    if "table" in options:
        options = options | {"table": recordings / options["table"]}
    with pytest.raises(UserError) as caught:
        script(tmp_path / "out", [str(recordings / place) for place in places], **options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out" / "manifest.jsonl").exists()
