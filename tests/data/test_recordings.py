"""Recordings: finding, telling speakers apart, holding out, sifting."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from condgen.data.manifest import Split
from condgen.data.recordings import (
    Recording,
    Sieve,
    clip_of,
    find_recordings,
    hold_out,
    load,
    named_speaker,
    speaker_of,
)
from condgen.errors import UserError


def record(path, seconds=1.0, seed=0, rate=16000, level=0.1):
    path.parent.mkdir(parents=True, exist_ok=True)
    signal = level * 2**15 * np.random.default_rng(seed).uniform(-1, 1, round(seconds * rate))
    soundfile.write(path, signal.astype(np.int16), rate)
    return path


@pytest.mark.parametrize(
    ("path", "speaker"),
    [
        ("a/103-1240-0000.flac", "103"),
        ("a/84_121123_000007_000001.wav", "84"),
        ("a/p225_001.wav", "p225"),
        ("a/p225_001_mic1.flac", "p225"),
        ("anna/hello.wav", "anna"),
        ("anna/2024-05.wav", "anna"),
        ("anna/2024-05-01.wav", "anna"),
    ],
)
def test_speakers_are_told_by_name_or_folder(path, speaker):
    assert speaker_of(Path(path)) == speaker
    assert named_speaker(Path(path)) in (speaker, None)


def test_a_folder_is_a_guess_and_no_name():
    assert (speaker_of(Path("train/clean/1.wav")), named_speaker(Path("train/clean/1.wav"))) == ("clean", None)


def test_takes_of_one_recording_of_noise_belong_together():
    assert clip_of(Path("x/1-211527-A-20.wav")) == clip_of(Path("y/1-211527-C-20.wav")) == "1-211527"
    assert clip_of(Path("esc10_rain_1-17367-A.ogg")) == "esc10_rain_1-17367"
    assert clip_of(Path("x/ch01.wav")) == "x/ch01.wav"


def test_folders_patterns_and_files_are_found_once_each(tmp_path):
    for name in ("a/x.wav", "a/deep/y.FLAC", "a/.hidden/z.wav", "a/clean/old.flac", "b/1.ogg", "b/2.ogg", "b/3.wav"):
        record(tmp_path / name)
    (tmp_path / "a/notes.txt").write_text("notes")
    (tmp_path / "b/2.txt").write_text("notes")
    places = [tmp_path / "a", tmp_path / "b/[12]*", tmp_path / "b/3.wav", tmp_path / "a/x.wav"]
    found = find_recordings(places, speaker_of, without=[tmp_path / "a/clean"])
    assert [recording.name for recording in found] == ["a/deep/y", "a/x", "b/1", "b/2", "b/3"]
    assert [recording.group for recording in found] == ["deep", "a", "b", "b", "b"]


def test_a_file_that_has_the_signs_of_a_pattern_is_itself(tmp_path):
    record(tmp_path / "a[1].wav")
    assert [one.path.name for one in find_recordings([tmp_path / "a[1].wav"], speaker_of)] == ["a[1].wav"]


def test_places_without_audio_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("notes")
    with pytest.raises(UserError, match="there is no file or folder"):
        find_recordings([tmp_path / "none*"], speaker_of)
    with pytest.raises(UserError, match="has no audio files"):
        find_recordings([tmp_path], speaker_of)


def people(*speakers):
    return [Recording(Path(f"{index}.wav"), str(index), speaker) for index, speaker in enumerate(speakers)]


def test_held_out_speakers_are_whole_and_seeded():
    recordings = people(*"aabbccddee")
    split = hold_out(recordings, 0.4, 1, advice="give more")
    groups = {name: {recording.group for recording in some} for name, some in split.items()}
    assert len(groups[Split.VALIDATION]) == 2
    assert not groups[Split.TRAIN] & groups[Split.VALIDATION]
    assert sum(map(len, split.values())) == 10
    assert split == hold_out(recordings, 0.4, 1, advice="")
    assert any(split != hold_out(recordings, 0.4, seed, advice="") for seed in range(5))
    assert hold_out(recordings, 0, 1, advice="")[Split.VALIDATION] == []


def test_one_speaker_cannot_be_split():
    with pytest.raises(UserError, match=r"are from one source \(a\); give more$"):
        hold_out(people(*"aaa"), 0.1, 0, advice="give more")
    with pytest.raises(UserError, match=r"must lie in \[0, 1\)"):
        hold_out(people(*"ab"), 1, 0, advice="")


def test_load_resamples_and_mixes_channels(tmp_path):
    left = 0.5 * np.sin(2 * np.pi * 500 * np.arange(44100) / 44100)
    soundfile.write(tmp_path / "a.wav", np.stack([left, 0 * left], axis=1), 44100)
    signal = load(tmp_path / "a.wav", 16000)
    assert signal.shape == (16000,)
    assert signal.dtype == np.float32
    expected = 0.25 * np.sin(2 * np.pi * 500 * np.arange(16000) / 16000)
    np.testing.assert_allclose(signal[500:-500], expected[500:-500], atol=1e-3)


def test_what_nobody_can_use_is_left_out_with_a_line_each(tmp_path):
    record(tmp_path / "good.wav")
    record(tmp_path / "copy.flac")
    record(tmp_path / "short.wav", 0.1, seed=1)
    record(tmp_path / "silent.wav", level=0)
    (tmp_path / "text.wav").write_text("hello")
    record(tmp_path / "valid.wav", seed=2)
    record(tmp_path / "leak.flac", seed=2)
    names = ["good.wav", "copy.flac", "short.wav", "silent.wav", "text.wav", "leak.flac"]
    with ThreadPoolExecutor(2) as pool:
        sieve = Sieve(16000, pool)
        valid = [Recording(tmp_path / "valid.wav", "v", "v")]
        assert sieve.sift(valid, Split.VALIDATION, 0.5) == valid
        kept = sieve.sift([Recording(tmp_path / name, name, "a") for name in names], Split.TRAIN, 0.5)
    assert [recording.name for recording in kept] == ["good.wav"]
    assert len(sieve.left_out) == 5
    for line, part in zip(
        sieve.left_out, ("the same sound as", "0.10 s, shorter than 0.5 s", "silence", "", "valid.wav"), strict=True
    ):
        assert part in line
        assert line.startswith(str(tmp_path))
        assert "\n" not in line
