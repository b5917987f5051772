"""What a data check says about sets of rows: splits and domains that must be there, and what must not be in two."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np

from condgen.data.check_images import FEWEST_COLOURS, Discriminant, Sides, held_out_scores, is_plain
from condgen.data.findings import WHOLE_FILE, File, Finding
from condgen.data.manifest import Manifest, Row, Split
from condgen.data.media import Problem

DOMAIN = "domain"  # the field of an unpaired set that says to which of the two a row belongs
SAMPLED = 300  # pictures of a domain and split whose colours are looked at

ODDS = 12.0  # natural logarithm: 160000 to 1 that a split is exchanged, if its colours are distributed as in training
TOLD_APART = 0.95  # of the pictures, by their colours: fewer, and a split from elsewhere could look exchanged
STRAYS = 0.2  # share of an exchanged split that may look right


def domain_findings(row: Row, domains: Sequence[str]) -> Iterator[Finding]:
    """About the field alone, where there are domains."""
    if domains and row.fields.get(DOMAIN) not in domains:
        text = f"{DOMAIN} {row.fields[DOMAIN]!r}" if DOMAIN in row.fields else f"no {DOMAIN!r}"
        yield Finding(row.line, "", text, f'set "{DOMAIN}" to one of {", ".join(domains)}')


def too_few(
    manifest: Manifest, splits: Iterable[Split], domains: Sequence[str], minimum_rows: Mapping[Split, int]
) -> Iterator[Finding]:
    """Splits and domains without rows, or with fewer than the minimum."""
    in_split = Counter(str(row.fields.get("split")) for row in manifest.all_rows)
    in_domain = Counter((str(row.fields.get("split")), str(row.fields.get(DOMAIN))) for row in manifest.all_rows)
    for split in Split:
        of_split = f"of split {str(split)!r}"
        if not in_split[split]:
            if split in splits:
                fix = f'give some rows "split": "{split}"'
                yield Finding(WHOLE_FILE, manifest.path.name, f"no row {of_split}", fix)
            continue
        least = minimum_rows.get(split, 0)
        counts = {f" and {DOMAIN} {domain!r}": in_domain[split, domain] for domain in domains}
        for of_domain, count in (counts or {"": in_split[split]}).items():
            if not count and split in splits:
                fix = f"give some rows of {split} this {DOMAIN}"
                yield Finding(WHOLE_FILE, manifest.path.name, f"no row {of_split}{of_domain}", fix)
            elif count < least:
                text = f"only {count} row{'s' * (count != 1)} {of_split}{of_domain}"
                yield Finding(WHOLE_FILE, manifest.path.name, text, f"give at least {least}")


def leaks(files: Iterable[File], drawn: Collection[str]) -> Iterator[Finding]:
    """The same contents in two splits: an error of the row that is nearer to training.

    Args:
        files: of the whole manifest.
        drawn: fields of pictures such as maps, of which those of a single colour are the same by chance.
    """
    order = [Split.TEST, Split.VALIDATION, Split.TRAIN]
    first: dict[tuple[str, str], File] = {}
    for file in sorted(files, key=lambda file: order.index(file.row.split)):
        if not file.look.contents:
            continue
        known = first.setdefault((file.field, file.look.contents), file)
        if known.row.split != file.row.split and not (file.field in drawn and is_plain(file.path)):
            yield file.finding(Problem(_same(known), f"take it out of {file.row.split}: results would flatter"))


def duplicates(files: Iterable[File], domains: Sequence[str]) -> Iterator[Finding]:
    """Rows of one split all of whose files are equal; one file may well serve several: clean speech, noisy versions.

    In two domains they are an error of training: nothing tells the two apart.
    """
    rows: dict[int, list[File]] = defaultdict(list)
    for file in files:
        rows[file.row.line].append(file)
    first: dict[tuple[str, ...], File] = {}
    for parts in rows.values():
        if not all(file.look.contents for file in parts):
            continue
        file = parts[0]
        known = first.setdefault((file.row.split, *(file.look.contents for file in parts)), file)
        if known is file:
            continue
        mine, other = (of.row.fields.get(DOMAIN) for of in (file, known))
        if domains and mine != other:
            text = f"{_same(known)}, there {DOMAIN} {other!r} and here {mine!r}"
            fix = f"take line {known.row.line} or line {file.row.line} out: a picture is of one {DOMAIN}"
            yield file.finding(Problem(text, fix, is_error=file.row.split == Split.TRAIN))
        else:
            yield file.finding(Problem(_same(known), "harmless, but it counts twice", is_error=False))


def _same(known: File) -> str:
    return f"same as {known.row.fields[known.field]} (line {known.row.line}, {known.row.split})"


def not_apart(rows: Iterable[Row], name: str) -> Iterator[Finding]:
    """Values of a field, such as the speaker, that are in train and in another split."""
    stated = [row for row in rows if name in row.fields and row.fields.get("split") in list(Split)]
    elsewhere = {str(row[name]): row for row in stated if row.split != Split.TRAIN}
    for row in stated:
        other = elsewhere.get(str(row[name]))
        if other is not None and row.split == Split.TRAIN:
            text = f"{name} {row[name]!r} is also in {other.split} (line {other.line})"
            yield Finding(row.line, "", text, f"keep each {name} in one split: results would flatter")


def sampled(files: Iterable[File], domains: Sequence[str]) -> dict[Split, tuple[list[File], list[File]]]:
    """Of each split that has pictures of both domains some, evenly taken; none where training has too few to tell."""
    of: dict[tuple[Split, str], list[File]] = defaultdict(list)
    for file in files:
        if file.look.is_picture:
            of[file.row.split, file.row.fields.get(DOMAIN)].append(file)
    sides = {split: tuple(_evenly(of[split, domain]) for domain in domains) for split in Split}
    if min(map(len, sides[Split.TRAIN])) < FEWEST_COLOURS:
        return {}
    return {split: both for split, both in sides.items() if all(both)}


def _evenly(files: Sequence[File]) -> list[File]:
    places = np.linspace(0, len(files) - 1, min(len(files), SAMPLED))
    return [files[round(place)] for place in places]


def exchanged(train: Sides, other: Sides, names: Sequence[str], split: Split) -> Problem | None:
    """Whether the two sides of a split are exchanged against those of training, by the colours of their pictures.

    Colours that say next to nothing in training prove nothing; those that say something make a note, as a split from
    elsewhere may differ; only those that tell nearly all pictures apart make an error.

    Args:
        train: (pictures, colours) of either side, `FEWEST_COLOURS` or more.
        other: the same of another split.
        names: of the two sides, for the message.
        split: the other one.
    """
    told_apart = _right_shares(held_out_scores(train))
    if min(told_apart) <= 0.5:
        return None
    discriminant = Discriminant.fit(train)
    right_shares = _right_shares((discriminant(other[0]), discriminant(other[1])))
    counts = [len(side) for side in other]
    wrong = [round((1 - share) * count) for share, count in zip(right_shares, counts, strict=True)]
    told = min(float(np.mean(told_apart)), 1 - 1 / sum(map(len, train)))  # no sample proves that colours never fail
    odds = (2 * sum(wrong) - sum(counts)) * math.log(told / (1 - told))
    if odds < ODDS or max(right_shares) >= 0.5:
        return None
    is_error = told >= TOLD_APART and max(right_shares) <= STRAYS
    shares = [f"{part} of {count} in {name}" for part, count, name in zip(wrong, counts, names, strict=True)]
    text = f"{names[0]} and {names[1]} of {split} have the colours of each other in {Split.TRAIN}: {', '.join(shares)}"
    doubt = "" if is_error else f", if not meant: by colours, {told:.0%} of {Split.TRAIN} are told apart"
    return Problem(text, f"swap the two in {split}{doubt}", is_error)


def _right_shares(scores: Sides) -> tuple[float, float]:
    return float(np.mean(scores[0] > 0)), float(np.mean(scores[1] < 0))
