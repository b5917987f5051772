from __future__ import annotations

from types import SimpleNamespace

import pytest

from condgen.errors import UserError
from condgen.text.encoder import EncoderKind, SentenceEncoder, TextConfig, build
from condgen.text.remarks import cut_captions, warn_of


@pytest.fixture(scope="module")
def encoder():
    built = build(TextConfig(width=8, length=66, channels=[4, 4, 4], hidden=4)).eval()
    built.learn_vocabulary(["a red bird"])
    return built


def test_a_program_is_warned_of_words_that_are_new(encoder, recwarn):
    warn_of(encoder, "a red bird")
    assert not recwarn.list
    with pytest.warns(UserWarning, match="never seen 'purple'"):
        warn_of(encoder, "a purple bird")


def test_a_text_of_which_nothing_is_known_is_refused(encoder):
    with pytest.raises(UserError, match="knows no word of 'zzz'; it knows such as"):
        warn_of(encoder, "zzz")


@pytest.mark.parametrize(
    ("kind", "unit", "taken", "advice"),
    [
        (EncoderKind.WORD_VECTORS, "3 words", True, "set model.text.length=5"),
        (EncoderKind.WORD_CNN_RNN, "9 words", False, "set model.text.length=10"),
        (EncoderKind.CHAR_CNN_RNN, "66 characters", True, "train an encoder with model.text.length=70"),
    ],
)
def test_captions_that_are_cut_are_counted(kind, unit, taken, advice):
    length, name = int(unit.split()[0]), unit.split()[1]
    text = TextConfig(kind=kind, width=4, length=length)
    longest = {5: "a " * 5, 10: "a " * 10, 70: "a" * 70}[int(advice.rpartition("=")[2])]
    line = cut_captions(SimpleNamespace(text=text), build(text), ["a", longest, longest], taken=taken)
    assert line == f"1 of 2 captions are longer than the {length} {name} that are read; {advice}"
    assert cut_captions(SimpleNamespace(text=text), build(text), ["a"], taken=taken) == ""


def test_what_reads_the_encoder_must_be_as_long():
    model = SimpleNamespace(text=TextConfig(kind=EncoderKind.WORD_VECTORS, width=4, length=3), towers=None)
    assert cut_captions(model, build(model.text), ["a b c d"], taken=False).endswith(
        "; set model.text.length=4 model.towers.steps=4"
    )
    assert cut_captions(model, SentenceEncoder(4), ["a b c d"], taken=False) == ""  # as much as it takes
