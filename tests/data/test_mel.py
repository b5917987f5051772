from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from condgen.data.mel import MelConfig, MelSpectrogram, active_frames
from condgen.data.synthetic_speech import Speaker, utterance
from condgen.errors import UserError

RATE = 16000


@pytest.fixture(scope="module")
def spectrogram() -> MelSpectrogram:
    return MelSpectrogram(MelConfig())


@pytest.fixture(scope="module")
def speech() -> torch.Tensor:
    return torch.from_numpy(utterance(Speaker(120, 1.0), 2, RATE, np.random.default_rng(0)))


def tone(hertz: float, amplitude: float, samples: int = RATE) -> torch.Tensor:
    return amplitude * torch.sin(2 * math.pi * hertz * torch.arange(samples) / RATE)


def htk(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)


def test_a_tone_lies_in_its_band_at_its_level(spectrogram):
    """A tone on the middle of bin 125 and band 44: a Hann window gives it 1, 1/2 and 1/2 of the amplitude."""
    mel = spectrogram.config.decibels(spectrogram(tone(2000, 0.1)))
    band = int(mel[:, 30].argmax())
    middle = htk(8000) * (band + 1) / 81
    assert abs(htk(2000) - middle) < htk(8000) / 81 / 2
    edges = [htk(8000) * (band + offset) / 81 for offset in (0, 1, 2)]
    low, top, high = (700 * (10 ** (edge / 2595) - 1) for edge in edges)
    heights = [max(0, min((f - low) / (top - low), (high - f) / (high - top))) for f in (1984.375, 2000, 2015.625)]
    expected = 0.1 * (0.5 * heights[0] + heights[1] + 0.5 * heights[2])
    assert mel[band, 30].item() == pytest.approx(20 * math.log10(expected), abs=0.05)


def test_silence_is_minus_one_and_a_gain_is_a_shift(spectrogram, speech):
    assert (spectrogram(torch.zeros(4000)) == -1).all()
    loud, soft = spectrogram(speech), spectrogram(speech / 10)
    above = soft > -0.999
    torch.testing.assert_close((loud - soft)[above], torch.full_like(loud[above], 0.5), atol=1e-4, rtol=0)
    assert loud.min() >= -1
    assert loud.max() <= 1
    assert spectrogram.config.decibels(torch.tensor([-1.0, 0.0, 1.0])).tolist() == [-80, -40, 0]


@pytest.mark.parametrize("samples", [1, 255, 256, 1000, 4096])
def test_lengths_come_back(spectrogram, samples):
    frames = spectrogram(torch.randn(samples) / 10)
    assert frames.shape == (80, 1 + samples // 256) == (80, spectrogram.config.frames(samples))
    assert spectrogram.to_waveform(frames, samples).shape == (samples,)
    assert spectrogram.to_waveform(frames).shape == (samples // 256 * 256,)


def test_there_and_back_keeps_the_frames(spectrogram, speech):
    frames = spectrogram(speech)
    made = spectrogram.to_waveform(frames, len(speech))
    loud = frames > -0.5  # 60 dB below full scale
    difference = 40 * (spectrogram(made) - frames)[loud]
    assert difference.square().mean().sqrt() < 2  # dB
    torch.testing.assert_close(made.square().mean(), speech.square().mean(), rtol=0.1, atol=0)
    assert torch.equal(made, spectrogram.to_waveform(frames, len(speech)))


def test_magnitudes_are_found_again(spectrogram):
    """Bands of non-negative magnitudes are met far better than by least squares cut off at zero."""
    spectrum = torch.rand(513, 20, generator=torch.Generator().manual_seed(0)) ** 8 / 100
    bands = spectrogram._basis @ spectrum
    found = spectrogram._spectrum(1 + 20 * bands.log10() / 40)
    cut = (spectrogram._inverse @ bands).clamp(min=0)
    errors = [((spectrogram._basis @ one - bands).norm() / bands.norm()).item() for one in (found, cut)]
    assert (found >= 0).all()
    assert errors[0] < 0.3 * errors[1]


def test_pauses(spectrogram, speech):
    active = active_frames(spectrogram.config.decibels(spectrogram(torch.cat([speech, torch.zeros(RATE)]))))
    assert not active[2 * RATE // 256 + 4 :].any()
    assert active.float().mean() > 0.2


@pytest.mark.parametrize(
    "values",
    [
        {"hop": 513},
        {"fft": 1023},
        {"hop": 0},
        {"highest": 8001.0},
        {"lowest": 9000.0},
        {"floor": 0.0},
        {"floor": -math.inf},
        {"mels": 0},
        {"sample_rate": 10},
    ],
)
def test_bad_values_are_refused(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        MelConfig(**values)


def test_bad_frames_are_refused(spectrogram):
    with pytest.raises(UserError, match=r"mels are narrower than 62.5 Hz; take fewer, or more fft"):
        MelSpectrogram(MelConfig(fft=256, hop=64))
    with pytest.raises(ValueError, match="frames are"):
        spectrogram.to_waveform(torch.zeros(79, 4))
    with pytest.raises(ValueError, match="1024 samples give 5 frames, not 4"):
        spectrogram.to_waveform(torch.zeros(80, 4), 1024)
