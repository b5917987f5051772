"""Whether a text encoder has ever seen the words that it is to be used on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from condgen.data.captions import sentences_of
from condgen.data.manifest import Row
from condgen.runtime.model_folder import ModelFolder
from condgen.text import characters
from condgen.text.encoder import SentenceEncoder, TextConfig, build
from condgen.text.remarks import cut_captions
from condgen.text.stored import PLAYER
from condgen.text.word_vectors import WordVectors

NAMED = 8  # new words that are named


def new_words(encoder: SentenceEncoder, sentences: Sequence[str]) -> str:
    """A line on the words of sentences that were in no caption that the encoder was trained on.

    Empty where there are none, or the encoder does not know its training captions' words.
    """
    words = list(dict.fromkeys(word for sentence in sentences for word in characters.words(sentence)))
    new = encoder.unknown_words(" ".join(words))
    if not new:
        return ""
    more = f" and {len(new) - NAMED} more" if len(new) > NAMED else ""
    return (
        f"the text encoder was trained without {len(new)} of the {len(words)} words of these captions "
        f"({len(new) / len(words):.0%}): {', '.join(new[:NAMED])}{more}; {_meaning(encoder)}"
    )


def _meaning(encoder: SentenceEncoder) -> str:
    """Word vectors are fixed, but what reads them learns along."""
    if not isinstance(encoder, WordVectors):
        return "what they mean it does not know"
    which = f"those that {encoder.model} has" if encoder.model else "they"
    return f"{which} get vectors, and what these mean is learned from the training captions"


def remarks(folder: ModelFolder, model: Any, rows: Sequence[Row]) -> list[str]:
    """`new_words` and `cut_captions` of rows' captions, for the encoder in a model folder; none without one that was
    trained here.

    Args:
        model: the config that goes on with it, which may read more of a sentence.
    """
    text = getattr(folder.config, "text", None)
    if not isinstance(text, TextConfig) or text.pretrained:
        return []
    encoder = build(replace(text, length=model.text.length))
    folder.fill(encoder, PLAYER)
    sentences = [sentence for row in rows for sentence in sentences_of(row)]
    lines = new_words(encoder, sentences), cut_captions(model, encoder, sentences, taken=True)
    return [line for line in lines if line]
