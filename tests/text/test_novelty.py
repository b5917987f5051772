"""What is said of words that no training caption had."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from condgen.data.manifest import Row
from condgen.text.encoder import EncoderKind, SentenceEncoder, TextConfig, build
from condgen.text.novelty import NAMED, new_words, remarks


@pytest.fixture
def encoder():
    built = build(TextConfig(kind=EncoderKind.CHAR_CNN_RNN, width=8, channels=[4, 4, 4], hidden=8))
    built.learn_vocabulary(["a red bird", "a blue bird's nest"])
    return built


def test_words_that_no_training_caption_had_are_counted_and_named(encoder):
    line = new_words(encoder, ["A red toucan.", "a toucan, blue and red"])
    assert line.startswith("the text encoder was trained without 2 of the 5 words of these captions (40%): toucan, and")
    assert line.endswith("; what they mean it does not know")


@pytest.mark.parametrize("file", [False, True])
def test_vectors_of_new_words_are_learned_from(tmp_path, file):
    path = tmp_path / "glove.txt"
    path.write_text("a 1 2\nbird 3 4\n")
    built = build(TextConfig(kind=EncoderKind.WORD_VECTORS, width=2, model=str(path) if file else ""))
    built.learn_vocabulary(["a bird"])
    which = f"those that {path} has" if file else "they"
    meaning = f"; {which} get vectors, and what these mean is learned from the training captions"
    assert new_words(built, ["a toucan"]).endswith(f": toucan{meaning}")


def test_only_the_first_are_named(encoder):
    line = new_words(encoder, ["a " + " ".join(f"word{letter}" for letter in "abcdefghijk")])
    assert "11 of the 12 words" in line
    assert "wordh and 3 more;" in line
    assert "wordi" not in line
    assert NAMED == 8


def test_nothing_is_said_of_known_words_or_by_an_encoder_without_a_vocabulary(encoder):
    assert new_words(encoder, ["a blue bird"]) == ""
    assert new_words(encoder, []) == ""
    assert new_words(SentenceEncoder(4), ["a toucan"]) == ""
    encoder.known.write(b"")
    assert new_words(encoder, ["a toucan"]) == ""


def test_remarks_are_by_the_length_that_goes_on():
    text = TextConfig(kind=EncoderKind.WORD_VECTORS, width=2, length=3)
    folder = SimpleNamespace(config=SimpleNamespace(text=text), fill=lambda encoder, _: encoder.learn_vocabulary(["a"]))
    rows = [Row({"captions": ["a a a a"]}, Path("m.jsonl"), 1)]
    assert remarks(folder, SimpleNamespace(text=replace(text, length=4)), rows) == []
    (line,) = remarks(folder, SimpleNamespace(text=text), rows)
    assert line == "1 of 1 captions are longer than the 3 words that are read; set model.text.length=4"
