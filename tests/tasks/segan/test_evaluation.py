from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from condgen.config import RunConfig, resolve
from condgen.data import manifest
from condgen.data.manifest import Manifest
from condgen.data.synthetic_speech import Speaker, utterance
from condgen.errors import UserError
from condgen.tasks.segan.evaluation import METRICS, Evaluation, available, evaluate, measure, picture
from condgen.tasks.segan.task import SEGAN

RATE = 16000
ALL = ("pesq", "stoi", "si_sdr", "ssnr")
COMPOSITES = ("csig", "cbak", "covl")


class Scaled:
    """Stands for a pipeline: half the level, so all measures but those of level are the noisy recording's."""

    config = SEGAN.Config()

    def __call__(self, noisy: np.ndarray, sample_rate: int) -> np.ndarray:
        assert sample_rate == RATE
        return noisy * np.float32(0.5)


@pytest.fixture(scope="module")
def speech() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [utterance(Speaker.drawn(random), 1.5, RATE, random).astype(np.float32) for _ in range(3)]


def write(folder: Path, pairs: list[tuple[np.ndarray, np.ndarray]]) -> Manifest:
    rows = []
    for number, pair in enumerate(pairs):
        for name, signal in zip(("noisy", "clean"), pair, strict=True):
            soundfile.write(folder / f"{name}{number}.wav", signal, RATE, subtype="FLOAT")
        rows.append({"split": "validation", "noisy": f"noisy{number}.wav", "clean": f"clean{number}.wav"})
    manifest.write(folder / "manifest.jsonl", rows)
    return Manifest.read(folder / "manifest.jsonl")


def with_noise(clean: np.ndarray, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(len(clean)).astype(np.float32)
    return clean + 0.3 * clean.std() * noise


@pytest.fixture
def pairs(tmp_path, speech) -> Manifest:
    return write(tmp_path, [(with_noise(clean, seed), clean) for seed, clean in enumerate(speech)])


def without(package: str, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # importing it raises ImportError


def test_measures_are_those_of_the_metrics(pairs, speech):
    table = measure(lambda noisy: noisy * np.float32(0.5), pairs.all_rows, RATE)
    assert list(table) == ["noisy0.wav", "noisy1.wav", "noisy2.wav"]
    for number, values in enumerate(table.values()):
        made = with_noise(speech[number], number) * np.float32(0.5)
        wanted = {name: metric(made, speech[number], RATE) for name, metric in METRICS.items()}
        assert values == pytest.approx(wanted, rel=1e-5)
        assert all(np.isfinite(list(values.values())))


def test_the_table_has_means_of_the_enhanced_and_the_noisy(pairs):
    table, missing = evaluate(Scaled(), pairs, "validation", (), {})
    assert missing == []
    assert list(table) == ["noisy0.wav", "noisy1.wav", "noisy2.wav", "mean", "mean of noisy"]
    assert all(set(values) == {*ALL, *COMPOSITES} for values in table.values())
    for name in (*ALL, *COMPOSITES):
        wanted = np.mean([table[f"noisy{number}.wav"][name] for number in range(3)])
        assert table["mean"][name] == pytest.approx(wanted)
    same, other = (table[label] for label in ("mean", "mean of noisy"))
    assert same["pesq"] == pytest.approx(other["pesq"], abs=0.01)
    assert same["si_sdr"] == pytest.approx(other["si_sdr"], abs=1e-3)
    assert same["ssnr"] < other["ssnr"] - 1


@pytest.mark.parametrize("package", ["pesq", "pystoi"])
def test_a_missing_package_costs_its_metrics_and_nothing_else(pairs, monkeypatch, package):
    without(package, monkeypatch)
    table, missing = evaluate(Scaled(), pairs, "validation", (), {})
    if package == "pesq":
        assert set(table["mean"]) == {"stoi", "si_sdr", "ssnr"}
        assert missing == [
            "pesq: missing (pesq is not installed; pip install 'condgen[metrics]' (it needs a C compiler))",
            "csig, cbak, covl: missing (they are made from pesq)",
        ]
    else:
        assert set(table["mean"]) == {"pesq", "si_sdr", "ssnr", *COMPOSITES}
        assert missing == ["stoi: missing (pystoi is not installed; pip install 'condgen[metrics]')"]
    assert all(np.isfinite(list(table["mean"].values())))


def test_a_metric_that_does_not_take_the_rate_is_missing_and_the_rest_goes_on():
    here, missing = available(8000)
    assert {"stoi", "si_sdr", "ssnr"} <= here.keys()
    assert [line.partition(":")[0] for line in missing] == ["pesq"]
    assert "8000" in missing[0]


def test_available_with_everything_here():
    here, missing = available(16000)
    assert (here, missing) == (METRICS, [])


def test_what_cannot_be_judged_is_left_out_of_the_means_and_said(tmp_path, speech):
    judged = [(with_noise(clean), clean) for clean in speech[:2]]
    wanted, _ = evaluate(Scaled(), write(tmp_path, judged), "validation", (), {})
    silence = np.zeros(RATE, np.float32)
    pairs = write(tmp_path, [*judged, (with_noise(speech[2])[:RATE], silence)])
    table, missing = evaluate(Scaled(), pairs, "validation", (), {})
    assert all(np.isnan(value) for value in table["noisy2.wav"].values())
    for label in ("mean", "mean of noisy"):
        assert table[label] == pytest.approx(wanted[label])
    words = "1 of 3 samples could not be judged and are left out of the means"
    assert missing == [f"{name}: {words}" for name in (*ALL, *COMPOSITES)]


def test_an_infinite_measure_does_not_swallow_the_mean(tmp_path, speech):
    """Of a noisy recording without noise, and of one that the model mutes; both means look at the same recordings."""

    class Muting(Scaled):
        def __call__(self, noisy: np.ndarray, sample_rate: int) -> np.ndarray:
            return noisy * np.float32(len(noisy) != RATE)

    short = speech[2][:RATE]
    pairs = [(with_noise(speech[0]), speech[0]), (speech[1], speech[1]), (with_noise(short), short)]
    table, missing = evaluate(Muting(), write(tmp_path, pairs), "validation", (), {})
    assert table["noisy1.wav"]["si_sdr"] == np.inf
    assert table["noisy2.wav"]["si_sdr"] == -np.inf
    assert table["mean"]["si_sdr"] == table["noisy0.wav"]["si_sdr"]
    assert table["mean of noisy"]["si_sdr"] == pytest.approx(table["mean"]["si_sdr"])
    assert "si_sdr: 2 of 3 samples could not be judged and are left out of the means" in missing


def test_where_nothing_can_be_judged_the_mean_is_no_number(tmp_path):
    silence = np.zeros(RATE, np.float32)
    table, missing = evaluate(Scaled(), write(tmp_path, [(silence, silence)]), "validation", (), {})
    assert all(np.isnan(value) for value in table["mean"].values())
    assert len(missing) == len(ALL) + len(COMPOSITES)


def test_unknown_metrics_and_weights_are_refused(pairs):
    words = "speech enhancement has no metric 'lpips' besides pesq, stoi, si_sdr, ssnr, csig, cbak and covl"
    with pytest.raises(UserError, match=words):
        evaluate(Scaled(), pairs, "validation", ["lpips"], {})
    with pytest.raises(UserError, match=words):
        evaluate(Scaled(), pairs, "validation", (), {"lpips": Path("alexnet.pth")})
    with pytest.raises(UserError, match="has no rows of split 'test'"):
        evaluate(Scaled(), pairs, "test", (), {})


def test_a_pair_that_does_not_fit_is_one_line(tmp_path, speech):
    pairs = write(tmp_path, [(speech[0], speech[0][:-1])])
    with pytest.raises(UserError, match="run `condgen data check`"):
        evaluate(Scaled(), pairs, "validation", (), {})


def test_pictures_show_beginnings_side_by_side():
    quiet, loud = np.zeros(RATE, np.float32), np.ones(10 * RATE, np.float32)
    made = picture([(quiet, loud, quiet), (loud, quiet, quiet)], RATE)
    part = (picture([(quiet,)], RATE).shape[1], picture([(quiet,)], RATE).shape[0])
    assert made.shape == (2 * part[1], 3 * part[0], 3)
    lit = [[made[y : y + part[1], x : x + part[0]].any() for x in range(0, 3 * part[0], part[0])] for y in (0, part[1])]
    assert lit == [[False, True, False], [True, False, False]]


def run(data: Manifest, **settings) -> RunConfig:
    return resolve(
        {
            "task": "segan",
            "model": {
                "window": 1024,
                "generator": {"channels": [4, 8], "kernel_size": 7, "noise_channels": 4},
                "discriminator": {"channels": [4, 8], "kernel_size": 7},
            },
            "data": {"manifest": str(data.path), **settings},
            "trainer": {"device": "cpu", "precision": "fp32"},
        }
    )


def test_a_look_during_training(pairs, tmp_path, speech):
    config = run(pairs)
    task = SEGAN(config.model).train()
    state = torch.get_rng_state()
    report = Evaluation(config)(task, tmp_path / "samples", "iteration-7")
    assert torch.equal(torch.get_rng_state(), state)
    assert task.training
    assert set(report.measures) == set(ALL)
    assert all(np.isfinite(list(report.measures.values())))
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == [
        "iteration-7-1.wav",
        "iteration-7-2.wav",
        "iteration-7.png",
    ]
    (shown,) = report.pictures.values()
    assert (shown.dtype, shown.shape[0]) == (torch.uint8, 3)
    on_disk = np.asarray(Image.open(tmp_path / "samples" / "iteration-7.png"))
    np.testing.assert_array_equal(shown.permute(1, 2, 0).numpy(), on_disk)
    assert len(report.sounds) == 2
    for number, sound in enumerate(report.sounds.values(), start=1):
        made, rate = soundfile.read(tmp_path / "samples" / f"iteration-7-{number}.wav", dtype="float32")
        assert (rate, sound.sample_rate) == (RATE, RATE)
        length, pause = len(speech[number - 1]), RATE // 2
        assert sound.waveform.shape == (3 * length + 2 * pause,)
        np.testing.assert_allclose(made, sound.waveform.numpy().clip(-1, 1), atol=1e-4)
        np.testing.assert_allclose(sound.waveform[-length:], speech[number - 1], atol=1e-6)
        np.testing.assert_allclose(sound.waveform[:length], with_noise(speech[number - 1], number - 1), atol=1e-6)


def test_a_look_goes_on_without_a_package(pairs, tmp_path, monkeypatch):
    without("pesq", monkeypatch)
    config = run(pairs)
    report = Evaluation(config)(SEGAN(config.model), tmp_path / "samples", "a")
    assert set(report.measures) == {"stoi", "si_sdr", "ssnr"}


def test_a_look_takes_recordings_from_all_over_the_split(tmp_path, speech):
    many = write(tmp_path, [(speech[0][:4000], speech[0][:4000])] * 7)
    names = [row["noisy"] for row in Evaluation(run(many, validation_recordings=3)).rows]
    assert names == ["noisy0.wav", "noisy2.wav", "noisy4.wav"]
    assert len(Evaluation(run(many, validation_recordings=99)).rows) == 7
