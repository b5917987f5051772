"""Measures of generated clips against values by hand."""

import math

import numpy as np
import pytest

from condgen.data.clip_grid import clips_to_uint8
from condgen.errors import UserError
from condgen.metrics import generated_clips
from condgen.metrics.generated_clips import (
    frame_distances,
    in_bytes,
    measured,
    movement,
    nearest_and_diversity,
    open_judge,
    signed,
    without_judge,
)


def brightening(*steps, start=100):
    """(N, 4, 2, 2, 3): clips whose frames grow brighter by a step each."""
    levels = start + np.array(steps)[:, None] * np.arange(4)
    return np.broadcast_to(levels[..., None, None, None], (len(steps), 4, 2, 2, 3)).astype(np.uint8)


def test_movement_is_a_share_of_that_of_real_clips():
    real = brightening(4, -8)
    assert movement(real, real) == 1
    assert movement(brightening(-1, -2, 3, 6), real) == 0.5
    assert movement(brightening(0), real) == 0
    assert movement(real, brightening(0)) == math.inf
    assert math.isnan(movement(brightening(0), brightening(0)))


def flat(*levels):
    return np.concatenate([brightening(0, start=level) for level in levels])


def test_nearest_and_diversity_by_hand():
    found = nearest_and_diversity(flat(105, 200), flat(100, 160))
    unit = 1 / 127.5
    assert found["nearest_sample"] == pytest.approx((5 + 40) / 2 * unit, rel=1e-5)
    assert found["diversity"] == pytest.approx(95 / 60, rel=1e-5)
    assert nearest_and_diversity(flat(100, 100), flat(100, 160))["diversity"] == 0


def test_portions_do_not_matter(monkeypatch):
    random = np.random.default_rng(0)
    made, real = (random.integers(0, 256, (5, 4, 2, 2, 3), np.uint8) for _ in range(2))
    whole = nearest_and_diversity(made, real)
    monkeypatch.setattr(generated_clips, "PORTION", 2)
    assert nearest_and_diversity(made, real) == whole


def test_many_rows_are_thinned_out_and_it_is_said(monkeypatch):
    assert measured(range(1000), size=64, frames=32) == (list(range(1000)), [])
    chosen, lines = measured(range(1200), size=64, frames=16)
    assert len(set(chosen)) == 1000
    assert max(chosen) > 1100
    assert lines == ["measured on 1,000 of 1,200 rows, from all over the split"]
    assert len(measured(range(1200), size=128, frames=16)[0]) == 512  # so many that they fit into memory
    assert len(measured(range(3), size=10**5, frames=16)[0]) == 1


def test_bytes_and_numbers():
    clips = np.random.default_rng(0).integers(0, 256, (3, 4, 2, 2, 3), np.uint8)
    numbers = signed(clips)
    assert numbers.shape == (3, 3, 4, 2, 2)
    assert numbers.min() >= -1
    assert numbers[1, 2, 3, 0, 1] == pytest.approx(clips[1, 3, 0, 1, 2] / 127.5 - 1)
    assert np.array_equal(clips_to_uint8(numbers), clips)
    assert np.array_equal(in_bytes(numbers.split(2)), clips)


def test_the_judge_is_no_metric_of_frames(tmp_path):
    judge, lines = open_judge({}, "cpu", stride=0)
    assert judge is None
    assert lines == ["judge: missing (give --weights judge=MODEL, of task clip_classifier)"]
    assert without_judge({"judge": tmp_path, "fid": tmp_path}) == {"fid": tmp_path}
    with pytest.raises(UserError, match="nowhere"):
        open_judge({"judge": tmp_path / "nowhere"}, "cpu", stride=0)


def test_frames_of_the_clips_are_compared(monkeypatch):
    seen = []

    class Distances:
        def __init__(self, names, weights, device):
            self.names = names

        def __call__(self, fake, real):
            seen.extend([fake, real])
            return {"fid": 1.5}, ["kid: missing"]

    monkeypatch.setattr(generated_clips, "SetDistances", Distances)
    made, real = brightening(10, 20), brightening(1, 2)
    assert frame_distances(made, real, ("fid", "kid"), {}, "cpu") == ({"fid": 1.5}, ["kid: missing"])
    assert [[int(frame[0, 0, 0]) for frame in frames] for frames in seen] == [
        [100, 110, 120, 130, 100, 120, 140, 160],
        [100, 101, 102, 103, 100, 102, 104, 106],
    ]
    assert all(frame.shape == (2, 2, 3) and frame.dtype == np.uint8 for frames in seen for frame in frames)
    assert frame_distances(made, real, (), {}, "cpu") == ({}, [])
