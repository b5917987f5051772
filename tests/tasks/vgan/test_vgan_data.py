from __future__ import annotations

import pytest
import torch

from condgen.config import resolve, to_plain
from condgen.data.loading import Draw
from condgen.errors import UserError
from condgen.tasks import check_data
from condgen.tasks.vgan import example
from condgen.tasks.vgan.data import Batch, open_split


def run_config(manifest, *overrides):
    tree = {"task": "vgan", "model": to_plain(example.config())}
    return resolve(tree, ["model.stride=1", f"data.manifest={manifest}", *overrides])


def levels(clip):
    """Of each frame's right half, (T,)."""
    return ((clip[0, :, 8, 12] + 1) * 127.5).round()


def test_windows_are_frames_in_a_row_from_random_starts(strips):
    dataset = open_split(run_config(strips), "train")
    assert len(dataset) == 3
    starts = set()
    for seed in range(12):
        clip = dataset[Draw(0, (0, seed))].clip
        assert clip.shape == (3, 16, 16, 16)
        shown = levels(clip)
        assert torch.equal(shown.diff(), torch.full((15,), 10.0))
        starts.add(int(shown[0]))
    assert starts <= {0, 10, 20, 30, 40}
    assert len(starts) > 2
    assert torch.equal(dataset[Draw(0, (0, 3))].clip, dataset[Draw(0, (0, 3))].clip)


def test_clips_are_mirrored_where_asked_for(strips):
    dataset = open_split(run_config(strips, "data.flip=true"), "train")
    left_is_black = {bool((dataset[Draw(1, (0, seed))].clip[:, 5, 8, 2] == -1).all()) for seed in range(12)}
    assert left_is_black == {True, False}
    items = [dataset[Draw(number, (0, number))] for number in range(2)]
    assert Batch.stack(items).clip.shape == (2, 3, 16, 16, 16)


def test_clips_need_no_sentences_but_enough_frames(strips):
    check_data(run_config(strips))
    with pytest.raises(UserError):
        check_data(run_config(strips, "model.frames=32"))
    with pytest.raises(UserError, match="stride must be 0 or more"):
        run_config(strips, "model.stride=-1")
