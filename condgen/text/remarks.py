"""What a model will not see of a text, said in words before it makes anything of it."""

from __future__ import annotations

import difflib
import itertools
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from condgen.errors import UserError
from condgen.text import characters
from condgen.text.encoder import SentenceEncoder
from condgen.text.vocabulary import Words

NEAR = 0.7  # likeness (`difflib`) from which a known word may have been meant


class Remarks:
    """What a sentence encoder does not see of texts, noted once a text."""

    def __init__(self, encoder: SentenceEncoder):
        self._encoder = encoder
        self._noted: set[str] = set()

    def note(self, text: str, where: str, note: Callable[[str], None]) -> None:
        """Raises UserError as `text_remarks`, beginning with `where`."""
        if text in self._noted:
            return
        try:
            remarks = text_remarks(self._encoder, text)
        except UserError as problem:
            raise UserError(f"{where}{problem}") from None
        self._noted.add(text)
        for remark in remarks:
            note(f"{where}warning: {remark}")


def text_remarks(encoder: SentenceEncoder, text: str) -> list[str]:
    """What a sentence encoder does not see of a text, in words.

    Raises:
        UserError: it sees nothing of it, or knows none of its words.
    """
    words = getattr(encoder, "known", None)
    known = words.places() if isinstance(words, Words) else {}
    unknown = encoder.unknown_words(text)
    if unknown and not set(characters.words(text)) - set(unknown):
        some = f"; it knows such as {', '.join(itertools.islice(known, 12))}" if known else ""
        raise UserError(f"the model knows no word of {shortened(text)!r}{some}")
    encoder.tokenize([text])  # which refuses what it cannot read
    remarks = []
    if lost := encoder.cut(text):
        remarks.append(f"the text is longer than this model reads; it does not see {shortened(lost.strip())!r}")
    if unknown:
        strange = ", ".join(_with_nearest(word, known) for word in unknown)
        remarks.append(f"the model has never seen {strange}; it may draw anything for that")
    return remarks


def cut_captions(model: Any, encoder: SentenceEncoder, sentences: Iterable[str], *, taken: bool) -> str:
    """A line on captions that are longer than what the encoder is set to read; empty where there are none.

    Args:
        model: config of a task, with `text`.
        taken: whether the encoder's weights come from a model; where it has learned them, its length stays.
    """
    if not encoder.length:
        return ""
    captions = set(sentences)
    cut = [end for caption in captions if (end := encoder.cut(caption))]
    if not cut:
        return ""
    # a letter makes a piece at most
    longest = encoder.length + max(len(end.split() if encoder.unit == "words" else end) for end in cut)
    options = f"model.text.length={longest}"
    if hasattr(model, "towers"):  # which read the encoder's states, so many of them
        options += f" model.towers.steps={longest}"
    set_or_train = "train an encoder with" if taken and not model.text.fixed else "set"
    return (
        f"{len(cut)} of {len(captions)} captions are longer than the {encoder.length} {encoder.unit} that are read; "
        f"{set_or_train} {options}"
    )


def warn_of(encoder: SentenceEncoder, text: str) -> None:
    """The same as Python's warnings, for those who call a model from a program. Raises UserError as `text_remarks`."""
    for remark in text_remarks(encoder, text):
        warnings.warn(remark, UserWarning, stacklevel=3)


def _with_nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=NEAR)
    return f"{shortened(word)!r}" + (f" (the nearest that it knows: {near[0]!r})" if near else "")


def shortened(text: str, letters: int = 60) -> str:
    return text if len(text) <= letters else f"{text[: letters - 3]}..."
