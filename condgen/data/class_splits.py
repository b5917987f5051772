"""Splits with no class in common: whether a model can draw what it has read about and never seen."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from condgen.data.captioned_picture import CaptionedPicture
from condgen.data.manifest import Split
from condgen.errors import UserError

_LIST = re.compile(r"(trainval|train|validation|valid|val|test)_?(?:classes|ids)?1?")  # 1: the first of three splits
_SPLITS = {"train": Split.TRAIN, "trainval": Split.TRAIN, "test": Split.TEST}  # others: validation
_ORDER = (Split.TRAIN, Split.VALIDATION, Split.TEST)  # the later wins: trainval holds those of validation, too


def disjoint(classes: Iterable[str], *, validation: int, test: int = 0, seed: int = 0) -> dict[str, Split]:
    """A split of each class: a seeded choice of so many for validation and test, the others for training.

    Raises:
        UserError: a number is negative, or no class is left for training.
    """
    names = sorted(set(classes))
    if min(validation, test) < 0 or validation + test >= len(names):
        raise UserError(
            f"{len(names)} classes cannot give {validation} for validation and {test} for test and leave one for "
            "training; ask for fewer"
        )
    chosen = random.Random(seed).sample(names, validation + test)
    held_out = dict.fromkeys(chosen[:validation], Split.VALIDATION) | dict.fromkeys(chosen[validation:], Split.TEST)
    return {name: held_out.get(name, Split.TRAIN) for name in names}


def published(lists: Path, folders: Sequence[str]) -> dict[str, Split]:
    """The split of each class by published lists, one class a line, by the name of its folder or by its number.

    Args:
        lists: a folder with train, val and test lists, called as by Reed et al. (trainids.txt, trainvalids.txt,
            testclasses.txt) or Xian et al. (trainclasses1.txt, valclasses1.txt, testclasses.txt).
        folders: of the classes, such as 001.Black_footed_Albatross or class_00001.

    Raises:
        UserError: there are no lists, they name an unknown class, or a class is in none.
    """
    numbers = {str(int(found[0])): folder for folder in folders if (found := re.search(r"\d+", folder))}
    known = {folder: folder for folder in folders} | numbers
    files = {path: found[1] for path in sorted(lists.glob("*.txt")) if (found := _LIST.fullmatch(path.stem.lower()))}
    if not files:
        raise UserError(f"{lists} has no lists of classes; it needs files such as trainclasses.txt and testclasses.txt")
    splits: dict[str, Split] = {}
    by_split = {path: _SPLITS.get(word, Split.VALIDATION) for path, word in files.items()}
    for path in sorted(files, key=lambda path: _ORDER.index(by_split[path])):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if not (entry := line.strip().removesuffix(".t7")):
                continue
            folder = known.get(entry) or known.get(entry.lstrip("0"))
            if folder is None:
                raise UserError(f"{path}:{number}: there is no class {entry!r}, by name or by number")
            splits[folder] = by_split[path]
    if unlisted := [folder for folder in folders if folder not in splits]:
        names = ", ".join(path.name for path in files)
        raise UserError(f"{lists}: {unlisted[0]} is in none of {names}; {len(unlisted)} classes are in none")
    return splits


def without_test(splits: Mapping[str, Split]) -> dict[str, Split]:
    """The last training of the published protocol: classes of test are validation, those of validation train, too.

    Without classes of test, as they are.
    """
    if Split.TEST not in splits.values():
        return dict(splits)
    return {name: Split.VALIDATION if split is Split.TEST else Split.TRAIN for name, split in splits.items()}


def assigned(pictures: Iterable[CaptionedPicture], splits: Mapping[str, Split]) -> list[CaptionedPicture]:
    """The same pictures, each with the split of its class."""
    return [replace(picture, split=splits[picture.category]) for picture in pictures]
