"""Sentences about birds from a table of class attributes, for classes that nobody has described.

The table is that of CUB-200-2011 (class_attribute_labels_continuous.txt) with a header: columns class_name and, say,
has_wing_color::blue, with the percentage of people who said so of a bird of the class.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Mapping
from pathlib import Path

from condgen.data.captioned_tables import USUAL
from condgen.errors import UserError

Votes = Mapping[str, Mapping[str, float]]
"""Per cent by attribute, such as has_wing_color, and value, such as blue."""

ENOUGH = 15.0  # per cent for the most frequent value: less is no agreement
LIKELY = 0.5  # of the votes of the most frequent value: what others also see
TWO_COLOURS = 0.3  # how often a second colour is named where there is one
ATTEMPTS = 50  # for each sentence, until it is one that is not there yet

COLOURED = (  # parts, as in has_wing_color, and how people write them
    ("wing", "wings"),
    ("belly", "belly"),
    ("breast", "breast"),
    ("throat", "throat"),
    ("crown", "crown"),
    ("nape", "nape"),
    ("back", "back"),
    ("forehead", "forehead"),
    ("leg", "legs"),
    ("eye", "eyes"),
    ("bill", "bill"),
    ("upper_tail", "tail"),
)
PATTERNED = (("wing", "wings"), ("belly", "belly"), ("breast", "breast"), ("back", "back"), ("tail", "tail"))
BILLS = {
    "curved_(up_or_down)": "curved",
    "dagger": "pointed",
    "hooked": "hooked",
    "hooked_seabird": "hooked",
    "needle": "thin",
    "cone": "cone shaped",
}
LENGTHS = {"longer_than_head": "long", "shorter_than_head": "short"}
HEADS = {
    "crested": "a crested head",
    "masked": "a mask across its face",
    "capped": "a capped head",
    "eyering": "a ring around its eye",
    "eyebrow": "a stripe above its eye",
    "eyeline": "a line through its eye",
    "striped": "a striped head",
    "spotted": "a spotted head",
}
SIZES = {"medium": "medium sized"}  # others are said as they are
PLAIN = "solid"  # a pattern that nobody mentions


def read_votes(table: Path) -> dict[str, Votes]:
    """The votes of each class, by its name.

    Raises:
        UserError: the table cannot be read, or has no class or no attribute.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        column = next(name for name in (*USUAL["category"], "") if name in rows[0])
        return {row[column].strip(): _votes(row) for row in rows}
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise UserError(f"{table} cannot be read as CSV: {problem}; save it as CSV in UTF-8") from None
    except (IndexError, StopIteration):
        raise UserError(f"{table} needs a column class_name and a row a class") from None
    except ValueError as problem:
        raise UserError(f"{table}: {problem}; votes are per cent in columns such as has_wing_color::blue") from None


def _votes(row: Mapping[str, str]) -> Votes:
    votes: dict[str, dict[str, float]] = {}
    for name, cell in row.items():
        attribute, is_value, value = name.partition("::")
        if is_value:
            votes.setdefault(attribute, {})[value] = float(cell)
    if not votes:
        raise ValueError("no attributes")
    return votes


def sentences(votes: Votes, count: int, chance: random.Random) -> tuple[str, ...]:
    """Sentences about one bird, no two the same; fewer than `count` where the votes do not give so many.

    Each names three facts at most, and only what at least half as many people saw as saw the most frequent value.
    """
    made: dict[str, None] = {}
    for _ in range(ATTEMPTS * count):
        if len(made) == count:
            break
        facts = list(dict.fromkeys(fact for make in chance.sample(_FACTS, 6) if (fact := make(votes, chance))))
        if facts:
            made[_sentence(votes, facts[: chance.choice((1, 2, 2, 3))], chance)] = None
    return tuple(made)


def _sentence(votes: Votes, facts: list[str], chance: random.Random) -> str:
    listed = " and ".join([", ".join(facts[:-1]), facts[-1]]) if facts[1:] else facts[0]
    size = _chosen(votes.get("has_size", {}), chance).partition("_(")[0].replace("_", " ")
    size = SIZES.get(size, size)
    primary = _colours(votes.get("has_primary_color", {}), chance)
    form = chance.randrange(5)
    if form == 0 and primary:
        return f"this bird is {primary} with {listed}."
    if form == 1 and size:
        return f"{_with_article(f'{size} bird')} with {listed}."
    if form == 2 and size and primary:
        return f"this is {_with_article(f'{size} {primary} bird')} that has {listed}."
    if form == 3 and primary:
        return f"{_with_article(f'{primary} bird')} with {listed}."
    return f"{chance.choice(('this', 'the'))} bird has {listed}."


def _coloured(votes: Votes, chance: random.Random) -> str:
    part, noun = chance.choice(COLOURED)
    colours = _colours(votes.get(f"has_{part}_color", {}), chance)
    return _with_article(f"{colours} {noun}") if colours else ""


def _patterned(votes: Votes, chance: random.Random) -> str:
    part, noun = chance.choice(PATTERNED)
    pattern = _chosen(votes.get(f"has_{part}_pattern", {}), chance)
    return _with_article(f"{pattern} {noun}") if pattern not in ("", PLAIN) else ""


def _bill(votes: Votes, chance: random.Random) -> str:
    length = LENGTHS.get(_chosen(votes.get("has_bill_length", {}), chance), "")
    shape = BILLS.get(_chosen(votes.get("has_bill_shape", {}), chance), "")
    colour = _chosen(votes.get("has_bill_color", {}), chance)
    words = [word for word in (length, shape, colour) if word]
    return _with_article(" ".join([*words, chance.choice(("bill", "beak"))])) if words else ""


def _head(votes: Votes, chance: random.Random) -> str:
    return HEADS.get(_chosen(votes.get("has_head_pattern", {}), chance), "")


_FACTS: list[Callable[[Votes, random.Random], str]] = [_coloured] * 7 + [_bill] * 2 + [_patterned, _head]


def _likely(values: Mapping[str, float]) -> dict[str, float]:
    most = max(values.values(), default=0.0)
    return {value: share for value, share in values.items() if share >= LIKELY * most} if most >= ENOUGH else {}


def _chosen(values: Mapping[str, float], chance: random.Random) -> str:
    """By the votes; empty where they do not agree."""
    likely = _likely(values)
    return chance.choices(list(likely), list(likely.values()))[0] if likely else ""


def _colours(values: Mapping[str, float], chance: random.Random) -> str:
    first = _chosen(values, chance)
    others = {value: share for value, share in _likely(values).items() if value != first}
    if not others or chance.random() >= TWO_COLOURS:
        return first
    return f"{first} and {chance.choices(list(others), list(others.values()))[0]}"


def _with_article(words: str) -> str:
    if words.endswith("s"):
        return words  # wings
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
