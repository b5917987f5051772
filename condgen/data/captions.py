"""The sentences of captioned pictures or clips: what each row says, and rows that say something else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np
import torch
from torch import Tensor

from condgen.data.manifest import Manifest, Row, Split
from condgen.errors import UserError
from condgen.text.characters import words

if TYPE_CHECKING:
    from condgen.text.encoder import SentenceEncoder

Item = TypeVar("Item")

TRIES = 64  # random rows looked at for one that says something else, before all of them are


def spread(rows: Sequence[Item], count: int) -> list[Item]:
    """So many rows from all over a split, which may be sorted by class, in its order; always the same ones."""
    if len(rows) <= count:
        return list(rows)
    return [rows[number] for number in sorted(np.random.default_rng(0).permutation(len(rows))[:count])]


class Captions:
    """The sentences of some rows, such as those of one split.

    Attributes:
        rows: as given.
        sentences: every different one once, in the order of the rows.

    Raises:
        UserError: a row has no sentence, or what is none.
    """

    def __init__(self, rows: Sequence[Row]):
        self.rows = tuple(rows)
        numbers: dict[str, int] = {}
        self._of = [np.array([numbers.setdefault(one, len(numbers)) for one in sentences_of(row)]) for row in rows]
        self._read = self._of
        self._classes = [class_of(row) for row in rows]
        self.sentences = tuple(numbers)

    @classmethod
    def read(cls, manifest: Path | str, split: Split | str) -> Self:
        """Those of one split. Raises UserError: the manifest cannot be read, or has no rows of the split."""
        return cls(Manifest.read(Path(manifest)).rows(split))

    def __len__(self) -> int:
        return len(self.rows)

    def of(self, row: int) -> np.ndarray:
        """Numbers of a row's sentences, (n,) int64."""
        return self._of[row]

    def draw(self, row: int, count: int, random: np.random.Generator) -> Tensor:
        """Numbers of so many of a row's sentences, all of them if there are fewer, (n,) int64."""
        own = self._of[row]
        return torch.from_numpy(random.choice(own, min(count, len(own)), replace=False))

    def read_alike(self, groups: Tensor) -> None:
        """From now on sentences of one group, (N,) int64 for each of `sentences`, are one to `wrong_row`."""
        self._read = [groups.numpy()[own] for own in self._of]

    def wrong_row(self, row: int, random: np.random.Generator, candidates: int = 1) -> int:
        """A random row that shares no sentence, and is of another class if both have one.

        Args:
            candidates: so many such rows are drawn, and the one whose first sentence differs from this row's first in
                the fewest places is taken.

        Raises:
            UserError: there is none.
        """
        if candidates > 1:
            drawn = [self.wrong_row(row, random) for _ in range(candidates)]
            own = self._words[self._of[row][0]]
            return min(drawn, key=lambda other: _differing_places(own, self._words[self._of[other][0]]))
        for _ in range(TRIES):
            if not self._agree(row, other := int(random.integers(len(self.rows)))):
                return other
        others = [other for other in range(len(self.rows)) if not self._agree(row, other)]
        if not others:
            raise UserError(
                f"{self.rows[row].where}: all rows of split {self.rows[row].fields.get('split')!r} are of its class or "
                f"share a sentence with it, so none has a wrong one; add rows of another class"
            )
        return int(random.choice(others))

    @cached_property
    def _words(self) -> list[list[str]]:
        return [words(sentence) for sentence in self.sentences]

    def _agree(self, row: int, other: int) -> bool:
        of_one_class = self._classes[row] and self._classes[row] == self._classes[other]
        return bool(of_one_class) or not set(self._read[row]).isdisjoint(self._read[other])


@dataclass(frozen=True, eq=False)
class CaptionVectors:
    """Sentences as vectors, computed once: for an encoder that does not learn."""

    captions: Captions
    vectors: Tensor  # (N, width), one for each of captions.sentences
    encoder: SentenceEncoder  # that they are from

    def __post_init__(self):
        _refuse_other_count(self.captions, len(self.vectors))

    def draw(self, row: int, count: int, random: np.random.Generator) -> dict[str, Tensor]:
        """`text` (width,): the mean of so many vectors of a row, drawn without replacement."""
        return {"text": self.vectors[self.captions.draw(row, count, random)].mean(dim=0)}


@dataclass(frozen=True, eq=False)
class CaptionTokens:
    """Sentences as tokens: for an encoder that learns along."""

    captions: Captions
    codes: Tensor  # (N, L) int64, one row for each of captions.sentences
    mask: Tensor  # (N, L) bool: True where there is a token
    encoder: SentenceEncoder  # that they are for

    def __post_init__(self):
        _refuse_other_count(self.captions, len(self.codes))

    def draw(self, row: int, count: int, random: np.random.Generator) -> dict[str, Tensor]:
        """`codes` (L,) and `mask` (L,) of one sentence of a row; `count` must be 1: tokens have no mean."""
        (number,) = self.captions.draw(row, count, random)
        return {"codes": self.codes[number], "mask": self.mask[number]}


def refuse_averaged_tokens(text: CaptionVectors | CaptionTokens, count: int) -> None:
    """Raise UserError where the mean of so many sentences (`data.captions_averaged`) is asked for of tokens."""
    if isinstance(text, CaptionTokens) and count > 1:
        raise UserError(
            f"data.captions_averaged={count} needs sentence vectors, and the text encoder learns along; "
            f"set data.captions_averaged=1"
        )


def drawn_pair(
    text: CaptionVectors | CaptionTokens, row: int, count: int, random: np.random.Generator, candidates: int = 1
) -> tuple[dict[str, Tensor], int]:
    """What `text.draw` gives of a row and, under names with `wrong_`, of `captions.wrong_row`; and that row."""
    wrong = text.captions.wrong_row(row, random, candidates)
    right, mismatched = text.draw(row, count, random), text.draw(wrong, count, random)
    return right | {f"wrong_{name}": part for name, part in mismatched.items()}, wrong


def sentences_of(row: Row) -> list[str]:
    """A row's `captions`.

    Raises:
        UserError: there are none, or they are not a list of texts with words in them.
    """
    if "captions" not in row.fields:
        raise UserError(f'{row.where}: no captions; give the row "captions": ["..."], or take it out')
    captions = row["captions"]
    if not isinstance(captions, list) or not captions:
        raise UserError(f'{row.where}: captions are {_short(captions)}; write a list of sentences: ["..."]')
    for caption in captions:
        if not isinstance(caption, str):
            raise UserError(f"{row.where}: caption {_short(caption)} is no text; put it in quotes, or take it out")
        if not caption.strip():
            raise UserError(f"{row.where}: an empty caption; write a sentence, or take it out")
    return captions


def class_of(row: Row) -> str:
    """A row's `class`; empty: it has none."""
    name = row.fields.get("class")
    return "" if name is None else str(name)


def _refuse_other_count(captions: Captions, count: int) -> None:
    if count != len(captions.sentences):
        raise ValueError(f"{count} encoded sentences were given for {len(captions.sentences)}")


def _differing_places(one: list[str], other: list[str]) -> int:
    """Places where words are exchanged, added or left out; two neighbours are one: "straight line", "zigzag path"."""
    places = 0
    for kind, start, end, other_start, other_end in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if kind != "equal":
            places += -(-max(end - start, other_end - other_start) // 2)
    return places


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
