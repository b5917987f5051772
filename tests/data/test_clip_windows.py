"""Which frames of a clip a window has."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from condgen.data import clip_windows
from condgen.data import manifest as manifests
from condgen.data.clip_windows import ClipWindows, Spacing, needed
from condgen.data.manifest import Manifest
from condgen.errors import UserError

SIDE = 8


def strip(path, frames):
    """A film strip whose n-th frame is of grey level n."""
    levels = np.repeat(np.arange(frames, dtype=np.uint8), SIDE)
    Image.fromarray(np.broadcast_to(levels[:, None, None], (frames * SIDE, SIDE, 3)).copy()).save(path)


def rows_of(folder, *counts):
    for number, count in enumerate(counts):
        strip(folder / f"{number}.png", count)
    rows = [{"split": "train", "clip": f"{number}.png", "captions": [f"{number}"]} for number in range(len(counts))]
    manifests.write(folder / "m.jsonl", rows)
    return Manifest.read(folder / "m.jsonl").all_rows


def levels(frames):
    assert frames.shape[1:] == (SIDE, SIDE, 3)
    assert (frames == frames[:, :1, :1, :1]).all()
    return frames[:, 0, 0, 0].tolist()


@pytest.mark.parametrize(
    ("available", "frames", "stride", "expected"),
    [
        (16, 16, 0, Spacing(1, 0)),
        (31, 16, 0, Spacing(1, 15)),
        (32, 16, 0, Spacing(2, 1)),  # frames 0, 2 ... 30 or 1, 3 ... 31
        (51, 16, 0, Spacing(3, 5)),
        (51, 16, 2, Spacing(2, 20)),
        (15, 16, 0, Spacing(1, -1)),
        (30, 16, 2, Spacing(2, -1)),
    ],
)
def test_frames_are_as_far_apart_as_fits_or_as_asked_for(available, frames, stride, expected):
    assert Spacing.fit(available, frames, stride) == expected


def test_how_many_frames_a_clip_must_have():
    assert (needed(16), needed(16, 1), needed(16, 2), needed(1, 5)) == (16, 16, 31, 1)


@pytest.mark.parametrize("whole", [clip_windows.WHOLE, 0])  # kept in memory, and read anew
def test_random_windows_and_the_one_in_the_middle(tmp_path, monkeypatch, whole):
    monkeypatch.setattr(clip_windows, "WHOLE", whole)
    windows = ClipWindows(rows_of(tmp_path, 14), size=SIDE, frames=4)  # every third frame, from 0 ... 4
    assert levels(windows.middle(0)) == [2, 5, 8, 11]
    random = np.random.default_rng(0)
    seen = {tuple(levels(windows.random(0, random))) for _ in range(60)}
    assert seen == {(start, start + 3, start + 6, start + 9) for start in range(5)}


def test_a_clip_is_decoded_once(tmp_path, monkeypatch):
    rows = rows_of(tmp_path, 6)
    windows, without = (ClipWindows(rows, size=SIDE, frames=4, cache_gigabytes=size) for size in (1, 0))
    assert levels(windows.middle(0)) == levels(without.middle(0)) == [1, 2, 3, 4]
    (tmp_path / "0.png").unlink()
    assert levels(windows.middle(0)) == [1, 2, 3, 4]
    with pytest.raises(UserError):
        without.middle(0)


def test_a_short_clip_is_refused_in_a_line(tmp_path):
    rows = rows_of(tmp_path, 6)
    with pytest.raises(UserError, match=r"0\.png: 6 frames, the model takes 8 or more; take the row out"):
        ClipWindows(rows, size=SIDE, frames=8).middle(0)
    with pytest.raises(UserError, match="6 frames, the model takes 7 or more"):
        ClipWindows(rows, size=SIDE, frames=4, stride=2).random(0, np.random.default_rng(0))
