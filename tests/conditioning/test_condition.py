from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
import torch

from condgen.conditioning.condition import Condition


def _full(size: int = 4, first: int = 0) -> Condition:
    number = torch.arange(first, first + size)
    return Condition(
        vector=number[:, None].float().expand(-1, 3),
        grid=number[:, None, None, None].float().expand(-1, 1, 2, 2),
        box=number[:, None].float().expand(-1, 4),
        keypoints=number[:, None, None].float().expand(-1, 2, 3),
    )


def _numbers(condition: Condition) -> list[int]:
    """Which samples' condition this is, asked of every part."""
    numbers = condition.vector[:, 0]
    assert torch.equal(numbers, condition.grid[:, 0, 0, 0])
    assert torch.equal(numbers, condition.box[:, 0])
    assert torch.equal(numbers, condition.keypoints[:, 0, 0])
    return numbers.int().tolist()


def test_parts_must_agree():
    with pytest.raises(ValueError, match=r"batch size, got \{'vector': 2, 'grid': 3\}"):
        Condition(vector=torch.zeros(2, 1), grid=torch.zeros(3, 1, 4))


def test_it_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        _full().vector = None


def test_an_empty_condition_is_a_condition():
    empty = Condition()
    assert empty[:2].parts() == Condition.join([empty, empty]).parts() == {}


def test_rows_and_joining():
    condition = _full()
    assert _numbers(condition[1:3]) == [1, 2]
    assert _numbers(condition[[3, 0]]) == [3, 0]
    assert _numbers(condition[torch.tensor([False, True, False, True])]) == [1, 3]
    assert _numbers(Condition.join([condition, _full(2, first=4)])) == [0, 1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="same parts"):
        Condition.join([condition, Condition(vector=torch.zeros(1, 3))])


def test_it_moves_as_one():
    moved = _full().to("meta")
    assert set(moved.parts()) == {"vector", "grid", "box", "keypoints"}
    assert all(part.device.type == "meta" for part in moved.parts().values())
