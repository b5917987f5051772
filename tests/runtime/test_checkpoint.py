from __future__ import annotations

import errno

import pytest
import torch

from condgen.errors import UserError
from condgen.runtime import checkpoint


def test_newest_complete_one_is_found_and_older_ones_go(tmp_path):
    for iteration in (5, 10, 200):
        checkpoint.save(tmp_path, iteration, {"value": torch.tensor(iteration)}, keep=2)
    assert [path.name for path in checkpoint._all(tmp_path)] == ["iteration-00000010", "iteration-00000200"]
    (tmp_path / "iteration-00000300").mkdir()  # no state in it: not complete
    (tmp_path / ".writing-400").mkdir()
    assert checkpoint.load(checkpoint.latest(tmp_path))["value"] == 200
    checkpoint.save(tmp_path, 400, {}, keep=2)
    assert not (tmp_path / ".writing-400").exists()


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, 1, {"value": 1}, keep=1)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(UserError, match="No space left"):
        checkpoint.save(tmp_path, 2, {"value": 2}, keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["iteration-00000001"]


def test_a_damaged_one_is_said(tmp_path):
    path = checkpoint.save(tmp_path, 1, {"value": torch.zeros(1000)}, keep=1)
    whole = (path / checkpoint.STATE).read_bytes()
    (path / checkpoint.STATE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="is damaged"):
        checkpoint.load(path)


def test_nothing_there_is_none(tmp_path):
    assert checkpoint.latest(tmp_path / "none") is None
