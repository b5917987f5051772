from __future__ import annotations

import pytest

from condgen.text import characters
from condgen.text.characters import ALPHABET, CODES, codes, normalized, words


def test_the_alphabet_is_the_papers():
    assert len(ALPHABET) == 70
    assert ALPHABET[:3] == "abc"
    assert ALPHABET[-1] == " "
    assert len(CODES) == 69  # the hyphen is there twice, and the later place counts
    assert CODES["-"] == ALPHABET.rindex("-") + 1


def test_codes_count_from_one_and_leave_out_strangers():
    assert codes("az09 é漢🐦").tolist() == [1, 26, 27, 36, 70, 0, 0, 0]
    assert codes("-").tolist() == [60]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("A Red\tBird\n", "a red bird"),
        ("Café “naïve” – it’s…", 'cafe "naive" - it\'s...'),
        ("Straße, Ærø", "strasse, aero"),
        ("ＦＵＬＬ width\u200b\ufeff", "full width"),
        ("漢字", "漢字"),
        (" \u00a0 ", ""),
    ],
)
def test_text_is_written_with_plain_letters(written, read):
    assert normalized(written) == read


def test_words_are_without_punctuation():
    sentence = "This bird's 'grey-blue' wing, long/hooked beak (red)! -- 赤い"
    expected = ["this", "bird's", "grey-blue", "wing", "long", "hooked", "beak", "red", "赤", "い"]
    assert words(sentence) == expected
    assert words("?! ...") == []


def test_every_typographic_sign_becomes_one_of_the_alphabet():
    assert all(set(plain) <= set(ALPHABET) for plain in characters._PLAIN.values())
