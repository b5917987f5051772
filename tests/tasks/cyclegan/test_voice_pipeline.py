"""A recording through a generator of frames: with the network left out, what comes out is what went in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from condgen.config import Precision
from condgen.data.image import Picture
from condgen.data.image_output import write
from condgen.data.media import Media
from condgen.data.mel import MelConfig
from condgen.data.synthetic_speech import Speaker, utterance
from condgen.errors import UserError
from condgen.metrics.voice import envelope_correlation
from condgen.networks.translation import Architecture, GeneratorConfig
from condgen.tasks.cyclegan.pipeline import Pipeline, Settings
from condgen.tasks.cyclegan.task import Config, Direction, generators_of
from condgen.tasks.cyclegan.voice_pipeline import FULL_SCALE, VoiceConverter

RATE = 16000
SMALL = GeneratorConfig(channels=4, blocks=1, dimensions=1)
CONFIG = Config(medium=Media.AUDIO, mel=MelConfig(mels=20), crop=32, generator=SMALL)


def pipeline(config: Config = CONFIG, precision: Precision = Precision.FLOAT32, **settings) -> Pipeline:
    torch.manual_seed(0)
    return Pipeline(generators_of(config), config, device="cpu", precision=precision, settings=Settings(**settings))


@pytest.fixture
def without_network(monkeypatch) -> Pipeline:
    """All that is around the conversion at the model's rate."""
    monkeypatch.setattr(VoiceConverter, "converted", lambda self, signal: signal)
    return pipeline()


def tones(samples: int, rate: int, channels: int = 2) -> np.ndarray:
    """(channels, samples) of what survives 16 and 8 kHz."""
    time = np.arange(samples) / rate
    return np.stack([0.3 * np.sin(2 * np.pi * 200 * (n + 1) * time) for n in range(channels)]).astype(np.float32)


def speech(seconds: float = 1.0) -> np.ndarray:
    return utterance(Speaker(120, 1.0), seconds, RATE, np.random.default_rng(0))


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("samples", [1, 2, 5, 1001, 70_003])
def test_every_rate_and_length_is_kept(without_network, rate, samples):
    signal = tones(samples, rate)
    made = without_network(signal, rate)
    assert made.shape == signal.shape
    inside = slice(300, -300)
    np.testing.assert_allclose(made[:, inside], signal[:, inside], atol=2e-3)
    if rate == RATE:
        np.testing.assert_array_equal(made, signal)


def test_arrays_and_tensors_keep_their_kind(without_network):
    signal = tones(500, RATE)
    for dtype in (np.float16, np.float64):
        made = without_network(signal[0].astype(dtype), 16000.0)
        assert (made.dtype, made.shape) == (dtype, (500,))
    tensor = torch.from_numpy(signal).to(torch.bfloat16).requires_grad_()
    made = without_network(tensor, RATE)
    assert (made.dtype, made.requires_grad) == (torch.bfloat16, False)
    assert torch.equal(made, tensor)


@pytest.mark.parametrize(
    ("waveform", "rate", "words"),
    [
        (np.zeros(10, np.int16), RATE, r"a waveform \(10,\) of int16 is no recording; give floating point"),
        (np.zeros((1, 1, 10)), RATE, r"is no recording; give floating point \(T,\) or \(C, T\)"),
        (np.zeros(0), RATE, "is no recording"),
        (np.zeros((16000, 2)), RATE, r"would have 16000 channels; give \(C, T\)"),
        (torch.tensor([0, torch.nan]), RATE, "not finite"),
        ([0.0], RATE, "give a NumPy array or a tensor and a sample rate in Hz, got list and int"),
        (np.zeros(10), 44100.5, "a sample rate is a whole number of Hz, got 44100.5"),
        (np.zeros((8, 8, 3), np.uint8), None, r"translates audio, not pictures; give a waveform \(T,\) or \(C, T\)"),
        ("speech.wav", None, "translates audio, not pictures; give a waveform"),
    ],
)
def test_what_is_no_waveform_is_said(without_network, waveform, rate, words):
    with pytest.raises(UserError, match=words):
        without_network(waveform, rate)


def test_channels_are_converted_for_themselves_and_equal_ones_once(monkeypatch):
    heard = []

    def louder(self, signal):
        heard.append(signal)
        return signal * len(heard)

    monkeypatch.setattr(VoiceConverter, "converted", louder)
    left, right = tones(400, RATE)
    made = pipeline()(np.stack([left, right, left]), RATE)
    assert len(heard) == 2
    np.testing.assert_allclose(made, [left, 2 * right, left])


@pytest.mark.parametrize("rate", [RATE, 44100])
def test_higher_peaks_make_all_channels_softer_and_nothing_is_clipped(monkeypatch, tmp_path, caplog, rate):
    monkeypatch.setattr(VoiceConverter, "converted", lambda self, signal: 4 * signal)
    signal = tones(5000, rate) * [[1.0], [0.5]]
    soundfile.write(tmp_path / "in.wav", signal.T, rate)
    pipeline().translate_file(tmp_path / "in.wav", tmp_path / "out.wav")
    made, _ = soundfile.read(tmp_path / "out.wav")
    assert np.abs(made).max() == pytest.approx(FULL_SCALE, abs=1e-3)
    middle = slice(500, -500)
    np.testing.assert_allclose(made[middle] / FULL_SCALE, signal.T[middle] / 0.3, atol=0.02)
    (line,) = caplog.messages
    assert line == f"{tmp_path}/out.wav: 1.6 dB softer than the input: its peaks would have been clipped"  # of 1.2


def test_what_exceeds_full_scale_already_may_do_so(monkeypatch, without_network):
    signal = 5 * tones(500, RATE)
    np.testing.assert_array_equal(without_network(signal, RATE), signal)
    monkeypatch.setattr(VoiceConverter, "converted", lambda self, signal: 2 * signal)
    np.testing.assert_allclose(without_network(signal, RATE), signal, rtol=1e-5)


def test_form_and_tags_of_a_file_are_kept(without_network, tmp_path):
    signal = tones(44100, 44100)
    with soundfile.SoundFile(tmp_path / "in.flac", "w", 44100, 2, "PCM_24") as file:
        file.title = "a title"
        file.write(signal.T)
    without_network.translate_file(tmp_path / "in.flac", tmp_path / "out.wav")
    with soundfile.SoundFile(tmp_path / "out.wav") as file:
        assert (file.samplerate, file.channels, file.subtype, file.title) == (44100, 2, "PCM_24", "a title")
        made = file.read()
    np.testing.assert_allclose(made[300:-300], signal.T[300:-300], atol=2e-3)


def test_a_file_is_what_an_array_is_and_nothing_half_is_left(tmp_path):
    translate, signal = pipeline(), speech()
    soundfile.write(tmp_path / "in.wav", signal, RATE, subtype="FLOAT")
    translate.translate_file(tmp_path / "in.wav", tmp_path / "out.wav")
    np.testing.assert_array_equal(soundfile.read(tmp_path / "out.wav", dtype="float32")[0], translate(signal, RATE))
    whole = (tmp_path / "in.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"cut\.wav: is cut short"):
        translate.translate_file(tmp_path / "cut.wav", tmp_path / "made.wav")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.wav", "in.wav", "out.wav"]


@pytest.mark.parametrize(
    ("generator", "mels", "multiple"),
    [
        (SMALL, 20, 16),
        (replace(SMALL, dimensions=2), 20, 16),
        (replace(SMALL, architecture=Architecture.UNET, levels=5), 20, 32),
        (replace(SMALL, architecture=Architecture.UNET, levels=3, dimensions=2), 24, 16),
    ],
)
def test_the_networks_get_frames_that_they_take(generator, mels, multiple):
    config = replace(CONFIG, generator=generator, mel=MelConfig(mels=mels))
    translate, sizes = pipeline(config), []
    torch.manual_seed(0)
    network = generators_of(config)["a2b"].eval()
    run = translate.voices._network

    def observed(frames, seed):
        sizes.append(frames.shape)
        made = run(frames, seed)
        with torch.no_grad():
            torch.testing.assert_close(made, network(frames), atol=1e-4, rtol=0)
        return made

    translate.voices._network = observed
    for seconds in (1.0, 0.02):
        signal = speech()[: int(seconds * RATE)]
        made = translate(signal, RATE)
        assert made.shape == signal.shape
        assert np.sqrt(np.square(made).mean()) == pytest.approx(np.sqrt(np.square(signal).mean()), rel=1e-3)
    assert [size[-1] % multiple for size in sizes] == [0, 0]
    assert sizes[1][-1] == multiple
    assert {size[:-1] for size in sizes} == {(1, mels) if generator.dimensions == 1 else (1, 1, mels)}


def test_bf16_gives_the_sound_of_fp32():
    made, wanted = (pipeline(precision=one)(speech(), RATE) for one in (Precision.BFLOAT16, Precision.FLOAT32))
    assert made.dtype == np.float32
    assert not np.array_equal(made, wanted)
    assert envelope_correlation(made, wanted, RATE) > 0.9


def test_directions():
    there = pipeline()
    torch.manual_seed(0)
    networks = generators_of(CONFIG).eval()
    frames = torch.rand(1, 20, 32) * 2 - 1
    with torch.no_grad():
        for one in (there, there.reverse()):
            torch.testing.assert_close(one.voices.frames(frames), networks[one.direction](frames), atol=1e-5, rtol=0)
    assert there.reverse().direction is Direction.B2A


@pytest.mark.parametrize(("setting", "option"), [("longest_side", "--longest-side"), ("tile", "--tile")])
def test_settings_of_pictures_are_refused(setting, option):
    with pytest.raises(UserError, match=f"translates recordings, which have no use for {option}; leave it out"):
        pipeline(**{setting: 64})


def test_the_other_medium_is_said(tmp_path):
    write(Picture(np.zeros((16, 16, 3), np.uint8)), tmp_path / "photo.png")
    soundfile.write(tmp_path / "speech.wav", speech(), RATE)
    with pytest.raises(UserError, match=r"photo\.png: is image by its name, and the model translates audio; give"):
        pipeline().translate_file(tmp_path / "photo.png", tmp_path / "out.wav")
    pictures = pipeline(Config(generator=GeneratorConfig(channels=4, blocks=1)))
    with pytest.raises(UserError, match=r"speech\.wav: is audio by its name, and the model translates image; give"):
        pictures.translate_file(tmp_path / "speech.wav", tmp_path / "out.png")
    with pytest.raises(UserError, match="translates pictures, not audio; give a picture"):
        pictures(speech(), RATE)
