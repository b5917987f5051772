"""The data check on pairs of recordings: polarity, level, sides that are swapped or the same, mixed forms."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from scipy.signal import butter, lfilter, sosfilt

from condgen.data import manifest as manifests
from condgen.data.check import Demands, FieldPair, check
from condgen.data.findings import WHOLE_FILE
from condgen.data.manifest import Manifest
from condgen.data.media import Media
from condgen.data.mixing import limit_band

RATE = 16000
DEMANDS = Demands(fields={"noisy": Media.AUDIO, "clean": Media.AUDIO}, pairs=[FieldPair("noisy", "clean")])
HISS = 0.003  # about 25 dB below the speech


def speech(seed=0, samples=2 * RATE):
    """Noise in the bands of two formants, with pauses four times a second."""
    random = np.random.default_rng(seed)
    sound = lfilter([1], [1, -1.6, 0.8], random.standard_normal(samples)) * (1 + np.sin(np.arange(samples) / 640))
    return (0.1 * sound / np.abs(sound).max()).astype(np.float32)


def noise(seed=100, samples=2 * RATE, level=HISS):
    return (level * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def stored(path, samples, rate=RATE):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate)


def checked(folder, pairs, split="train", demands=DEMANDS):
    """The findings about pairs of signals."""
    rows = []
    for number, (noisy, clean) in enumerate(pairs):
        row = {"split": split, "noisy": f"noisy/{number}.wav", "clean": f"clean/{number}.wav"}
        stored(folder / row["noisy"], noisy)
        stored(folder / row["clean"], clean)
        rows.append(row)
    manifests.write(folder / "m.jsonl", rows)
    return check(Manifest.read(folder / "m.jsonl"), demands)


@pytest.mark.parametrize("level", [0.001, 0.03])  # of the noise: down to 5 dB above the speech
def test_opposite_polarity_is_an_error(tmp_path, level):
    clean = speech()
    (finding,) = checked(tmp_path, [(noise(level=level) - clean, clean)])
    assert (finding.line, finding.file, finding.is_error) == (1, "clean/0.wav", True)
    assert finding.problem == "noisy has the opposite polarity"


def test_an_inverted_echo_louder_than_the_voice_is_not_opposite_polarity(tmp_path):
    clean = speech(samples=4 * RATE)
    assert checked(tmp_path, [(clean - 1.2 * np.roll(clean, 103), clean)]) == []


@pytest.mark.parametrize(
    ("factor", "problem"),
    [
        (0.1, "speech in noisy is 20.0 dB softer"),
        (3, "speech in noisy is 9.5 dB louder"),
        (0.6, None),
        (1.8, None),
    ],
)
def test_speech_of_another_level_is_a_note_whatever_the_noise(tmp_path, factor, problem):
    clean = speech()
    found = checked(tmp_path, [(factor * (clean + noise()), clean)])
    assert [(finding.line, finding.problem, finding.is_error) for finding in found] == (
        [(1, problem, False)] if problem else []
    )


def test_loud_noise_is_no_other_level(tmp_path):
    clean = speech()
    assert checked(tmp_path, [(clean + noise(level=0.1), clean)]) == []


def test_the_echoes_of_a_room_are_no_other_level(tmp_path):
    clean, random = speech(samples=4 * RATE), np.random.default_rng(0)
    echoes = sum(random.choice([-0.1, 0.1]) * np.roll(clean, lag) for lag in random.integers(200, 4000, 60))
    assert checked(tmp_path, [(0.3 * clean + echoes, clean)]) == []


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.5])
def test_sides_that_are_swapped_in_most_rows_are_one_error_of_the_split(tmp_path, factor):
    right = [(factor * (speech(seed) + noise(seed)), speech(seed)) for seed in range(4)]
    assert checked(tmp_path, right) == []
    swapped = [(clean, noisy) for noisy, clean in right]
    assert checked(tmp_path, [*right[:2], *swapped[2:]]) == []  # not most rows
    (finding,) = checked(tmp_path, [right[0], *swapped[1:]])
    assert (finding.line, finding.file, finding.is_error) == (WHOLE_FILE, "m.jsonl", True)
    assert finding.problem == "pauses are quieter in noisy than in clean, in 3 of 4 train rows; line 2 is the first"
    assert finding.fix == "swap the two: noisy seems to be the cleaner one"


def with_drop_outs(signal):
    signal = signal.copy()
    for start in range(0, len(signal), RATE // 2):
        signal[start : start + RATE // 10] = 0
    return signal


DEGRADED = {
    "telephone": lambda clean: limit_band(clean, RATE, 8000),
    "drop-outs": with_drop_outs,
    "clipped": lambda clean: np.clip(clean, -0.03, 0.03),
    "hum": lambda clean: clean + np.float32(0.1) * np.sin(np.arange(len(clean)) * 2 * np.pi * 50 / RATE),
}


@pytest.mark.parametrize("degrade", DEGRADED.values(), ids=DEGRADED)
def test_degraded_speech_is_not_taken_for_the_cleaner_side(tmp_path, degrade):
    treble = butter(8, 5000, "highpass", fs=RATE, output="sos")
    cleans = [speech(seed) + noise(seed) + sosfilt(treble, noise(seed, level=0.02)) for seed in range(2)]
    pairs = [(degrade(clean), clean) for clean in cleans]
    assert [finding for finding in checked(tmp_path, pairs) if finding.is_error] == []


def test_identical_sides_are_counted_and_an_error_if_there_is_nothing_else_to_train_on(tmp_path):
    same = [(speech(seed), speech(seed)) for seed in range(2)]
    other = (speech(2) + noise(), speech(2))
    (note,) = checked(tmp_path, [other, *same])
    assert (note.line, note.is_error) == (WHOLE_FILE, False)
    assert note.problem == "noisy and clean hold the same in 2 of 3 train rows; line 2 is the first"
    (error,) = checked(tmp_path, same)
    assert (error.problem.split(";")[0], error.is_error) == ("noisy and clean hold the same in 2 of 2 train rows", True)
    (note,) = checked(tmp_path, same, split="test")
    assert not note.is_error


def test_mixed_rates_and_channels_are_counted(tmp_path):
    rows = []
    for number, (rate, channels) in enumerate([(16000, 1), (16000, 1), (8000, 1), (16000, 2)]):
        stored(tmp_path / f"{number}.wav", np.stack([speech(number)] * channels, axis=1), rate)
        rows.append({"split": "train", "clean": f"{number}.wav"})
    manifests.write(tmp_path / "m.jsonl", rows)
    manifest = Manifest.read(tmp_path / "m.jsonl")
    found = check(manifest, Demands(fields={"clean": Media.AUDIO}))
    assert [(finding.line, finding.is_error, finding.problem) for finding in found] == [
        (
            WHOLE_FILE,
            False,
            "different sample rates in clean: 16000 Hz in 3 rows, 8000 Hz in 1 rows; line 3 is the first that differs",
        ),
        (WHOLE_FILE, False, "different channels in clean: 1 in 3 rows, 2 in 1 rows; line 4 is the first that differs"),
    ]
    stated = check(manifest, Demands(fields={"clean": Media.AUDIO}, sample_rate=16000, channels=1))
    assert [(finding.line, finding.is_error) for finding in stated] == [(3, True), (4, True)]
