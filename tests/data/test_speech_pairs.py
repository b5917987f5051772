"""Ready pairs of speech: found by name, resampled together, left out with a line."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import soundfile

from condgen.data.manifest import Manifest, Split
from condgen.data.speech_pairs import SpeechPair, find_pairs, prepare_pairs
from condgen.errors import UserError

RATE = 8000


def record(path, seconds=1.0, seed=0, rate=RATE, level=0.1):
    path.parent.mkdir(parents=True, exist_ok=True)
    signal = level * 2**15 * np.random.default_rng(seed).uniform(-1, 1, round(seconds * rate))
    soundfile.write(path, signal.astype(np.int16), rate)
    return path


def samples(out, row, side):
    signal, rate = soundfile.read(out / row[side], dtype="int16")
    assert rate == RATE
    assert hashlib.sha256((out / row[side]).read_bytes()).hexdigest() == row[f"{side}_sha256"]
    return signal


def test_pairs_are_found_by_name_whatever_the_folders_are_called(tmp_path):
    for name in ("noisy/n_wav/p1_1.wav", "noisy/n_wav/p1_2.wav", "clean/c_wav/p1_1.flac", "clean/c_wav/p1_3.wav"):
        record(tmp_path / name)
    record(tmp_path / "clean/other/p1_1.wav")
    pairs, left_out = find_pairs(tmp_path / "noisy", tmp_path / "clean")
    assert pairs == [SpeechPair(tmp_path / "noisy/n_wav/p1_1.wav", tmp_path / "clean/c_wav/p1_1.flac")]
    assert [line.split("/", line.count("/"))[-1] for line in left_out][1:] == [
        "p1_2.wav: has no clean partner",
        "p1_3.wav: has no noisy partner",
    ]
    assert "other/p1_1.wav: has the name of" in left_out[0]
    with pytest.raises(UserError, match="partners must have the same name"):
        find_pairs(record(tmp_path / "x/q.wav").parent, tmp_path / "clean")


def test_ready_pairs_are_resampled_together(tmp_path):
    time = np.arange(48000) / 48000
    clean = 0.3 * np.sin(2 * np.pi * 300 * time)
    for side, signal in (("clean", clean), ("noisy", clean + 0.1 * np.sin(2 * np.pi * 1000 * time))):
        (tmp_path / side).mkdir()
        soundfile.write(tmp_path / side / "p226_001.wav", signal, 48000)
    out = tmp_path / "out"
    pairs, _ = find_pairs(tmp_path / "noisy", tmp_path / "clean")
    prepared = prepare_pairs({Split.TEST: pairs}, out, sample_rate=RATE, left_out=["an earlier line"])
    (row,) = Manifest.read(prepared.manifest).rows("test")
    assert (row["speaker"], row["source_rate"], row["resampler"]) == ("p226", 48000, "soxr HQ")
    noise = (samples(out, row, "noisy").astype(float) - samples(out, row, "clean")) / 2**15
    expected = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    np.testing.assert_allclose(noise[200:-200], expected[200:-200], atol=1e-3)
    assert prepared.left_out == ("an earlier line",)


def test_pairs_that_are_no_pairs_are_left_out_with_a_line(tmp_path):
    for side, seconds in (("noisy", 1.0), ("clean", 0.9)):
        record(tmp_path / side / "unequal.wav", seconds)
        record(tmp_path / side / "good.wav")
        record(tmp_path / side / "short.wav", 0.1)
    (tmp_path / "clean/text.wav").write_text("hello")
    record(tmp_path / "noisy/text.wav")
    pairs, _ = find_pairs(tmp_path / "noisy", tmp_path / "clean")
    prepared = prepare_pairs({Split.TRAIN: pairs}, tmp_path / "out", sample_rate=RATE)
    assert prepared.rows == {Split.TRAIN: 1}
    assert len(prepared.left_out) == 3
    assert any(
        "unequal.wav: 8000 samples, but" in line and line.endswith("has 7200: not aligned")
        for line in prepared.left_out
    )
    assert any("short.wav: 0.10 s, shorter than 0.5 s" in line for line in prepared.left_out)
    bad = [pair for pair in pairs if pair.clean.stem == "unequal"]
    with pytest.raises(UserError, match="no pair is left for train"):
        prepare_pairs({Split.TRAIN: bad}, tmp_path / "none", sample_rate=RATE)
