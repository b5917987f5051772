"""Synthetic speech: it has the traits that make a signal speech, and noises have theirs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from condgen.data.manifest import Manifest, Split
from condgen.data.mixing import active_level
from condgen.data.synthetic_speech import LEVEL, Noise, Speaker, make, noise, utterance
from condgen.errors import UserError

RATE = 16000


def power_spectrum(signal):
    return np.abs(np.fft.rfft(signal)) ** 2


@pytest.mark.parametrize("pitch", [100, 200])
def test_speech_has_its_pitch_pauses_and_level(pitch):
    signal = utterance(Speaker(pitch, 1.0), 4.0, RATE, np.random.default_rng(0))
    assert signal.dtype == np.float32
    assert signal.shape == (4 * RATE,)
    assert abs(active_level(signal, RATE) - LEVEL) < 7
    frames = signal[: len(signal) // 640 * 640].reshape(-1, 640)
    levels = 10 * np.log10(np.square(frames).mean(axis=1))
    assert 0.1 < (levels < levels.max() - 35).mean() < 0.7  # pauses, and not only pauses
    loudest = int(levels.argmax()) * 640
    voiced = signal[loudest - 640 : loudest + 1280]
    correlation = np.correlate(voiced, voiced, "full")[len(voiced) - 1 :]
    lags = slice(round(RATE / pitch / 1.4), round(RATE / pitch * 1.4))
    period = lags.start + int(correlation[lags].argmax())
    assert correlation[period] > 0.6 * correlation[0]
    assert RATE / period == pytest.approx(pitch, rel=0.25)


def test_speech_has_formants_and_consonants():
    signal = utterance(Speaker(110, 1.0), 4.0, RATE, np.random.default_rng(1))
    spectrum = power_spectrum(signal)
    bands = spectrum[:32000].reshape(16, -1).sum(axis=1)  # of 500 Hz
    assert bands[:2].sum() > 10 * bands[4:].sum()
    frames = signal[: len(signal) // 320 * 320].reshape(-1, 320)
    spectra = np.abs(np.fft.rfft(frames * np.hanning(320))) ** 2
    sharp = spectra[:, 60:].sum(axis=1) > spectra[:, :60].sum(axis=1)  # above 3 kHz
    loud = np.square(frames).mean(axis=1) > 1e-2 * np.square(frames).mean()
    assert (sharp & loud).any()
    assert (~sharp & loud).sum() > (sharp & loud).sum()


def test_speakers_differ():
    speakers = [Speaker.drawn(np.random.default_rng(seed)) for seed in range(40)]
    assert min(one.pitch for one in speakers) < 110
    assert max(one.pitch for one in speakers) > 190
    assert np.corrcoef([(one.pitch, one.formants) for one in speakers], rowvar=False)[0, 1] > 0.5


@pytest.mark.parametrize("kind", Noise)
@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_noises_have_their_level_at_any_rate(kind, rate):
    signal = noise(kind, 1.5, rate, np.random.default_rng(0))
    assert signal.shape == (round(1.5 * rate),)
    assert signal.dtype == np.float32
    assert np.abs(signal).max() < 1
    assert active_level(signal, rate) == pytest.approx(LEVEL, abs=0.1 if np.abs(signal).max() < 0.98 else 12)


def test_white_noise_is_flat_pink_noise_falls_and_hum_is_harmonic():
    random = np.random.default_rng(0)
    octaves = [slice(2**power, 2 ** (power + 1)) for power in range(8, 14)]
    white = power_spectrum(noise(Noise.WHITE, 2, RATE, random))
    pink = power_spectrum(noise(Noise.PINK, 2, RATE, random))
    falls = [np.log2(pink[low].mean() / pink[high].mean()) for low, high in itertools.pairwise(octaves)]
    assert np.mean(falls) == pytest.approx(1, abs=0.1)
    assert white[octaves[0]].mean() / white[octaves[-1]].mean() == pytest.approx(1, abs=0.3)
    hum = power_spectrum(noise(Noise.HUM, 2, RATE, random))
    base = int(hum[:130].argmax())  # bins of half a hertz
    assert min(abs(base / 2 - 50), abs(base / 2 - 60), abs(base / 2 - 100), abs(base / 2 - 120)) < 1.5
    assert np.sort(hum)[-60:].sum() > 0.95 * hum.sum()


def test_a_made_set_has_other_speakers_for_validation_and_is_seeded(tmp_path):
    for out, seed in (("a", 0), ("b", 0), ("c", 1)):
        prepared = make(tmp_path / out, train=6, validation=3, seconds=1, sample_rate=8000, seed=seed)
        assert prepared.rows == {Split.TRAIN: 6, Split.VALIDATION: 3}
    texts = [(tmp_path / out / "manifest.jsonl").read_text() for out in "abc"]
    assert texts[0] == texts[1] != texts[2]
    manifest = Manifest.read(tmp_path / "a/manifest.jsonl")
    assert {row["source"].partition("/")[0] for row in manifest.rows("train")} == {"train-000", "train-001"}
    assert {row["source"].partition("/")[0] for row in manifest.rows("validation")} == {"validation-000"}
    assert {row["snr"] for row in manifest.rows("validation")} < {2.5, 7.5, 12.5, 17.5}
    assert not list((tmp_path / "a").glob("*noise*"))


@pytest.mark.parametrize(
    "wrong",
    [{"train": 0, "validation": 0}, {"seconds": 0.5}, {"sample_rate": 4000}, {"seconds": float("nan")}, {"seed": -1}],
)
def test_numbers_out_of_range_are_refused(tmp_path, wrong):
    settings = {"train": 1, "validation": 0, "seconds": 1, "sample_rate": 8000, "seed": 0, **wrong}
    with pytest.raises(UserError, match="needs one utterance or more"):
        make(tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()
