from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from condgen.config import resolve
from condgen.data import manifest
from condgen.data.loading import Draw
from condgen.data.manifest import Manifest, Split
from condgen.data.media import Media
from condgen.errors import UserError
from condgen.tasks import check_data
from condgen.tasks.segan.data import (
    FAINTER,
    LOUDER,
    QUIETER,
    STRONGER,
    DataConfig,
    Dataset,
    demands,
    emphasise,
    open_split,
    read_pair,
)

RATE, WINDOW, HOP, FACTOR = 16000, 256, 128, 0.95
LENGTHS = (1000, 600, 100)


def whole_numbers(length: int, seed: int) -> np.ndarray:
    """What 16-bit files hold exactly."""
    return np.random.default_rng(seed).integers(-8000, 8000, length).astype(np.float32) / 32768


@pytest.fixture
def pairs() -> list[tuple[np.ndarray, np.ndarray]]:
    """Noisy and clean."""
    clean = [whole_numbers(length, seed) for seed, length in enumerate(LENGTHS)]
    return [(one + whole_numbers(len(one), 10 + number), one) for number, one in enumerate(clean)]


@pytest.fixture
def folder(tmp_path, pairs) -> Path:
    rows = []
    for number, pair in enumerate(pairs):
        row = {"split": "train" if number < 2 else "validation", "speaker": f"s{number}"}
        for name, signal in zip(("noisy", "clean"), pair, strict=True):
            row[name] = f"{name}{number}.wav"
            soundfile.write(tmp_path / row[name], signal, RATE, subtype="PCM_16")
        rows.append(row)
    manifest.write(tmp_path / "manifest.jsonl", rows)
    return tmp_path


def dataset(folder: Path, split: str = "train", **options) -> Dataset:
    config = DataConfig(manifest=str(folder / "manifest.jsonl"), **{"hop": HOP, **options})
    return Dataset(config, RATE, WINDOW, FACTOR, split)


def by_hand(signal: np.ndarray) -> np.ndarray:
    made = signal.copy()
    for n in range(1, len(signal)):
        made[n] = signal[n] - np.float32(0.95) * signal[n - 1]
    return made


def test_emphasis_by_hand():
    signal = np.float32([1, 2, 0, -4])
    np.testing.assert_allclose(emphasise(signal, 0.5), [1, 1.5, -1, -4])
    np.testing.assert_allclose(emphasise(signal, 0.5, before=6), [-2, 1.5, -1, -4])
    np.testing.assert_array_equal(emphasise(signal, 0), signal)
    assert emphasise(signal, 0.95).dtype == np.float32


def test_windows_are_those_of_the_filtered_recording(folder, pairs):
    data = dataset(folder)
    assert data.windows == [(0, 128 * n) for n in range(6)] + [(1, 128 * n) for n in range(3)]  # tails are dropped
    filtered = [[by_hand(signal) for signal in pair] for pair in pairs]
    for index, (recording, start) in enumerate(data.windows):
        item = data[Draw(index, (0, index))]
        for made, wanted in zip((item.noisy, item.clean), filtered[recording], strict=True):
            assert (made.dtype, made.shape) == (torch.float32, (1, WINDOW))
            np.testing.assert_allclose(made[0].numpy(), wanted[start : start + WINDOW], atol=1e-7)


def test_a_recording_shorter_than_a_window_ends_in_silence(folder, pairs):
    data = dataset(folder, "validation")
    assert data.windows == [(0, 0)]
    item = data[Draw(0, (0, 0))]
    np.testing.assert_allclose(item.clean[0, :100].numpy(), by_hand(pairs[2][1]), atol=1e-7)
    assert not item.clean[0, 100:].any()


def test_without_augmentation_the_seed_changes_nothing(folder):
    data = dataset(folder)
    for first, second in zip(vars(data[Draw(3, (0, 1))]).values(), vars(data[Draw(3, (5, 7))]).values(), strict=True):
        assert torch.equal(first, second)


def level(signal: np.ndarray, wanted: np.ndarray) -> float:
    return float(signal @ wanted / (wanted @ wanted))


def test_augmentation_keeps_pairs_and_takes_noise_from_elsewhere(folder, pairs):
    """Clean speech is a scaled window from anywhere of the drawn recording; so are two thirds of the noises."""
    data = dataset(folder, augment=True)
    filtered = [[by_hand(signal).astype(np.float64) for signal in pair] for pair in pairs[:2]]
    places = [(index, start) for index, length in enumerate(LENGTHS[:2]) for start in range(length - WINDOW + 1)]
    speech = np.stack([filtered[index][1][start : start + WINDOW] for index, start in places])
    noises = np.stack([np.subtract(*filtered[index])[start : start + WINDOW] for index, start in places])
    gains, noise_gains, starts, own, drawn = [], [], set(), 0, 0
    for seed in range(90):
        item = data[Draw(seed % len(data), (seed, seed))]
        clean, noisy = item.clean[0].double().numpy(), item.noisy[0].double().numpy()
        found = int(np.argmax(speech @ clean / np.linalg.norm(speech, axis=1)))
        gain = level(clean, speech[found])
        np.testing.assert_allclose(clean, gain * speech[found], atol=1e-6)
        assert places[found][0] == data.windows[seed % len(data)][0]
        heard = int(np.argmax(noises @ (noisy - clean) / np.linalg.norm(noises, axis=1)))
        gains.append(20 * np.log10(gain))
        starts.add(places[found][1] % HOP)
        noise_gain = level(noisy - clean, noises[heard])
        if not np.allclose(noisy - clean, noise_gain * noises[heard], atol=1e-6):
            noise_gain = np.linalg.norm(noisy - clean) / np.linalg.norm(noises[found])  # as loud as its own was
            drawn += 1
        noise_gains.append(20 * np.log10(noise_gain / gain))
        own += heard == found
    assert QUIETER <= min(gains) < QUIETER + 3
    assert LOUDER - 3 < max(gains) <= LOUDER
    assert FAINTER <= min(noise_gains) + 0.01 < FAINTER + 3
    assert STRONGER - 3 < max(noise_gains) <= STRONGER + 0.01
    assert len(starts) > 30
    assert 20 < own < 45
    assert 20 < drawn < 45


def test_drawn_noise_has_any_spectrum_and_level_1(folder):
    """Averaged over many draws it is white to 6 dB an octave; one draw is not."""
    data, levels = dataset(folder, augment=True), []
    for seed in range(200):
        noise = data._drawn_noise(np.random.default_rng(seed))
        assert np.mean(noise**2) == pytest.approx(1, rel=1e-4)
        spectrum = np.abs(np.fft.rfft(noise)) ** 2
        high, low = spectrum[-len(spectrum) // 2 :].mean(), spectrum[len(spectrum) // 4 : len(spectrum) // 2].mean()
        levels.append(10 * np.log10(high / low))
    assert 3 < np.std(levels) < 9


def test_augmentation_depends_on_the_draw_alone(folder):
    first, second = dataset(folder, augment=True), dataset(folder, augment=True, cache_gigabytes=0)
    second[Draw(1, (9, 9))]
    one, same, other = first[Draw(3, (0, 1))], second[Draw(3, (0, 1))], second[Draw(3, (0, 2))]
    assert torch.equal(one.noisy, same.noisy)
    assert torch.equal(one.clean, same.clean)
    assert not torch.equal(one.clean, other.clean)


def test_the_cache_holds_16_bits_a_sample_and_no_more_than_it_may(folder, monkeypatch):
    reads, original = [], read_pair
    monkeypatch.setattr(
        "condgen.tasks.segan.data.read_pair", lambda row, rate: reads.append(row) or original(row, rate)
    )
    room = 2 * 2 * LENGTHS[0] / 2**30  # the first pair alone, as 16-bit integers
    data = dataset(folder, cache_gigabytes=room)
    for index in (0, 1, 0, 6, 6):  # windows of the first pair thrice, of the second twice
        data[Draw(index, (0, 0))]
    assert len(reads) == 3
    assert {signal.dtype for pair in data._cache._kept.values() for signal in pair} == {np.dtype(np.int16)}


def test_what_16_bits_do_not_hold_stays_floating_point(folder, pairs):
    data = dataset(folder)
    before = data[Draw(0, (0, 0))]
    soundfile.write(folder / "noisy0.wav", pairs[0][0] * 0.3, RATE, subtype="FLOAT")
    after = dataset(folder)[Draw(0, (0, 0))]
    torch.testing.assert_close(after.noisy, 0.3 * before.noisy, atol=1e-7, rtol=0)
    assert torch.equal(after.clean, before.clean)


def rows(folder: Path) -> list[manifest.Row]:
    return Manifest.read(folder / "manifest.jsonl").rows("train")


def test_a_pair_is_read_as_it_is(folder, pairs):
    for made, wanted in zip(read_pair(rows(folder)[0], RATE), pairs[0], strict=True):
        assert made.dtype == np.float32
        np.testing.assert_allclose(made, wanted, atol=1e-7)


@pytest.mark.parametrize(
    ("samples", "rate", "words"),
    [
        (np.zeros(1000), 48000, "clean0.wav: 48000 Hz and 1 channels, the model takes 16000 Hz mono; prepare the data"),
        (np.zeros((1000, 2)), 16000, "clean0.wav: 16000 Hz and 2 channels"),
        (np.zeros(999), 16000, r"manifest.jsonl:1: 1000 noisy and 999 clean samples; run `condgen data check`"),
    ],
)
def test_a_pair_that_does_not_fit_is_one_line(folder, samples, rate, words):
    soundfile.write(folder / "clean0.wav", samples, rate)
    with pytest.raises(UserError, match=words) as problem:
        read_pair(rows(folder)[0], RATE)
    assert "\n" not in str(problem.value)


def test_a_missing_recording_is_one_line(folder):
    (folder / "clean1.wav").unlink()
    with pytest.raises(UserError, match=r"clean1\.wav: there is no such file"):
        dataset(folder)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("hop", 0, "hop must be 1 sample or more, got 0"),
        ("cache_gigabytes", -1, "cache_gigabytes must not be negative"),
        ("cache_gigabytes", float("nan"), "cache_gigabytes must not be negative, got nan"),
        ("validation_recordings", 0, "validation_recordings must be 1 or more"),
    ],
)
def test_bad_settings_are_said(field, value, words):
    with pytest.raises(ValueError, match=words):
        replace(DataConfig(), **{field: value})


def test_a_run_reads_windows_as_its_model_wants_them(folder):
    config = resolve(
        {
            "task": "segan",
            "model": {"window": 2048, "pre_emphasis": 0.5},
            "data": {"manifest": str(folder / "manifest.jsonl"), "hop": 64},
        }
    )
    data = open_split(config, "train")
    assert len(data) == 2
    item = data[Draw(0, (0, 0))]
    assert item.noisy.shape == (1, 2048)
    clean = read_pair(rows(folder)[0], RATE)[1]
    np.testing.assert_allclose(item.clean[0, :1000], emphasise(clean, 0.5), atol=1e-7)


def run(folder: Path):
    return resolve({"task": "segan", "data": {"manifest": str(folder / "manifest.jsonl")}})


def test_the_check_before_training_asks_for_what_the_model_takes(folder):
    wanted = demands(run(folder))
    assert wanted.fields == {"noisy": Media.AUDIO, "clean": Media.AUDIO}
    assert (wanted.sample_rate, wanted.channels, tuple(wanted.apart)) == (16000, 1, ("speaker",))
    assert wanted.minimum_sizes == {Split.TRAIN: 4000, Split.VALIDATION: 4000}


def test_recordings_that_are_too_short_stop_a_run(folder):
    with pytest.raises(UserError):
        check_data(run(folder))
