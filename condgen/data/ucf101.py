"""UCF-101 (Soomro, Zamir and Shah, 2012): 13,320 videos of 101 actions, in groups of one origin each.

Files are called ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi; the published lists trainlist01.txt and testlist01.txt (02
and 03) name them so, the former with a number behind.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from condgen.data.action_sentences import sentences_about
from condgen.data.captioned_picture import CaptionedFile
from condgen.data.clip_cutting import Take
from condgen.data.manifest import Split
from condgen.errors import UserError

_ENTRY = re.compile(r"(\w+)/v_\w+_g(\d+)_c\d+\.\w+")
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def read_ucf101(videos: Path, lists: Path, *, number: int = 1, validation_groups: int = 2) -> list[Take]:
    """The videos of the lists, each whole, with two sentences made of the class's name.

    Args:
        videos: the folder UCF-101, or one that holds it.
        lists: the folder with the lists.
        number: which of the three pairs of lists.
        validation_groups: so many of the training groups of each class are validation: those with the highest numbers.
            0: the test list is, and there is no test.

    Raises:
        UserError: a list is missing or not as published, or a class has no groups left for training.
    """
    folder = videos / "UCF-101" if (videos / "UCF-101").is_dir() else videos
    training, testing = (_entries(lists / f"{name}list{number:02}.txt") for name in ("train", "test"))
    held_out = _held_out(training, validation_groups)
    splits = {entry: Split.VALIDATION if _group(entry) in held_out else Split.TRAIN for entry in training}
    splits |= dict.fromkeys(testing, Split.TEST if validation_groups else Split.VALIDATION)
    return [Take(_about(folder / entry, split)) for entry, split in splits.items()]


def readable(name: str) -> str:
    """ApplyEyeMakeup -> apply eye makeup."""
    return _CAPITAL.sub(" ", name).lower()


def _entries(path: Path) -> list[str]:
    """As `ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi`."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        raise UserError(f"{path} cannot be read; give --lists the folder ucfTrainTestlist, or its archive") from None
    entries = [line.split()[0] for line in lines if line.strip()]
    for number, entry in enumerate(entries, start=1):
        if not _ENTRY.fullmatch(entry):
            raise UserError(f"{path}: entry {number}, {entry[:60]!r}, is not as published")
    if not entries:
        raise UserError(f"{path} is empty; use the published lists")
    return entries


def _group(entry: str) -> tuple[str, int]:
    """Class and number."""
    match = _ENTRY.fullmatch(entry)
    return match[1], int(match[2])


def _held_out(entries: Sequence[str], count: int) -> set[tuple[str, int]]:
    """The last groups of each class."""
    groups: dict[str, set[int]] = {}
    for entry in entries:
        name, number = _group(entry)
        groups.setdefault(name, set()).add(number)
    if few := [name for name, numbers in groups.items() if len(numbers) <= count]:
        raise UserError(
            f"{few[0]} has {len(groups[few[0]])} groups for training, of which {count} cannot be validation"
        )
    return {(name, number) for name, numbers in groups.items() for number in sorted(numbers)[len(numbers) - count :]}


def _about(path: Path, split: Split) -> CaptionedFile:
    action = readable(path.parent.name)
    return CaptionedFile(path, f"{path.parent.name}/{path.stem}", sentences_about(action), action, split=split)
