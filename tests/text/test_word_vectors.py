from __future__ import annotations

import pytest
import torch

from condgen.errors import UserError
from condgen.text.encoder import EncoderKind, TextConfig, build
from condgen.text.word_vectors import WordVectors

GLOVE = "the 0 0\nred 1 2\ncircle 3 -4\nred 9 9\n"


def learned(path="", **options) -> WordVectors:
    encoder = WordVectors(width=2, length=4, model=str(path), **options)
    encoder.learn_vocabulary(["A red circle", "the red \n"])
    return encoder


@pytest.fixture
def glove(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text(GLOVE)
    return path


def test_words_of_a_file_and_their_mean(glove):
    encoder = learned(glove)
    encoded = encoder(encoder.tokenize(["A red, CIRCLE!", "red"]))
    assert encoded.sequence.tolist() == [[[0, 0], [1, 2], [3, -4], [0, 0]], [[1, 2], [0, 0], [0, 0], [0, 0]]]
    assert encoded.vector.tolist() == [[2, -1], [1, 2]]  # "a" is not in the file, and does not count
    assert encoded.mask.tolist() == [[True] * 3 + [False], [True] + [False] * 3]
    assert encoder.unknown_words("a red square") == ["a", "square"]
    assert encoder.state_width == 2


def test_what_is_too_long_is_cut_and_said():
    encoder = learned()
    assert encoder.cut("the red red red circle moves") == "circle moves"
    assert torch.equal(encoder.encode(["the red red red circle"]), encoder.encode(["the red red red"]))


def test_random_vectors_depend_on_the_word_alone():
    encoder, other = learned(), WordVectors(width=2)
    other.learn_vocabulary(["red square"])
    assert torch.equal(encoder.encode(["red"]), other.encode(["red"]))
    assert not torch.equal(encoder.encode(["red"]), encoder.encode(["circle"]))
    wide = WordVectors(width=20_000)
    wide.learn_vocabulary(["red"])
    assert wide.encode(["red"]).std().item() == pytest.approx(1, abs=0.02)


def test_words_of_later_captions_are_added(glove):
    encoder = WordVectors(width=2, model=str(glove))
    encoder.learn_vocabulary(["red"])
    encoder.learn_vocabulary(["red circle"])
    assert encoder.encode(["red", "circle"]).tolist() == [[1, 2], [3, -4]]
    glove.unlink()
    encoder.learn_vocabulary(["circle"])  # nothing new: the file is not needed


def test_a_model_keeps_its_words(glove):
    encoder = learned(glove)
    loaded = build(TextConfig(kind=EncoderKind.WORD_VECTORS, width=2, length=4))
    loaded.load_state_dict(encoder.state_dict())
    assert torch.equal(loaded.encode(["red circle"]), encoder.encode(["red circle"]))
    taken = WordVectors(width=2, length=4)
    taken.take_vocabulary(encoder)
    assert torch.equal(taken.encode(["red circle"]), encoder.encode(["red circle"]))
    assert not list(encoder.parameters())


@pytest.mark.parametrize(
    ("text", "message"),
    [(" ", "has no words"), ("?!", "has no words"), ("blue square", "no word that this model knows")],
)
def test_what_it_cannot_read(text, message):
    with pytest.raises(UserError, match=message):
        learned().encode([text])


def test_files_that_are_none(tmp_path, glove):
    with pytest.raises(UserError, match=r"cannot be read \(No such file"):
        learned(tmp_path / "none.txt")
    with pytest.raises(UserError, match=r"line 2 has 2 numbers, the config 300; set model.text.width=2"):
        WordVectors(model=str(glove)).learn_vocabulary(["red"])
    glove.write_text("red one two\n")
    with pytest.raises(UserError, match="line 1 is not a word and numbers"):
        learned(glove)
    glove.write_text("3 2\nrouge 1 2\n")  # the head of a fastText file, and another language
    with pytest.raises(UserError, match="has none of the captions' words"):
        WordVectors(width=2, model=str(glove)).learn_vocabulary(["3 red"])
