"""Preparation of speech: mixtures and ready pairs, from folders to a checked manifest."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import soundfile

from condgen.data.manifest import Manifest, Split
from condgen.data.mixing import active_level
from condgen.data.recordings import Recording
from condgen.data.speech_preparation import Degradations, Mixtures, prepare_mixtures
from condgen.errors import UserError

RATE = 8000


def record(path, seconds=1.0, seed=0, rate=RATE, level=0.1):
    path.parent.mkdir(parents=True, exist_ok=True)
    signal = level * 2**15 * np.random.default_rng(seed).uniform(-1, 1, round(seconds * rate))
    soundfile.write(path, signal.astype(np.int16), rate)
    return path


def recordings(folder, count, first=0, **options):
    paths = [record(folder / f"{index}.wav", seed=first + index, **options) for index in range(count)]
    return [Recording(path, f"{folder.name}/{path.stem}", f"{folder.name}{path.stem}") for path in paths]


def samples(out, row, side):
    signal, rate = soundfile.read(out / row[side], dtype="int16")
    assert rate == RATE
    assert hashlib.sha256((out / row[side]).read_bytes()).hexdigest() == row[f"{side}_sha256"]
    return signal


def hash_of(name):
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def splits(tmp_path):
    train = Mixtures(recordings(tmp_path / "speech", 4), recordings(tmp_path / "noise", 3, 10), (0, 10), versions=3)
    valid = Mixtures(recordings(tmp_path / "valid", 2, 20), recordings(tmp_path / "hum", 1, 30, seconds=0.3), (5,))
    return {Split.TRAIN: train, Split.VALIDATION: valid}


def test_mixtures_have_the_ratio_of_their_row_and_the_clean_speech_unchanged(tmp_path, splits):
    out = tmp_path / "out"
    prepared = prepare_mixtures(splits, out, sample_rate=RATE)
    assert str(prepared) == f"{out}/manifest.jsonl: 12 train, 2 validation pairs, 0 files left out"
    for row in Manifest.read(prepared.manifest).all_rows:
        noisy, clean = samples(out, row, "noisy"), samples(out, row, "clean")
        source, _ = soundfile.read(tmp_path / f"{row['source']}.wav", dtype="int16")
        np.testing.assert_array_equal(clean, source)
        noise = (noisy.astype(float) - clean) / 2**15
        assert active_level(clean / 2**15, RATE) - active_level(noise, RATE) == pytest.approx(row["snr"], abs=0.05)


def test_ratios_and_noises_are_dealt_evenly(tmp_path, splits):
    rows = Manifest.read(prepare_mixtures(splits, tmp_path / "out", sample_rate=RATE).manifest).rows("train")
    assert sorted(row["snr"] for row in rows) == [0.0] * 6 + [10.0] * 6
    assert sorted(row["noise"] for row in rows) == ["0.wav"] * 4 + ["1.wav"] * 4 + ["2.wav"] * 4
    assert len({row["noisy"] for row in rows}) == 12
    assert len({row["clean"] for row in rows}) == 4


def test_a_scaled_version_gets_a_clean_file_of_its_own(tmp_path):
    loud = Mixtures(
        recordings(tmp_path / "loud", 1, level=0.9), recordings(tmp_path / "noise", 1, 5), (40, 0), versions=2
    )
    out = tmp_path / "out"
    rows = Manifest.read(prepare_mixtures({Split.TRAIN: loud}, out, sample_rate=RATE).manifest).rows("train")
    assert sorted((row["snr"], row["clean"] == "clean/loud/0.flac") for row in rows) == [(0.0, False), (40.0, True)]
    scaled = next(row for row in rows if row["snr"] == 0)
    clean, noisy = samples(out, scaled, "clean"), samples(out, scaled, "noisy")
    assert np.abs(noisy).max() == round(0.99 * 2**15)
    source, _ = soundfile.read(tmp_path / "loud/0.wav", dtype="int16")
    np.testing.assert_allclose(clean, source * (clean.std() / source.std()), atol=2)


def test_the_same_call_writes_the_same_bytes_and_another_seed_others(tmp_path, splits):
    for out, seed in (("a", 0), ("b", 0), ("c", 1)):
        prepare_mixtures(splits, tmp_path / out, sample_rate=RATE, seed=seed)
    first = contents(tmp_path / "a")
    prepare_mixtures(splits, tmp_path / "a", sample_rate=RATE)
    assert first == contents(tmp_path / "a") == contents(tmp_path / "b")
    assert first.keys() == contents(tmp_path / "c").keys()
    assert first["noisy/speech/0_1.flac"] != contents(tmp_path / "c")["noisy/speech/0_1.flac"]


def test_files_of_the_same_name_in_both_splits_keep_apart(tmp_path):
    noise = recordings(tmp_path / "noise", 2, 10)
    one, two = recordings(tmp_path / "a/wavs", 1), recordings(tmp_path / "b/wavs", 1, 5)
    splits = {Split.TRAIN: Mixtures(one, noise[:1], (5,)), Split.VALIDATION: Mixtures(two, noise[1:], (5,))}
    rows = Manifest.read(prepare_mixtures(splits, tmp_path / "out", sample_rate=RATE).manifest).all_rows
    assert [row["clean"] for row in rows] == ["clean/wavs/0.flac", "clean/wavs/0-2.flac"]


def test_degradations_touch_the_noisy_side_of_the_pairs_that_say_so(tmp_path):
    response = np.zeros(400, np.float32)
    response[40], response[240] = 0.9, 0.5
    (tmp_path / "rooms").mkdir()
    soundfile.write(tmp_path / "rooms/hall.wav", response, RATE)
    rooms = (Recording(tmp_path / "rooms/hall.wav", "hall", "hall"),)
    speech, noise = recordings(tmp_path / "speech", 12), recordings(tmp_path / "noise", 1, 30)
    worse = Mixtures(speech, noise, (60,), degradations=Degradations(clip=0.5, reverberate=0.5, responses=rooms))
    out = tmp_path / "out"
    rows = Manifest.read(prepare_mixtures({Split.TRAIN: worse}, out, sample_rate=RATE).manifest).all_rows
    assert {("room" in row.fields, "clipped" in row.fields) for row in rows} == {
        (False, False),
        (False, True),
        (True, False),
        (True, True),
    }
    for row in rows:
        noisy, clean = samples(out, row, "noisy").astype(float), samples(out, row, "clean").astype(float)
        source, _ = soundfile.read(tmp_path / f"{row['source']}.wav", dtype="int16")
        np.testing.assert_array_equal(clean, source)
        echo = np.dot(noisy[200:], clean[:-200]) / np.dot(clean, clean)
        assert echo == pytest.approx(0.5 / 0.9 if "room" in row.fields else 0, abs=0.1)
        clipped = (np.abs(noisy) == np.abs(noisy).max()).mean()
        assert clipped == pytest.approx(row.fields.get("clipped", 0), abs=0.002)


def test_a_limited_band_is_noted_and_has_no_treble(tmp_path):
    speech = recordings(tmp_path / "speech", 2, rate=16000)
    worse = Mixtures(
        speech, recordings(tmp_path / "noise", 1, 9, rate=16000), (20,), degradations=Degradations(band_limit=1)
    )
    out = tmp_path / "out"
    for row in Manifest.read(prepare_mixtures({Split.TRAIN: worse}, out).manifest).all_rows:
        assert row["band_rate"] == 8000
        spectrum = np.abs(np.fft.rfft(soundfile.read(out / row["noisy"])[0])) ** 2
        assert spectrum[len(spectrum) * 9 // 16 :].sum() < 1e-4 * spectrum.sum()


def test_nothing_left_is_one_line_and_leaves_an_earlier_manifest_alone(tmp_path, splits):
    manifest = prepare_mixtures(splits, tmp_path / "out", sample_rate=RATE).manifest
    before = manifest.read_bytes()
    silent = [Recording(record(tmp_path / "silent.wav", level=0), "silent", "silent")]
    with pytest.raises(UserError, match=r"no noise is left for train; .*silent.wav: silence$"):
        prepare_mixtures({Split.TRAIN: Mixtures(splits[Split.TRAIN].speech, silent, (0,))}, tmp_path / "out")
    assert manifest.read_bytes() == before


def test_settings_out_of_range_are_refused(splits):
    with pytest.raises(UserError, match=r"must lie in \[0, 1\]"):
        Degradations(clip=1.5)
    with pytest.raises(UserError, match="one ratio in dB or more"):
        Mixtures([], [], ())


def test_an_output_that_cannot_be_written_is_one_line(tmp_path, splits):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UserError, match="cannot be written"):
        prepare_mixtures(splits, tmp_path / "out", sample_rate=RATE)


@pytest.mark.parametrize("snr", [float("nan"), 400.0])
def test_ratios_that_nobody_means_are_refused(snr):
    with pytest.raises(UserError, match="ratios must lie between -100 and 100 dB"):
        Mixtures([], [], [5.0, snr])


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"sample_rate": 0}, "the sample rate must lie between 1000 and 655350 Hz, got 0"),
        ({"sample_rate": 1_000_000}, "the sample rate must lie between 1000 and 655350 Hz"),
        ({"seed": -1}, "the seed must not be below 0, got -1"),
    ],
)
def test_rates_and_seeds_out_of_range_are_refused(tmp_path, wrong, problem):
    with pytest.raises(UserError, match=problem):
        prepare_mixtures({}, tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()


def test_speakers_and_recordings_of_noise_that_validation_has_are_left_out_of_training(tmp_path):
    def named(folder, *names):
        return [Recording(record(tmp_path / folder / name, seed=hash_of(name)), name[:-4], name) for name in names]

    train = Mixtures(named("a", "7-1-0001.wav", "8-1-0001.wav"), named("n", "4-169127-A.wav", "4-5-A.wav"), (5,))
    valid = Mixtures(named("v", "7-2-0001.wav"), named("m", "4-169127-B.wav"), (5,))
    prepared = prepare_mixtures({Split.TRAIN: train, Split.VALIDATION: valid}, tmp_path / "out", sample_rate=RATE)
    (row,) = Manifest.read(prepared.manifest).rows("train")
    assert (row["speaker"], row["noise"]) == ("8", "4-5-A.wav")
    assert prepared.left_out == (
        f"{tmp_path}/a/7-1-0001.wav: its source (7) is also in validation, in {tmp_path}/v/7-2-0001.wav",
        f"{tmp_path}/n/4-169127-A.wav: its source (4-169127) is also in validation, in {tmp_path}/m/4-169127-B.wav",
    )
    alone = {Split.TRAIN: Mixtures(train.speech[:1], train.noise, (5,)), Split.VALIDATION: valid}
    with pytest.raises(UserError, match=r"no speech is left for train; .* is also in validation"):
        prepare_mixtures(alone, tmp_path / "none", sample_rate=RATE)
