from __future__ import annotations

import numpy as np
import pytest
import torch

from condgen.data.mel import MelConfig, MelSpectrogram
from condgen.data.synthetic_speech import Speaker, utterance
from condgen.metrics.voice import (
    compare,
    envelope_correlation,
    fundamental_frequency,
    log_mel_distance,
    pitch,
    spectrum_distance,
)

RATE = 16000


def harmonic(hertz: float, seconds: float = 1.0) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return 0.1 * sum(np.sin(2 * np.pi * k * hertz * time) / k for k in range(1, 20) if k * hertz < RATE / 2)


def voice(speaker: Speaker, seed: int) -> np.ndarray:
    return utterance(speaker, 3, RATE, np.random.default_rng(seed))


@pytest.mark.parametrize("hertz", [75.0, 111.3, 160.0, 237.7, 390.0])
def test_pitch_of_harmonics(hertz):
    found = fundamental_frequency(harmonic(hertz), RATE)
    assert len(found) == 101
    np.testing.assert_allclose(found[5:-5], hertz, rtol=0.005)
    assert pitch([harmonic(hertz), harmonic(hertz)], RATE) == pytest.approx(hertz, rel=0.005)


def test_no_voice_has_no_pitch():
    noise = np.random.default_rng(0).standard_normal(RATE) / 10
    assert np.isnan(fundamental_frequency(noise, RATE)).mean() > 0.95
    assert np.isnan(fundamental_frequency(np.zeros(RATE), RATE)).all()
    assert np.isnan(pitch([np.zeros(RATE)], RATE))
    assert np.isnan(pitch([], RATE))
    quiet = np.concatenate([harmonic(100), harmonic(100) / 1000])
    assert np.isnan(fundamental_frequency(quiet, RATE)[106:]).all()


def test_pitch_of_speakers_is_theirs():
    for hertz in (100, 220):
        assert pitch([voice(Speaker(hertz, 1.0), seed) for seed in range(2)], RATE) == pytest.approx(hertz, rel=0.1)


def test_distances_by_hand():
    one = torch.tensor([[0.0, -10.0], [-10.0, -20.0]])
    assert log_mel_distance(one + 3, one) == pytest.approx(3)
    assert log_mel_distance(one, one + torch.tensor([[3.0, 0.0], [4.0, 0.0]])) == pytest.approx(12.5**0.5 / 2)
    assert spectrum_distance([one - 5], [one]) == pytest.approx(0, abs=1e-5)  # the level is nobody's voice
    assert spectrum_distance([one], [one.flip(0)]) == pytest.approx(10)
    pause = torch.tensor([[-70.0], [0.0 - 70]])
    assert spectrum_distance([torch.cat([one, pause], dim=1)], [one]) == pytest.approx(0, abs=1e-5)
    with pytest.raises(ValueError, match="one size"):
        log_mel_distance(one, one[:, :1])


def test_envelope():
    signal = voice(Speaker(120, 1.0), 0)
    assert envelope_correlation(0.1 * signal, signal, RATE) == pytest.approx(1, abs=1e-6)
    assert envelope_correlation(voice(Speaker(120, 1.0), 1), signal, RATE) < 0.5
    assert np.isnan(envelope_correlation(np.zeros(RATE), signal[:RATE], RATE))
    with pytest.raises(ValueError, match="equally long"):
        envelope_correlation(signal[:-RATE], signal, RATE)


def test_compare_tells_a_conversion_from_none():
    low, high = Speaker(110, 1.0), Speaker(210, 1.15)
    sources, targets = ([voice(who, seed) for seed in seeds] for who, seeds in ((low, (1, 2)), (high, (3, 4))))
    perfect = [voice(high, seed) for seed in (1, 2)]  # the same seed says the same
    mel = MelSpectrogram(MelConfig())
    none, all_of_it = compare(sources, sources, targets, mel), compare(perfect, sources, targets, mel)
    assert none["from_source"] == 0
    assert none["to_target"] == none["groups_apart"] > 2 * all_of_it["to_target"]
    assert none["pitch"] == none["source_pitch"] < 0.6 * none["target_pitch"]
    assert all_of_it["pitch"] == pytest.approx(all_of_it["target_pitch"], rel=0.1)
    assert all_of_it["envelope"] > 0.8
