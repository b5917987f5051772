"""Measures of networks whose result is known: such as change nothing, and such as shift all frames by 4 dB."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from condgen.config import OptimizerConfig, RunConfig, TrainerConfig
from condgen.data import manifest
from condgen.data.manifest import Manifest
from condgen.data.media import Media
from condgen.data.mel import MelConfig
from condgen.data.synthetic_speech import Speaker, utterance
from condgen.errors import UserError
from condgen.metrics.voice import pitch
from condgen.networks.translation import GeneratorConfig
from condgen.tasks.cyclegan import evaluation
from condgen.tasks.cyclegan.data import DataConfig
from condgen.tasks.cyclegan.pipeline import Pipeline
from condgen.tasks.cyclegan.task import Config, CycleGAN, Direction, generators_of

RATE = 16000
VOICES = {"a": Speaker(110, 1.0), "b": Speaker(210, 1.15)}
CONFIG = Config(
    medium=Media.AUDIO,
    mel=MelConfig(mels=40),
    crop=32,
    generator=GeneratorConfig(channels=4, blocks=1, dimensions=1),
    pool=0,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A manifest with two recordings of each voice; those of a are as long as those of b."""
    folder, rows = tmp_path_factory.mktemp("voices"), []
    for domain, speaker in VOICES.items():
        for number in range(2):
            signal = utterance(speaker, 1.5, RATE, np.random.default_rng((ord(domain), number)))
            soundfile.write(folder / f"{domain}{number}.flac", signal, RATE)
            rows.append({"split": "validation", "domain": domain, "audio": f"{domain}{number}.flac", "speaker": domain})
    manifest.write(folder / "manifest.jsonl", rows)
    return folder / "manifest.jsonl"


class Shift(torch.nn.Module):
    """In place of a network."""

    def __init__(self, decibels: float):
        super().__init__()
        self.amount = decibels / 40

    def __call__(self, frames, seed):
        return frames + self.amount


@pytest.fixture
def with_networks(monkeypatch):
    """Gives every direction's network another's place."""
    inside = Pipeline.__init__

    def use(**networks):
        def changed(self, *arguments, **named):
            inside(self, *arguments, **named)
            self.voices._network = networks[str(self.direction)]

        monkeypatch.setattr(Pipeline, "__init__", changed)

    return use


def evaluated(data: Path, config: Config = CONFIG, *, also: tuple[str, ...] = ()):
    pipeline = Pipeline(generators_of(config), config, device="cpu")
    return evaluation.evaluate(pipeline, Manifest.read(data), "validation", also, {})


def test_what_changes_nothing_is_its_source_in_every_measure(data, with_networks):
    with_networks(a2b=Shift(0), b2a=Shift(0))
    table, lines = evaluated(data)
    assert list(table) == ["a/a0", "a/a1", "b/b0", "b/b1", "mean"]
    assert lines == []
    assert table["a/a0"].keys() == {
        "pitch_a", "pitch_a2b", "to_target_a2b", "from_source_a2b", "envelope_a2b", "cycle_a"
    }  # fmt: skip
    mean = table["mean"]
    signals = [soundfile.read(data.with_name(f"a{number}.flac"))[0] for number in range(2)]
    assert mean["pitch_a"] == pytest.approx(pitch(signals, RATE))
    assert mean["pitch_a2b"] == pytest.approx(mean["pitch_a"], rel=0.1)  # but for the vocoder
    assert mean["pitch_b2a"] == pytest.approx(mean["pitch_b"], rel=0.1) == pytest.approx(210, rel=0.1)
    assert mean["cycle_a"] == mean["cycle_b"] == 0
    for direction in Direction:
        assert mean[f"envelope_{direction}"] > 0.95
        assert mean[f"from_source_{direction}"] < 0.3 * mean["groups_apart"]
        assert mean[f"to_target_{direction}"] == pytest.approx(mean["groups_apart"], rel=0.2)
        for source in ("0", "1"):
            row = table[f"{direction.source}/{direction.source}{source}"]
            assert row[f"from_source_{direction}"] < row[f"to_target_{direction}"]


def test_the_cycle_is_the_networks_own(data, with_networks):
    """4 dB there and 3 dB back, of which the sound, as loud as its source, shows nothing."""
    with_networks(a2b=Shift(4), b2a=Shift(3))
    table, _ = evaluated(data)
    assert table["a/a1"]["cycle_a"] == pytest.approx(7, rel=1e-4)
    assert table["mean"]["cycle_b"] == pytest.approx(7, rel=1e-4)
    with_networks(a2b=Shift(4), b2a=Shift(-4))
    table, _ = evaluated(data)
    assert table["mean"]["cycle_a"] == pytest.approx(0, abs=1e-4)


def test_one_direction_alone_has_no_cycle(data, with_networks):
    with_networks(b2a=Shift(0))
    table, _ = evaluated(data, replace(CONFIG, directions=[Direction.B2A]))
    assert list(table) == ["b/b0", "b/b1", "mean"]
    assert table["mean"].keys() == {
        "pitch_a", "pitch_b", "pitch_b2a", "to_target_b2a", "from_source_b2a", "envelope_b2a", "groups_apart"
    }  # fmt: skip


def test_what_cannot_be_judged_is_said(data, with_networks):
    """Silence has neither pitch nor syllables."""
    with_networks(a2b=Shift(-1000), b2a=Shift(0))
    table, lines = evaluated(data)
    assert np.isnan(table["mean"]["pitch_a2b"])
    assert lines == [
        f"{name}_a2b: 2 of 2 samples could not be judged and are left out of the means"
        for name in ("pitch", "envelope")
    ]
    with pytest.raises(UserError, match="of voices there is no metric 'fid' besides pitch, to_target"):
        evaluated(data, also=("fid",))


def test_a_look_during_training(data, tmp_path):
    optimizers = {player: OptimizerConfig() for player in CycleGAN.players(CONFIG)}
    config = RunConfig(
        task="cyclegan",
        model=CONFIG,
        data=DataConfig(manifest=str(data), validation_images=1),
        optimizers=optimizers,
        trainer=TrainerConfig(device="cpu"),
    )
    torch.manual_seed(0)
    task = CycleGAN(CONFIG).eval()
    found = evaluation.Evaluation(config)(task, tmp_path / "samples", "iteration-1")
    assert {
        "pitch_a",
        "pitch_a2b",
        "to_target_b2a",
        "from_source_a2b",
        "envelope_b2a",
        "cycle_a",
    } <= found.measures.keys()
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == [
        "iteration-1-a2b.wav", "iteration-1-b2a.wav", "iteration-1.png"
    ]  # fmt: skip
    heard, rate = soundfile.read(tmp_path / "samples/iteration-1-a2b.wav")
    source = soundfile.read(data.with_name("a0.flac"))[0]
    assert (rate, len(heard)) == (RATE, 3 * (1.5 + 0.5) * RATE)
    scale = source @ heard[: len(source)] / (source @ source)
    assert 0.1 < scale < 1.001
    np.testing.assert_allclose(heard[: len(source)], scale * source, atol=1e-4)
    assert list(found.sounds) == ["a, a2b, a2b2a", "b, b2a, b2a2b"]
    np.testing.assert_allclose(found.sounds["a, a2b, a2b2a"].waveform, heard, atol=1e-4)
    (shown,) = found.pictures.values()
    np.testing.assert_array_equal(shown.permute(1, 2, 0), np.asarray(Image.open(tmp_path / "samples/iteration-1.png")))
    assert shown.shape[1] > 2 * 257
