"""What a data check says about two files that hold the same, and about the pairs of a whole split."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from condgen.data.findings import Comparison, File, Finding
from condgen.data.manifest import Split
from condgen.data.media import Problem

CLEANER = 4.0  # dB, how much lower the floor of one side must be; right pairs measure -2 and more, telephone speech too

Couple = tuple[File, File]  # the small one and the large one of a row


@dataclass(frozen=True)
class Pair:
    """Two fields that hold the same thing: `large` has `scale` times the width and height of `small`.

    Recordings are of equal length and aligned to the sample; their scale is 1, and `small` is the degraded one.
    """

    small: str
    large: str
    scale: int = 1

    def __str__(self) -> str:
        return f"{self.small}:{self.large}" if self.scale == 1 else f"{self.small}:{self.large}:{self.scale}"


def compare(small: File, large: File, scale: int) -> Comparison:
    """What is wrong with one pair; the problems are the large one's."""
    problems = []
    short, long = sorted((_stem(small), _stem(large)), key=len)
    if not re.match(rf"{re.escape(short)}([-_.]|$)", long):  # p232_001 and p232_001_babble are of one name
        text = f"{small.field} is {small.row.fields[small.field]}: another name"
        problems.append(Problem(text, "make sure that both hold the same", is_error=False))
    comparison = Comparison()
    if small.look.sample_rate and large.look.sample_rate:
        from condgen.data import check_audio as sounds

        if small.look.contents != large.look.contents:
            comparison = sounds.compare(small, large)
    elif small.look.size and large.look.size and tuple(side * scale for side in small.look.size) != large.look.size:
        text = f"{large.by} is not {scale} times {small.by} of {small.field}"
        problems.append(Problem(text, "make the pair anew from the larger picture"))
    return replace(comparison, problems=(*problems, *comparison.problems))


def over_splits(couples: Sequence[Couple], comparisons: Sequence[Comparison]) -> Iterator[Finding]:
    """What only many rows can tell."""
    for split in Split:
        rows = [row for row in zip(couples, comparisons, strict=True) if row[0][0].row.split == split]
        yield from _identical([couple for couple, _ in rows])
        yield from _swapped([(couple, comparison) for couple, comparison in rows if not math.isnan(comparison.floor)])


def _identical(couples: Sequence[Couple]) -> Iterator[Finding]:
    """About one split. A note, because some clean inputs teach a model to leave them alone; all teach nothing else."""
    same = [
        couple for couple in couples if couple[0].look.contents and couple[0].look.contents == couple[1].look.contents
    ]
    if same:
        small, large = same[0]
        text = (
            f"{small.field} and {large.field} hold the same in {len(same)} of {len(couples)} {large.row.split} rows; "
            f"line {large.row.line} is the first"
        )
        nothing_to_learn = len(same) == len(couples) and large.row.split == Split.TRAIN
        yield large.about_all(Problem(text, f"name the right files in {small.field}, if not meant", nothing_to_learn))


def _swapped(rows: Sequence[tuple[Couple, Comparison]]) -> Iterator[Finding]:
    """About one split. Most rows must say so: noise that comes and goes leaves some pairs without any sign."""
    cleaner = [couple for couple, comparison in rows if comparison.floor < -CLEANER]
    if len(cleaner) > len(rows) / 2:
        small, large = cleaner[0]
        text = (
            f"pauses are quieter in {small.field} than in {large.field}, in {len(cleaner)} of {len(rows)} "
            f"{large.row.split} rows; line {large.row.line} is the first"
        )
        yield large.about_all(Problem(text, f"swap the two: {small.field} seems to be the cleaner one"))


def _stem(file: File) -> str:
    """Name without what tells the sides of a pair apart: 0001x4, img_001_SRF_4_LR, baby_HR."""
    stem = Path(file.row.fields[file.field]).stem
    return re.sub(rf"([-_.]?(x\d+|lr|hr|{re.escape(file.field)}))+$", "", stem, flags=re.IGNORECASE)
