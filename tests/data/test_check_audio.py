"""The data check on recordings: what is wrong with one, with a pair, and between splits."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from scipy.signal import lfilter
from typer.testing import CliRunner

from condgen.cli import app
from condgen.data import manifest as manifests
from condgen.data.check import Demands, FieldPair, check, require_good
from condgen.data.check_audio import align
from condgen.data.manifest import Manifest, Split
from condgen.data.media import Media

RATE = 16000
SECOND = RATE  # samples
AUDIO = {"noisy": Media.AUDIO, "clean": Media.AUDIO}
ALONE = {"clean": Media.AUDIO}
PAIR = [FieldPair("noisy", "clean")]


def speech(seed=0, samples=2 * SECOND):
    """Noise in the bands of two formants, louder and softer four times a second."""
    random = np.random.default_rng(seed)
    sound = lfilter([1], [1, -1.6, 0.8], random.standard_normal(samples)) * (1 + np.sin(np.arange(samples) / 640))
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


def noise(seed=100, samples=2 * SECOND, level=0.05):
    return (level * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def stored(path, samples, rate=RATE, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)


def pair(folder, name, noisy, clean, split="train", **fields):
    stored(folder / f"noisy/{name}", noisy)
    stored(folder / f"clean/{name}", clean)
    return {"split": split, "noisy": f"noisy/{name}", "clean": f"clean/{name}", **fields}


def manifest(folder, *rows):
    manifests.write(folder / "m.jsonl", rows)
    return Manifest.read(folder / "m.jsonl")


def test_good_pairs_have_no_findings(tmp_path):
    rows = []
    for seed, split in enumerate(["train", "train", "validation"]):
        clean = speech(seed)
        rows.append(pair(tmp_path, f"{seed}.flac", clean + noise(seed), clean, split, speaker=f"speaker {seed}"))
    stored(tmp_path / "noisy/0_babble.wav", speech(0) + noise(7))
    rows.append({**rows[0], "noisy": "noisy/0_babble.wav"})  # another noisy version, in the same split
    demands = Demands(
        fields=AUDIO,
        pairs=PAIR,
        sample_rate=RATE,
        channels=1,
        minimum_sizes={Split.TRAIN: SECOND},
        apart=("speaker",),
        splits=(Split.TRAIN, Split.VALIDATION),
    )
    assert check(manifest(tmp_path, *rows), demands) == []
    require_good(manifest(tmp_path, *rows), demands)


def clipped(path):
    samples = speech()
    samples[2000:2007] = 1
    samples[3000:3002] = -1  # two peaks are no run
    stored(path, samples)


def not_finite(path):
    stored(path, np.append(speech(), np.float32(np.nan)), subtype="FLOAT")


RECORDINGS = {
    "missing": (lambda path: None, "missing", True),
    "empty": (lambda path: path.write_bytes(b""), "empty", True),
    "text": (lambda path: path.write_text("hello"), "is no audio", True),
    "silence": (lambda path: stored(path, np.full(2 * SECOND, 2**-15)), "silence, no sample above -80 dB", True),
    "not finite": (not_finite, "has 1 samples that are not finite", True),
    "short": (lambda path: stored(path, speech(samples=160)), "0.010 s, shorter than 1.024 s", True),
    "rate": (lambda path: stored(path, speech(), 48000), "48000 Hz, the model's rate is 16000", True),
    "stereo": (lambda path: stored(path, np.stack([speech(), speech(1)], 1)), "2 channels, the model takes 1", True),
    "clipped": (clipped, "clipped, 0.02% of the samples in runs", False),
    "offset": (lambda path: stored(path, speech() + 0.1), "an offset of 0.100 from zero", False),
}


@pytest.mark.parametrize(("make", "problem", "is_error"), RECORDINGS.values(), ids=RECORDINGS)
def test_a_bad_recording_is_one_finding_of_its_line(tmp_path, make, problem, is_error):
    stored(tmp_path / "good.wav", speech(9))
    make(tmp_path / "a.wav")
    rows = manifest(tmp_path, *({"split": "train", "clean": name} for name in ("good.wav", "a.wav")))
    demands = Demands(fields=ALONE, minimum_sizes={Split.TRAIN: 16384}, sample_rate=RATE, channels=1)
    (finding,) = check(rows, demands)
    assert (finding.line, finding.file, finding.is_error) == (2, "a.wav", is_error)
    assert finding.problem.startswith(problem)
    assert finding.fix


def test_runs_at_full_scale_are_found_across_blocks(tmp_path):
    samples = speech(samples=3 * 65536)
    samples[65535 - 4 : 65536 + 20] = 1  # the reader's blocks end within the run
    stored(tmp_path / "a.wav", samples)
    (finding,) = check(manifest(tmp_path, {"split": "train", "clean": "a.wav"}), Demands(fields=ALONE))
    assert finding.problem == f"clipped, {22 / len(samples):.2%} of the samples in runs at full scale"


@pytest.mark.parametrize("lag", [0, 1, 2, 37, 500, -37])
@pytest.mark.parametrize("level", [0.005, 0.1])  # of the noise: about 20 dB below the speech, and 5 dB above it
def test_a_lag_of_two_samples_or_more_is_an_error(tmp_path, lag, level):
    clean = speech()
    noisy = np.roll(clean, lag) + noise(level=level)
    row = pair(tmp_path, "a.wav", noisy, clean)
    found = check(manifest(tmp_path, row), Demands(fields=AUDIO, pairs=PAIR))
    if abs(lag) < 2:
        assert found == []
    else:
        (finding,) = found
        way = "lags" if lag > 0 else "is ahead of"
        assert (finding.problem, finding.is_error) == (f"noisy {way} clean by {abs(lag)} samples", True)


def test_echoes_louder_than_the_voice_are_no_lag(tmp_path):
    """As in a room: the direct sound is in place, and single reflections are stronger in some bands."""
    clean = speech(samples=4 * SECOND)
    echo = 0.9 * np.roll(clean, 103)
    row = pair(tmp_path, "a.wav", clean + echo + 0.8 * np.roll(clean, 211), clean)
    assert check(manifest(tmp_path, row), Demands(fields=AUDIO, pairs=PAIR)) == []


def test_a_tone_fits_at_every_period_and_is_no_lag(tmp_path):
    tone = (0.3 * np.sin(2 * np.pi * 200 * np.arange(2 * SECOND) / RATE)).astype(np.float32)
    row = pair(tmp_path, "a.wav", tone + noise(level=0.1), tone)
    assert not any(finding.is_error for finding in check(manifest(tmp_path, row), Demands(fields=AUDIO, pairs=PAIR)))


PAIRS = {
    "unlike": (speech(1), speech(2), "noisy does not sound like it", False),
    "length": (speech()[:-7], speech(), "32000 samples, noisy has 31993", True),
    "channels": (np.stack([speech()] * 2, 1), speech(), "16000 Hz with 1 channels, noisy has 16000 with 2", True),
}


@pytest.mark.parametrize(("noisy", "clean", "problem", "is_error"), PAIRS.values(), ids=PAIRS)
def test_a_bad_pair_is_one_finding(tmp_path, noisy, clean, problem, is_error):
    row = pair(tmp_path, "a.wav", noisy, clean)
    (finding,) = check(manifest(tmp_path, row), Demands(fields=AUDIO, pairs=PAIR))
    assert (finding.file, finding.problem, finding.is_error) == ("clean/a.wav", problem, is_error)


def test_names_that_differ_are_noted_unless_one_only_says_more(tmp_path):
    stored(tmp_path / "p1_001.wav", speech())
    for name in ("p1_001_babble_5dB.wav", "p1_0012.wav"):
        stored(tmp_path / name, speech() + noise(len(name)))
    rows = [
        {"split": "train", "noisy": name, "clean": "p1_001.wav"} for name in ("p1_001_babble_5dB.wav", "p1_0012.wav")
    ]
    (finding,) = check(manifest(tmp_path, *rows), Demands(fields=AUDIO, pairs=PAIR))
    assert (finding.line, finding.problem) == (2, "noisy is p1_0012.wav: another name")


def test_equal_rows_are_noted_and_files_of_two_splits_are_errors(tmp_path):
    first = pair(tmp_path, "a.wav", speech() + noise(), speech())
    samples, rate = soundfile.read(tmp_path / "clean/a.wav", dtype="int16")
    stored(tmp_path / "copy.flac", samples, rate)
    second = {**first, "clean": "copy.flac"}
    (note,) = check(manifest(tmp_path, first, second), Demands(fields=AUDIO))
    assert (note.line, note.problem, note.is_error) == (2, "same as noisy/a.wav (line 1, train)", False)
    stored(tmp_path / "noisy/b.wav", speech() + noise(5))
    third = {"split": "test", "noisy": "noisy/b.wav", "clean": "copy.flac"}
    (leak,) = check(manifest(tmp_path, first, third), Demands(fields=AUDIO))
    assert (leak.line, leak.file, leak.is_error) == (1, "clean/a.wav", True)
    assert leak.problem == "same as copy.flac (line 2, test)"


def test_a_speaker_in_two_splits_is_an_error_of_the_training_rows(tmp_path):
    rows = []
    for number, (split, speaker) in enumerate(
        [("train", 3), ("train", 4), ("test", 3), ("validation", 5), ("test", 5)]
    ):
        stored(tmp_path / f"{number}.wav", speech(number))
        rows.append({"split": split, "clean": f"{number}.wav", "speaker": speaker})
    rows[1].pop("speaker")  # not stated: nothing to say
    (finding,) = check(manifest(tmp_path, *rows), Demands(fields=ALONE, apart=["speaker"]))
    assert (finding.line, finding.problem, finding.is_error) == (1, "speaker 3 is also in test (line 3)", True)


def test_the_command_compares_noisy_with_clean_and_says_so(tmp_path):
    clean = speech()
    row = pair(tmp_path, "a.wav", np.roll(clean, 37), clean, noise="dog.wav")
    path = str(manifest(tmp_path, row).path)
    result = CliRunner().invoke(app, ["data", "check", path])
    assert result.exit_code == 1
    assert "noisy lags clean by 37 samples" in result.output
    assert "compared as pairs: noisy:clean\n" in result.output
    assert "1 rows, 1 errors, 0 notes" in result.output
    result = CliRunner().invoke(app, ["data", "check", path, "--minimum-size", str(2 * SECOND + 1)])
    assert "2.000 s, shorter than 2.000 s" in result.output


def test_the_lag_of_an_impulse_is_exact():
    one, other = np.zeros(1000, np.float32), np.zeros(1000, np.float32)
    one[300], other[250] = 1, 1
    alignment = align(one, other, largest=200, near=5)
    assert alignment.lag == 50
    assert alignment.clearness > 100
    assert alignment.at_no_lag < 1e-3
    assert not alignment.inverted
    back = align(other, -one, largest=200, near=5)
    assert (back.lag, back.inverted) == (-50, True)
