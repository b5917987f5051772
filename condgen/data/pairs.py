"""Pairs, and two sets without partners, as users have them: folders in the usual layouts, or a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from condgen.data.findings import WHOLE_FILE, Finding, Found
from condgen.data.image import displayed_size
from condgen.data.manifest import Split
from condgen.data.media import Media
from condgen.data.pair_folders import (
    SPLITS,
    Placed,
    bad_sides,
    error,
    find_files,
    no_files,
    side_folders,
    strays,
    unwrapped,
)
from condgen.data.pair_tables import read_table
from condgen.errors import UserError

LAYOUTS = """\
PAIRS are one of:
  two folders whose files have the same names but for the ending: input and target, source and target, A and B,
  low and high, LR and HR, or noisy and clean, in capitals or not; train, val and test above or below them;
  pictures twice as wide as high, as pix2pix has them, input left and target right; flat, or in train, val and test;
  a CSV or JSONL table with a column for each of the two (input and target, low and high, noisy and clean) and, if
  wanted, one called split (train, validation or test); relative paths start at the table's folder.
TWO SETS without partners are one of:
  trainA and trainB, and valA, valB, testA, testB if there are any;
  two folders A and B, with or without train, val and test above or below them; or two folders of any names;
  a CSV or JSONL table with the columns image and domain (a or b), and split if wanted.
What lies in val or test is left out of the training; where neither is, a random part is."""
"""For help texts."""


class Direction(StrEnum):
    """Of pictures joined side by side: from which half to which."""

    LEFT_TO_RIGHT = "left-to-right"
    RIGHT_TO_LEFT = "right-to-left"


class Domain(StrEnum):
    """One of two sets without partners."""

    A = "a"
    B = "b"


@dataclass(frozen=True)
class Sides:
    """The two fields of a task's pairs, and the kind of their files."""

    first: str
    second: str
    media: Media


INPUT_TARGET = Sides("input", "target", Media.IMAGE)
LOW_HIGH = Sides("low", "high", Media.IMAGE)
NOISY_CLEAN = Sides("noisy", "clean", Media.AUDIO)


@dataclass(frozen=True)
class Pair:
    """Two files that belong together, or one picture that holds both as its halves."""

    first: Path
    second: Path
    name: str  # without ending, perhaps with folders
    split: Split | None = None  # None: not said
    joined: Direction | None = None  # of halves: then first and second are one file


@dataclass(frozen=True)
class Member:
    """A file of one of two sets."""

    path: Path
    domain: Domain
    name: str  # without ending, perhaps with folders
    split: Split | None = None  # None: not said


def find_pairs(source: Path, sides: Sides, direction: Direction = Direction.LEFT_TO_RIGHT) -> Found[Pair]:
    """The pairs of a folder or a table in one of the `LAYOUTS`. Files are not decoded: that is `condgen data check`.

    Args:
        source: the folder or the table.
        sides: the columns of a table, and the kind of file that is looked for.
        direction: of pictures that are joined side by side, which no other layout has.

    Raises:
        UserError: there is no such source, it cannot be read, or `direction` does not apply to it.
    """
    if source.is_file():
        found = _pairs_of_table(source, sides)
    else:
        root = unwrapped(source)
        files = find_files(root, sides.media)
        found = _matched(root, files, sides) if side_folders(root) else _joined(files, sides, direction)
    if direction is not Direction.LEFT_TO_RIGHT and any(pair.joined is None for pair in found.items):
        raise UserError(
            f"{source} has no pictures joined side by side, so no halves to choose from; "
            f"call its sides {sides.first} and {sides.second} instead"
        )
    return Found(found.items, (*found.findings, *_about_all(source, found.items, found.findings, "pair")))


def find_sets(places: Sequence[Path], *, validation: Sequence[Path] = ()) -> Found[Member]:
    """The pictures of two sets without partners, in one of the `LAYOUTS`. They are not decoded.

    Args:
        places: one folder or table, or two folders of any names: those of domain a and b.
        validation: two more folders, whose files are kept out of the training.

    Raises:
        UserError: there is no such folder or table, or it cannot be read.
    """
    if len(places) == 2:
        found = _two_folders(places)
    elif places[0].is_file():
        found = _sets_of_table(places[0])
    else:
        found = _sets_of_folder(unwrapped(places[0]))
    if validation:
        held_out = _two_folders(validation)
        known = [replace(member, split=member.split or Split.TRAIN) for member in found.items]
        known += [replace(member, split=Split.VALIDATION) for member in held_out.items]
        found = Found(tuple(known), (*found.findings, *held_out.findings))
    findings = list(found.findings)
    for domain, place in zip(Domain, (places[0], places[-1]), strict=True):
        members = [member for member in found.items if member.domain == domain]
        findings += _about_all(place, members, found.findings, f"file of domain {domain}")
    return Found(found.items, tuple(findings))


def _about_all(source: Path, items: Sequence[Pair | Member], known: Sequence[Finding], what: str) -> Iterator[Finding]:
    """What only all items together tell: whether there are enough, and whether all or none of them have a split."""
    nameless = [item for item in items if item.split is None]
    if 0 < len(nameless) < len(items):
        problem = f"{len(nameless)} of {len(items)} have no split that is known here; {nameless[0].name} is the first"
        yield error(source, problem, "call their split train, val or test, or leave out the splits of all")
    to_train_on = [item for item in items if item.split in (None, Split.TRAIN)]
    if not items:
        if not any(finding.is_error for finding in known):
            yield error(source, f"no {what} in a layout that is known here", "see the help text for the layouts")
    elif not to_train_on:
        yield error(source, f"no {what} for training", "call the split of some of them train")
    elif len(items) == 1:
        yield error(source, f"only one {what}", "give at least 2: one is kept out of the training, to measure by")


def _matched(root: Path, files: Sequence[Placed], sides: Sides) -> Found[Pair]:
    """Files of two folders that have one name."""
    findings = [*bad_sides(root, files, sides.media), *strays(files, is_error=True)]
    first, second = ({}, {})
    for file in files:
        if file.side is not None:
            (first, second)[file.side].setdefault((file.split, file.name), []).append(file)
    common = [key for key in first if key in second]
    if first and second and not common:
        one, other = (next(iter(side.values()))[0].path.relative_to(root) for side in (first, second))
        fix = "give partners the same name but for the ending, under the same split"
        findings.append(error(root, f"no file has the name of one on the other side, see {one} and {other}", fix))
    elif common:
        findings += [*_lonely(root, first, second), *_lonely(root, second, first)]
    findings += _twins(root, [*first.values(), *second.values()])
    pairs = (
        Pair(first[key][0].path, second[key][0].path, key[1], key[0])
        for key in common
        if len(first[key]) == len(second[key]) == 1
    )
    return Found(tuple(pairs), tuple(findings))


Named = dict[tuple[Split | None, str], list[Placed]]


def _lonely(root: Path, mine: Named, others: Named) -> Iterator[Finding]:
    """Files without a partner."""
    folders = {files[0].split: files[0].folder for files in others.values()}
    for (split, name), files in mine.items():
        if (split, name) not in others:
            folder = folders.get(split) or f"the other side of {files[0].folder}"
            path = files[0].path.relative_to(root)
            yield error(path, f"no partner in {folder}", f"put one called {name} there, or take {path.name} out")


def _twins(root: Path, named: Sequence[Sequence[Placed]]) -> Iterator[Finding]:
    """Files of one side whose names differ in the ending alone: which of them is meant?"""
    for first, *others in named:
        for other in others:
            problem = f"has the name of {first.path.relative_to(root)} but for the ending"
            yield error(other.path.relative_to(root), problem, "keep one of the two, or rename it and its partner")


def _joined(files: Sequence[Placed], sides: Sides, direction: Direction) -> Found[Pair]:
    """Pictures twice as wide as high; others beside them are errors."""
    sizes = [_size(file.path) for file in files] if sides.media is Media.IMAGE else []
    if not any(size and size[0] == 2 * size[1] for size in sizes):
        return Found()
    pairs, findings = [], []
    for file, size in zip(files, sizes, strict=True):
        if size and size[0] != 2 * size[1]:
            problem = f"{size[0]}x{size[1]}: pictures joined side by side are twice as wide as high"
            fix = f"join two squares, or use folders {sides.first} and {sides.second}"
            findings.append(error(file.path, problem, fix))
        else:
            pairs.append(Pair(file.path, file.path, file.name, file.split, direction))
    return Found(tuple(pairs), tuple(findings))


def _size(path: Path) -> tuple[int, int] | None:
    """Width and height in pixels, as displayed; None where that cannot be read, which whoever decodes it will say."""
    try:
        return displayed_size(path)
    except UserError:
        return None


def _pairs_of_table(table: Path, sides: Sides) -> Found[Pair]:
    entries, findings = read_table(table, (sides.first, sides.second))
    pairs = (Pair(*entry.files, entry.files[0].stem, entry.split) for entry in entries)
    return Found(tuple(pairs), tuple(findings))


def _sets_of_table(table: Path) -> Found[Member]:
    entries, findings = read_table(table, (str(Media.IMAGE),))
    members = []
    for entry in entries:
        domain = str(entry.fields.get("domain") or "").strip().lower()
        if domain in list(Domain):
            (path,) = entry.files
            members.append(Member(path, Domain(domain), path.stem, entry.split))
        else:
            findings.append(Finding(entry.line, str(entry.files[0]), f"domain {domain!r}", "write a or b"))
    return Found(tuple(members), tuple(findings))


def _sets_of_folder(root: Path) -> Found[Member]:
    files = find_files(root, Media.IMAGE)
    if side_folders(root):
        members = (
            Member(one.path, list(Domain)[one.side], one.name, one.split) for one in files if one.side is not None
        )
        return Found(tuple(members), (*bad_sides(root, files, Media.IMAGE), *strays(files, is_error=False)))
    tops = sorted({file.path.relative_to(root).parts[0] for file in files})
    if len(tops) != 2 or any((root / top).is_file() or top.lower() in SPLITS for top in tops):
        return Found()
    found = _two_folders([root / top for top in tops])
    note = f"{tops[0]} is taken for domain a, {tops[1]} for b"
    return Found(found.items, (Finding(WHOLE_FILE, str(root), note, "call them a and b to choose", False),))


def _two_folders(folders: Sequence[Path]) -> Found[Member]:
    files = {domain: find_files(folder, Media.IMAGE) for domain, folder in zip(Domain, folders, strict=True)}
    members = (Member(one.path, domain, one.name, one.split) for domain, some in files.items() for one in some)
    empty = (no_files(folder, Media.IMAGE) for folder, some in zip(folders, files.values(), strict=True) if not some)
    return Found(tuple(members), tuple(empty))
