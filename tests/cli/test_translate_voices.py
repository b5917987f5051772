"""`condgen translate` and `condgen evaluate` with a model of voices."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_models import photo, run_command, tiny_model

from condgen.data import manifest
from condgen.data.synthetic_speech import Speaker, utterance


@pytest.fixture
def condgen(monkeypatch, capsys, tmp_path):
    """Runs the command in `tmp_path`, where there is a model `tiny-cyclegan` of voices."""
    monkeypatch.chdir(tmp_path)
    tiny_model(tmp_path, "cyclegan", "voices")
    return lambda *arguments: run_command(monkeypatch, capsys, *arguments)


def recording(path: Path, rate: int = 16000, channels: int = 1, **form) -> np.ndarray:
    signal = utterance(Speaker(120, 1.0), 1, rate, np.random.default_rng(0))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.stack([signal, signal[::-1]][:channels], axis=1), rate, **form)
    return signal


def test_recordings_into_a_folder_both_ways(condgen):
    recording(Path("in/one.flac"), 22050, 2, subtype="PCM_24")
    recording(Path("in/more/two.mp3"), 16000)
    photo(Path("in/cover.png"), 0)
    made = {}
    for direction in ("a2b", "b2a"):
        code, _, said = condgen(
            "translate", "in", "-o", direction, "--model", "tiny-cyclegan", "--direction", direction
        )
        assert code == 0, said
        assert said.splitlines()[-1] == "2 done, 0 skipped (already there), 0 failed"
        info = soundfile.info(f"{direction}/one.flac")
        assert (info.samplerate, info.channels, info.frames, info.subtype) == (22050, 2, 22050, "PCM_24")
        assert soundfile.info(f"{direction}/more/two.mp3").samplerate == 16000
        made[direction] = soundfile.read(f"{direction}/one.flac")[0]
    source = soundfile.read("in/one.flac")[0]
    for one in made.values():
        np.testing.assert_allclose(np.square(one).mean(axis=0), np.square(source).mean(axis=0), rtol=0.05)
        assert np.abs(one - source).max() > 0.01
    assert np.abs(made["a2b"] - made["b2a"]).max() > 0.01


def test_one_file_to_another_format(condgen):
    recording(Path("speech.aiff"))
    assert condgen("translate", "speech.aiff", "-o", "out.ogg", "--model", "tiny-cyclegan")[0] == 0
    assert (soundfile.info("out.ogg").frames, soundfile.info("out.ogg").samplerate) == (16000, 16000)
    assert condgen("translate", "speech.aiff", "-o", "out", "--model", "tiny-cyclegan")[0] == 0
    assert [path.name for path in Path("out").iterdir()] == ["speech.wav"]


@pytest.mark.parametrize("option", ["--longest-side", "--tile"])
def test_options_of_pictures_are_one_line(condgen, option):
    recording(Path("speech.wav"))
    code, said, problem = condgen("translate", "speech.wav", "-o", "out.wav", "--model", "tiny-cyclegan", option, "64")
    assert (code, said) == (1, "")
    assert f"the model translates recordings, which have no use for {option}; leave it out" in problem
    assert len(problem.splitlines()) == 1
    assert not Path("out.wav").exists()


def test_what_is_no_recording_is_one_line(condgen):
    photo(Path("photo.png"), 0)
    code, _, problem = condgen("translate", "photo.png", "-o", "out", "--model", "tiny-cyclegan")
    assert code == 1
    assert "photo.png: is image by its name, and the model translates audio; give another file or model" in problem
    code, _, problem = condgen("translate", "photo.png", "-o", "out.png", "--model", "tiny-cyclegan")
    assert code == 1
    assert "out.png: is image by its name, and the model translates audio; give another --model" in problem
    Path("cut.wav").write_bytes(b"RIFF")
    code, _, problem = condgen("translate", "cut.wav", "-o", "out", "--model", "tiny-cyclegan")
    assert code == 1
    assert problem.startswith("cut.wav: ")
    assert list(Path("out").iterdir()) == []


def test_recordings_for_a_model_of_pictures(condgen, tmp_path):
    pictures = tiny_model(tmp_path / "other", "cyclegan", "resnet")
    recording(Path("speech.wav"))
    code, _, problem = condgen("translate", "speech.wav", "-o", "out", "--model", str(pictures))
    assert code == 1
    assert "speech.wav: is audio by its name, and the model translates image; give another file or model" in problem
    assert "Traceback" not in problem


def test_evaluate_prints_and_writes_the_table(condgen):
    for domain in "ab":
        recording(Path(f"{domain}.wav"))
    rows = [{"split": "validation", "domain": one, "audio": f"{one}.wav", "speaker": one} for one in "ab"]
    manifest.write(Path("manifest.jsonl"), rows)
    code, said, _ = condgen("evaluate", "tiny-cyclegan", "--data", "manifest.jsonl", "-o", "evaluation.json")
    assert code == 0
    assert "groups_apart" in said
    table = json.loads(Path("evaluation.json").read_text())["table"]
    assert list(table) == ["a/a", "b/b", "mean"]
    assert table["mean"]["groups_apart"] == 0  # the same recording
    assert table["mean"]["pitch_a"] == pytest.approx(120, rel=0.1)
    code, _, problem = condgen("evaluate", "tiny-cyclegan", "--data", "manifest.jsonl", "--also", "kid")
    assert code == 1
    assert "of voices there is no metric 'kid'" in problem
