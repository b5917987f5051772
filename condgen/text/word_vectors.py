"""Fixed vectors of words: those of a public file (GloVe: Pennington et al., 2014), or random ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from condgen.errors import UserError
from condgen.text import characters
from condgen.text.encoder import Encoded, SentenceEncoder, Tokens
from condgen.text.vocabulary import FIRST_WORD, UNKNOWN, StoredBytes, Words

LENGTH = 16  # words read of a sentence (Balaji et al., IJCAI 2019)


class WordVectors(SentenceEncoder):
    """Each word's vector; a sentence's is the mean of those of its known words. Nothing is trained.

    It keeps the vectors of the training captions' words alone, so that a model folder needs no other file.

    Args:
        width: length of a word's vector, and so of a sentence's.
        length: words read of a sentence; the sequence always has so many steps.
        model: a text file with a word and `width` numbers a line; empty: N(0, 1), by the word's letters alone, so that
            words of later captions can be added.
    """

    unit = "words"

    def __init__(self, *, width: int = 300, length: int = LENGTH, model: str = ""):
        super().__init__(width)
        self.length, self.model = length, model
        self.known = Words()
        self.table = StoredBytes()  # (N, width) fp32, in the order of the words

    def learn_vocabulary(self, sentences: Iterable[str]) -> None:
        """Add the words of the sentences that are not known yet. Those that the file does not have stay unknown.

        Raises:
            UserError: the file cannot be read, has vectors of another width, or none of the words.
        """
        places = self.known.places()
        new = {word for sentence in sentences for word in characters.words(sentence)} - places.keys()
        vectors = _read(Path(self.model).expanduser(), new, self.width) if self.model and new else {}
        if not self.model:
            vectors = {word: _random(word, self.width) for word in new}
        if not places and not vectors:
            reason = f"{self.model} has none of the captions' words" if new else "the captions have no words"
            raise UserError(f"{reason}; give captions, and vectors of their language with model.text.model=FILE")
        added = sorted(vectors)
        self.known.write("\n".join([*places, *added]).encode())
        self.table.write(self.table.read() + b"".join(vectors[word].astype("<f4").tobytes() for word in added))

    def unknown_words(self, sentence: str) -> list[str]:
        return self.known.unknown(sentence)

    def tokenize(self, sentences: Sequence[str]) -> Tokens:
        codes = self.known.codes(sentences, self.length)
        for sentence, most in zip(sentences, codes.amax(1).tolist(), strict=True):
            if most == UNKNOWN:
                raise UserError(f"text {sentence!r} has no word that this model knows; use words of its captions")
        return Tokens(codes, codes > 0)

    def forward(self, tokens: Tokens) -> Encoded:
        """Codes (B, length) -> vector (B, width), sequence (B, length, width) fp32, zeros where no word is known."""
        known = tokens.codes >= FIRST_WORD
        sequence = F.embedding(tokens.codes, self._vectors())
        return Encoded(sequence.sum(1) / known.sum(1, keepdim=True).clamp(min=1), sequence, tokens.mask)

    def cut(self, sentence: str) -> str:
        return " ".join(characters.words(sentence)[self.length :])

    def extra_repr(self) -> str:
        return f"width={self.width}, length={self.length}"

    def _vectors(self) -> Tensor:
        """By code, (2 + N, width)."""
        words = self.table.content.view(torch.float32).reshape(-1, self.width)
        return F.pad(words, (0, 0, FIRST_WORD, 0))


def _random(word: str, width: int) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little")
    return np.random.default_rng(seed).standard_normal(width)


def _read(path: Path, words: set[str], width: int) -> dict[str, np.ndarray]:
    """The vectors of these words, as far as the file has them; it is read in a stream, of gigabytes nothing is kept."""
    found: dict[str, np.ndarray] = {}
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                word, _, numbers = line.partition(" ")
                if word in words and word not in found and " " in numbers.strip():  # else the head of a fastText file
                    found[word] = _numbers(numbers, width, f"{path}: line {number}")
    except OSError as problem:
        raise UserError(
            f"the word vectors {path} cannot be read ({problem.strerror}); give a GloVe text file with "
            "model.text.model=FILE, or none for random vectors"
        ) from None
    return found


def _numbers(text: str, width: int, where: str) -> np.ndarray:
    try:
        vector = np.array(text.split(), dtype=np.float32)
    except ValueError:
        raise UserError(f"{where} is not a word and numbers; give a GloVe text file") from None
    if len(vector) != width or not np.isfinite(vector).all():
        raise UserError(f"{where} has {len(vector)} numbers, the config {width}; set model.text.width={len(vector)}")
    return vector
