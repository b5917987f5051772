"""What a data check says about two files that belong together, and about the pairs of a whole split."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from condgen.data import check_images as pictures
from condgen.data.check_images import Alignment, Couple, Discriminant, Sides
from condgen.data.check_sets import exchanged
from condgen.data.findings import Comparison, File, Finding
from condgen.data.manifest import Split
from condgen.data.media import Problem

CLEANER = 4.0  # dB, how much lower the floor of one side must be; right pairs measure -2 and more, telephone speech too

CLEAR = 1 / 3  # of the median score: what lies nearer to the middle of the two sides is of neither
CLEAR_ROWS = 0.85  # of the training rows, for the colours to tell sides: photos against photos reach 0.65


@dataclass(frozen=True)
class FieldPair:
    """Two fields that belong together: `large` has `scale` times the width and height of `small`.

    Recordings are of equal length and aligned to the sample; their scale is 1, and `small` is the degraded one.
    """

    small: str
    large: str
    scale: int = 1
    same_content: bool = True  # of pictures: they show the same, so they must be aligned; no map and its photo

    def __str__(self) -> str:
        return f"{self.small}:{self.large}" if self.scale == 1 else f"{self.small}:{self.large}:{self.scale}"


def compare(small: File, large: File, pair: FieldPair) -> Comparison:
    """What is wrong with one pair, except for sizes; the problems are the large one's."""
    problems = []
    short, long = sorted((_stem(small), _stem(large)), key=len)
    if not re.match(rf"{re.escape(short)}([-_.]|$)", long):  # p232_001 and p232_001_babble are of one name
        text = f"{small.field} is {small.row.fields[small.field]}: another name"
        problems.append(Problem(text, "make sure that both belong together", is_error=False))
    comparison = Comparison()
    if small.look.contents != large.look.contents:
        if small.look.sample_rate and large.look.sample_rate:
            from condgen.data import check_audio as sounds

            comparison = sounds.compare(small, large)
        elif pair.same_content and _times(small, large) == pair.scale:
            comparison = pictures.compare(small, large, pair.scale)
    return replace(comparison, problems=(*problems, *comparison.problems))


def over_splits(couples: Sequence[Couple], comparisons: Sequence[Comparison], pair: FieldPair) -> Iterator[Finding]:
    """What only many rows can tell."""
    yield from _misfits([couple for couple in couples if _are_pictures(*couple)], pair)
    for split in Split:
        rows = [row for row in zip(couples, comparisons, strict=True) if row[0][0].row.split == split]
        yield from _identical([couple for couple, _ in rows])
        yield from _swapped([(couple, comparison) for couple, comparison in rows if not math.isnan(comparison.floor)])
        yield from pictures.shifts([row for row in rows if isinstance(row[1], Alignment)])


def is_larger(small: File, large: File, scale: int) -> bool:
    """Whether the picture that should be the smaller one is the larger one."""
    if scale == 1 or not _are_pictures(small, large):
        return False
    return all(one > other for one, other in zip(small.look.size, large.look.size, strict=True))


def _are_pictures(small: File, large: File) -> bool:
    return small.look.is_picture and large.look.is_picture


def _times(small: File, large: File) -> Fraction | None:
    """How many times the large picture is the small one; None where width and height differ in that."""
    if not _are_pictures(small, large):
        return None
    across, down = (Fraction(more, less) for less, more in zip(small.look.size, large.look.size, strict=True))
    return across if across == down else None


def _misfits(couples: Sequence[Couple], pair: FieldPair) -> Iterator[Finding]:
    """Sizes that do not fit the scale: where all rows of the manifest or of a split are alike, it is one mistake."""
    if finding := _common_misfit(couples, pair, "all"):
        yield finding
        return
    for split in Split:
        rows = [couple for couple in couples if couple[0].row.split == split]
        if finding := _common_misfit(rows, pair, f"all {split}"):
            yield finding
        else:
            yield from (large.finding(_misfit(small, large, pair.scale)) for small, large in _unfit(rows, pair.scale))


def _unfit(couples: Sequence[Couple], scale: int) -> list[Couple]:
    return [couple for couple in couples if _times(*couple) != scale]


def _common_misfit(couples: Sequence[Couple], pair: FieldPair, which: str) -> Finding | None:
    if len(couples) < 2 or len(_unfit(couples, pair.scale)) < len(couples):
        return None
    rows = f"in {which} {len(couples)} rows"
    if pair.scale > 1 and all(is_larger(*couple, pair.scale) for couple in couples):
        text = f"{pair.small} is larger than {pair.large} {rows}"
        return couples[0][1].about_all(Problem(text, f"swap the two: {pair.small} and {pair.large}"))
    ratios = {_times(*couple) for couple in couples}
    if len(ratios) > 1 or None in ratios:
        return None
    ratio = float(ratios.pop())
    text = f"{pair.large} is {ratio:g} times {pair.small} {rows}, not {pair.scale} times"
    fix = f"make {pair.small} anew" if pair.same_content else "make the two of one size"
    if pair.scale > 1 and ratio.is_integer():
        fix += f", or take a scale of {ratio:g}"
    return couples[0][1].about_all(Problem(text, fix))


def _misfit(small: File, large: File, scale: int) -> Problem:
    if scale == 1:
        return Problem(f"{large.by} and {small.field} is {small.by}", "make the two of one size")
    if is_larger(small, large, scale):
        text = f"{large.by}, smaller than {small.field} with {small.by}"
        return Problem(text, f"swap the two in this row: {small.field} and {large.field}")
    text = f"{large.by} is not {scale} times {small.by} of {small.field}"
    return Problem(text, "make the pair anew from the larger picture")


def exchanged_colours(couples: Sequence[Couple], pair: FieldPair, colours: Sequence[Sides]) -> Iterator[Finding]:
    """Sides that are exchanged against those of most training rows, where their colours make that certain.

    Args:
        couples: pairs of pictures that show different things, of all splits.
        pair: their fields.
        colours: of the two pictures of each, as of `check_images.colours`.
    """
    of_split = {
        split: [place for place, (small, _) in enumerate(couples) if small.row.split == split] for split in Split
    }
    sides = {
        split: tuple(np.stack([colours[place][side] for place in places]) for side in (0, 1))
        for split, places in of_split.items()
        if places
    }
    if len(of_split[Split.TRAIN]) < pictures.FEWEST_COLOURS:
        return
    train = pictures.held_out_scores(sides[Split.TRAIN])
    least = CLEAR * float(np.median(np.abs(np.concatenate(train))))
    clear = np.mean((np.minimum(*np.abs(train)) > least) & (np.sign(train[0]) != np.sign(train[1])))
    discriminant = Discriminant.fit(sides[Split.TRAIN])
    for split, both in sides.items():
        whole = None if split == Split.TRAIN else exchanged(sides[Split.TRAIN], both, (pair.small, pair.large), split)
        if whole:
            yield couples[of_split[split][0]][1].about_all(whole)
        if clear < CLEAR_ROWS or (whole and whole.is_error):
            continue
        small, large = train if split == Split.TRAIN else map(discriminant, both)
        for place in np.flatnonzero((small < -least) & (large > least)):
            yield couples[of_split[split][place]][1].finding(_exchanged_row(pair))


def _exchanged_row(pair: FieldPair) -> Problem:
    text = f"{pair.small} has the colours of {pair.large} in the other rows, and the other way round"
    return Problem(text, "swap the two in this row")


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
