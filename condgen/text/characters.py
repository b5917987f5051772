"""Letters and words of a sentence, as the encoders read them."""

from __future__ import annotations

import re
import unicodedata

import numpy as np

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789-,;.!?:'\"/\\|_@#$%^&*~`+-=<>()[]{} "
"""The 70 characters of Reed et al. (CVPR 2016), section 4, in their order. The hyphen is there twice."""

CODES = {letter: place for place, letter in enumerate(ALPHABET, start=1)}
"""From 1 on; 0 is no character. Of the two hyphens the later one counts, as in the released embeddings."""

_PLAIN = {
    ord(sign): plain
    for plain, signs in {
        "'": "‘’‚‹›",
        '"': "“”„«»",
        "-": "‐‑‒–—―−",
        "x": "×",
        "o": "ø",
        "l": "ł",
        "d": "đð",
        "i": "ı",
        "ae": "æ",
        "oe": "œ",
        "th": "þ",
    }.items()
    for sign in signs
}
"""What Unicode does not decompose, but a reader would type on a plain keyboard."""

_LOST = re.compile("[\u0300-\u036f\u200b-\u200f\u2060\ufeff\x00-\x08\x0e-\x1b\x7f\ud800-\udfff]")
"""Accents, what is not seen, and halves of surrogate pairs."""

_IDEOGRAM = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_IDEOGRAM}]|[^\s{_IDEOGRAM}!-&(-,./:-@\[-`{{-~。、]+")
_TABLE = np.zeros(128, dtype=np.int64)
for _letter, _code in CODES.items():
    _TABLE[ord(_letter)] = _code


def normalized(text: str) -> str:
    """Lower case, accents and typographic signs as plain letters, each run of white space one blank, none at the ends.

    Unicode text would otherwise be lost letter by letter: an encoder that knows ASCII does not see it.
    """
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_PLAIN))
    return " ".join(_LOST.sub("", plain).split())


def writable(text: str) -> str:
    """The text with a "?" for each half of a broken surrogate pair, which no file and no tokenizer takes."""
    return text.encode(errors="replace").decode()


def codes(text: str) -> np.ndarray:
    """The codes of a normalised text, int64 (L,): 1..70, and 0 for what is not in the alphabet."""
    letters = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    return np.where(letters < len(_TABLE), _TABLE[np.minimum(letters, len(_TABLE) - 1)], 0)


def words(text: str) -> list[str]:
    """The words of a text in order, normalised, without punctuation around them; ideograms are words of their own."""
    found = (word.strip("'-") for word in _WORD.findall(normalized(text)))
    return [word for word in found if word]
