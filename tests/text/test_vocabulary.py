from __future__ import annotations

import copy

import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from condgen.errors import UserError
from condgen.text.vocabulary import StoredBytes, Words

SENTENCES = ["a red bird", "a blue bird", "A bird, Red"]


def learned(limit=None):
    words = Words()
    words.learn(SENTENCES, limit)
    return words


def test_words_are_listed_by_frequency():
    assert dict(learned().places()) == {"a": 0, "bird": 1, "red": 2, "blue": 3}
    assert list(learned(2).places()) == ["a", "bird"]


def test_unknown_words_are_named_once():
    assert learned().unknown("a Yellow, yellow bird and a RED") == ["yellow", "and"]
    assert Words().unknown("a yellow bird") == []  # nothing learned, so nothing is known to be unknown


def test_codes_of_words():
    words = learned(2)  # a, bird
    assert words.codes(["A red bird flies", "bird"], 3).tolist() == [[2, 1, 3], [3, 0, 0]]
    with pytest.raises(UserError, match="has no words"):
        words.codes(["a", "?!"], 3)
    with pytest.raises(UserError, match="no vocabulary yet"):
        Words().codes(["a"], 3)


def test_bytes_travel_with_the_weights_whatever_their_length():
    source = nn.ModuleDict({"words": learned(), "empty": StoredBytes(), "layer": nn.Linear(2, 2)})
    target = nn.ModuleDict({"words": Words(), "empty": StoredBytes(), "layer": nn.Linear(2, 2)})
    target["empty"].write(b"something longer")
    target.load_state_dict(load(save(source.state_dict())))
    assert target["words"].places() == learned().places()
    assert target["empty"].read() == b""
    torch.testing.assert_close(target["layer"].weight, source["layer"].weight)


def test_a_copy_is_independent():
    source = learned()
    duplicate = copy.deepcopy(source)
    duplicate.write(b"other")
    assert source.places() == learned().places()
    duplicate.load_state_dict(source.state_dict())
    assert duplicate.read() == source.read()
    duplicate.write(b"x" * 99)
    assert source.read() == learned().read()
