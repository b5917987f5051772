from __future__ import annotations

import json
import math

import pytest
import torch

from condgen.adversarial.task import Sound
from condgen.runtime.logging import RunLog


def test_a_resumed_log_is_cut_to_the_resumed_iteration(tmp_path):
    log = RunLog(tmp_path)
    for iteration in (1, 2, 3):
        log.scalars(iteration, {"loss": iteration / 2})
    log.close()
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"iteration": 4, "lo')  # killed while writing
    log = RunLog(tmp_path, resumed_at=2)
    log.event(3, "said")
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines] == [1, 2, 3]
    assert lines[2]["event"] == "said"


def test_logging_never_stops_a_run(tmp_path, monkeypatch):
    log = RunLog(tmp_path)
    log.path = tmp_path / "gone" / "log.jsonl"
    with pytest.warns(UserWarning, match="logging failed"):
        log.scalars(1, {"loss": 1.0})
    log.scalars(2, {"loss": math.nan})
    log.pictures(2, {"broken": torch.zeros(5)})
    log.close()


def test_values_that_are_not_finite_stay_json(tmp_path):
    log = RunLog(tmp_path)
    log.scalars(1, {"loss": math.inf})
    log.close()
    assert json.loads((tmp_path / "log.jsonl").read_text())["loss"] == "inf"


def test_pictures_and_sounds_reach_tensorboard(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = RunLog(tmp_path)
    log.pictures(1, {"noisy, clean": torch.zeros(3, 4, 5, dtype=torch.uint8)})
    log.sounds(1, {"speech": Sound(torch.linspace(-1, 1, 800), 8000)})
    log.close()
    found = EventAccumulator(str(tmp_path / "tensorboard"), {"images": 0, "audio": 0}).Reload()
    (picture,), (sound,) = found.Images("noisy, clean"), found.Audio("speech")
    assert (picture.width, picture.height) == (5, 4)
    assert (sound.sample_rate, sound.length_frames) == (8000, 800)
