from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from condgen.data import manifest
from condgen.data.loading import Draw
from condgen.data.manifest import Manifest
from condgen.data.mel import MelConfig, MelSpectrogram
from condgen.data.mixing import active_level
from condgen.data.synthetic_speech import Speaker, utterance
from condgen.errors import UserError
from condgen.metrics.voice import envelope_correlation, log_mel_distance
from condgen.tasks.cyclegan.data import Batch
from condgen.tasks.cyclegan.speech import LEVEL, SpeechDataset, _cuts, convert, read_speech

RATE = 16000
MEL = MelConfig(mels=40)


def speech(seconds: float, seed: int = 0) -> np.ndarray:
    return utterance(Speaker(120, 1.0), seconds, RATE, np.random.default_rng(seed))


def rows(folder: Path, *signals: np.ndarray, rate: int = RATE):
    made = []
    for number, signal in enumerate(signals):
        soundfile.write(folder / f"{number}.wav", signal, rate, subtype="FLOAT")
        made.append({"split": "train", "domain": "a", "audio": f"{number}.wav", "speaker": "x"})
    manifest.write(folder / "manifest.jsonl", made)
    return Manifest.read(folder / "manifest.jsonl").rows("train")


@pytest.fixture(scope="module")
def spectrogram() -> MelSpectrogram:
    return MelSpectrogram(MEL)


def level_of(waveform) -> float:
    return float(np.sqrt(np.square(waveform, dtype=np.float64).mean()))


def is_in(crop: torch.Tensor, frames: torch.Tensor) -> bool:
    length = crop.shape[1]
    starts = range(frames.shape[1] - length + 1)
    return any(torch.allclose(crop, frames[:, start : start + length], atol=2e-3) for start in starts)


def test_crops_are_of_the_recordings_at_one_level(tmp_path, spectrogram):
    signals = [speech(1.5, seed) for seed in range(3)]
    signals[1] = signals[1] / 20
    found = rows(tmp_path, *signals)
    dataset = SpeechDataset(found, found[:1], MEL, 32)
    assert len(dataset) == 3
    wanted = [
        spectrogram(torch.from_numpy(one) * 10 ** ((LEVEL - active_level(one, RATE)) / 20)).clamp(-1, 1)
        for one in signals
    ]
    for index in range(3):
        item = dataset[Draw(index, (0, index))]
        assert isinstance(item, Batch)
        assert item.a.shape == item.b.shape == (40, 32)
        assert item.a.dtype == torch.float32
        assert is_in(item.a, wanted[index])
        assert is_in(item.b, wanted[0])
    assert torch.equal(dataset[Draw(1, (0, 1))].a, dataset[Draw(1, (0, 1))].a)
    assert not torch.equal(dataset[Draw(1, (0, 1))].a, dataset[Draw(1, (0, 2))].a)


def test_the_smaller_domain_is_drawn_at_random(tmp_path):
    found = rows(tmp_path, *(speech(1, seed) for seed in range(3)))
    dataset = SpeechDataset(found[:2], found, MEL, 62, dimensions=2)
    items = [dataset[Draw(0, (0, seed))] for seed in range(12)]
    assert items[0].a.shape == (1, 40, 62)
    assert len({item.b.sum().item() for item in items}) <= 2  # one recording of 63 frames
    assert len({round(item.a.mean().item(), 2) for item in items}) > 1


def test_crops_hold_speech(tmp_path, spectrogram):
    pause = np.zeros(4 * RATE, np.float32)
    (row,) = rows(tmp_path, np.concatenate([pause, speech(1), pause]))
    dataset = SpeechDataset([row], [row], MEL, 32)
    for seed in range(20):
        crop = dataset[Draw(0, (0, seed))].a
        assert (crop.amax(dim=0) > -0.5).float().mean() >= 0.2


def test_short_recordings_go_on_backwards(tmp_path):
    (row,) = rows(tmp_path, speech(1)[: 20 * 256])
    crop = SpeechDataset([row], [row], MEL, 50)[Draw(0, (0, 0))].a
    assert crop.shape == (40, 50)
    torch.testing.assert_close(crop[:, 21:42], crop[:, :21].flip(1))
    torch.testing.assert_close(crop[:, 42:], crop[:, :8])


def test_bad_recordings_are_refused(tmp_path):
    (row,) = rows(tmp_path, speech(1), rate=8000)
    with pytest.raises(UserError, match=r"0.wav: 8000 Hz and 1 channels, the model takes 16000 Hz mono; prepare"):
        SpeechDataset([row], [row], MEL, 32)
    (row,) = rows(tmp_path, np.zeros((RATE, 2), np.float32))
    with pytest.raises(UserError, match="2 channels"):
        read_speech(row, RATE)
    (row,) = rows(tmp_path, np.zeros(RATE, np.float32))
    with pytest.raises(UserError, match="is silent; take the row out"):
        SpeechDataset([row], [row], MEL, 32)


def test_conversion_keeps_length_loudness_and_place(spectrogram):
    signal = speech(2) / 5
    made = convert(signal, lambda frames: frames, MEL)
    assert made.dtype == np.float32
    assert made.shape == signal.shape
    assert level_of(made) == pytest.approx(level_of(signal), rel=1e-4)
    assert envelope_correlation(made, signal, RATE) > 0.97
    again = convert(signal, lambda frames: frames - 0.2, MEL)  # 8 dB softer, which is given back
    assert level_of(again) == pytest.approx(level_of(signal), rel=1e-4)


def test_networks_hear_one_level_and_whole_multiples():
    heard = []

    def translate(frames):
        heard.append(frames)
        return frames

    for gain in (1.0, 0.05):
        convert(gain * speech(2), translate, MEL)
    torch.testing.assert_close(*heard, atol=1e-3, rtol=0)
    assert heard[0].shape == (1, 40, 128)
    convert(speech(1)[:300], translate, MEL, dimensions=2, multiple=24)
    assert heard[-1].shape == (1, 1, 40, 24)


def test_blocks_end_in_pauses_and_are_bounded(spectrogram):
    words = [speech(1.3, seed) for seed in range(6)]
    pause = np.zeros(RATE // 5, np.float32)
    signal = np.concatenate([part for word in words for part in (word, pause)])
    sizes = []

    def translate(frames):
        sizes.append(frames.shape[-1])
        return frames

    whole = convert(signal, translate, MEL, seconds=math.inf)
    assert len(sizes) == 1
    for cut in _cuts(signal, MEL, 2.0):
        assert np.abs(signal[cut - 160 : cut + 160]).max() < 0.01 * np.abs(signal).max()
    made = convert(signal, translate, MEL, seconds=2.0)
    assert 6 <= len(sizes) - 1 <= 10
    assert max(sizes[1:]) <= (2.0 + 2 * 0.5) * RATE / 256 + 16
    assert made.shape == signal.shape
    decibels = [MEL.decibels(spectrogram(torch.from_numpy(one))) for one in (made, whole)]
    assert log_mel_distance(*(one.clamp(min=-60) for one in decibels)) < 2


class Waveforms:
    """In place of mel frames, the waveform itself: what is made of it must then be the recording."""

    def __init__(self, config: MelConfig):
        pass

    def __call__(self, waveform: torch.Tensor) -> torch.Tensor:
        return waveform[None]

    def to_waveform(self, mel: torch.Tensor, length: int) -> torch.Tensor:
        return mel[0, :length]


@pytest.mark.parametrize("samples", [RATE, 2 * RATE, 2 * RATE + 300, 5 * RATE + 77, 20 * RATE])
def test_blocks_join_to_the_recording(monkeypatch, samples):
    monkeypatch.setattr("condgen.tasks.cyclegan.speech.MelSpectrogram", Waveforms)
    blocks = []

    def translate(waveform):
        blocks.append(waveform)
        return waveform

    signal = np.random.default_rng(0).standard_normal(samples).astype(np.float32) / 10
    made = convert(signal, translate, MEL, seconds=2.0)
    np.testing.assert_allclose(made, signal, atol=1e-5)
    assert (len(blocks) > 1) == (samples > 2 * RATE)


def test_silence_stays_and_bad_arguments_are_refused():
    assert not convert(np.zeros(5000, np.float32), lambda frames: frames, MEL).any()
    assert convert(np.zeros(0, np.float32), lambda frames: frames, MEL).shape == (0,)
    assert not convert(speech(1), lambda frames: torch.full_like(frames, -1), MEL).any()
    with pytest.raises(ValueError, match="must keep the shape"):
        convert(speech(1), lambda frames: frames[..., :-1], MEL)
    with pytest.raises(ValueError, match="floating point"):
        convert(np.zeros((5, 2)), lambda frames: frames, MEL)
    with pytest.raises(ValueError, match="blocks of 1 s"):
        convert(speech(1), lambda frames: frames, MEL, seconds=0)
