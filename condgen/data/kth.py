"""KTH human actions (Schuldt, Laptev and Caputo, 2004): six actions by 25 people in four settings, grey, 160x120.

A file such as person01_boxing_d1_uncomp.avi holds the action several times, with empty frames between; the published
00sequences.txt says where: "person01_boxing_d1 frames 1-95, 96-185, ...", counted from 1, the last one included.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from condgen.data.captioned_picture import CaptionedFile
from condgen.data.clip_cutting import Take
from condgen.data.manifest import Split
from condgen.errors import UserError

SEQUENCES = "00sequences.txt"

ACTIONS = {
    "boxing": "boxing",
    "handclapping": "clapping hands",
    "handwaving": "waving both arms",
    "jogging": "jogging",
    "running": "running",
    "walking": "walking",
}
"""In words after "is"."""

SETTINGS = {
    "d1": "outdoors",
    "d2": "outdoors at a changing distance",
    "d3": "outdoors in other clothes",
    "d4": "indoors",
}

_PEOPLE = {
    Split.TRAIN: range(11, 19),
    Split.VALIDATION: (1, 4, 19, 20, 21, 23, 24, 25),
    Split.TEST: (2, 3, 5, 6, 7, 8, 9, 10, 22),
}  # as published in 00sequences.txt
_SPLITS = {person: split for split, people in _PEOPLE.items() for person in people}
_FILE = re.compile(rf"(person(\d\d)_({'|'.join(ACTIONS)})_({'|'.join(SETTINGS)}))(?:_uncomp)?")
_LINE = re.compile(r"\s*(person\d\d_\w+_d\d)\s+frames\s+(.*)")
_RANGE = re.compile(r"(\d+)\s*-\s*(\d+)")


def read_kth(folders: Sequence[Path], sequences: Path) -> list[Take]:
    """Every time that a person does an action, in the published splits: people are in one only.

    Args:
        folders: that hold the AVI files at any depth.
        sequences: 00sequences.txt.

    Raises:
        UserError: there are no such files, `sequences` cannot be read, or lacks a file or a person.
    """
    ranges = read_sequences(sequences)
    found = [(path, _FILE.fullmatch(path.stem)) for folder in folders for path in sorted(folder.rglob("*.avi"))]
    takes: list[Take] = []
    for path, match in found:
        if match is None:
            continue
        key, person, action, setting = match.groups()
        if key not in ranges or int(person) not in _SPLITS:
            raise UserError(f"{sequences} does not say where in {path} the action is; use the published files")
        further = {"person": int(person), "setting": SETTINGS[setting]}
        for number, (first, last) in enumerate(ranges[key], start=1):
            about = CaptionedFile(
                path,
                f"{action}/{key}_{number}",
                _captions(action, setting),
                action,
                split=_SPLITS[int(person)],
                further=further,
            )
            takes.append(Take(about, first - 1, last))
    if not takes:
        raise UserError(f"{folders[0]} has no file such as person01_boxing_d1_uncomp.avi, and no archive of them")
    return takes


def read_sequences(path: Path) -> dict[str, list[tuple[int, int]]]:
    """First and last frame, from 1, of each time that an action is done, by file without `_uncomp.avi`.

    Raises:
        UserError: the file is missing, or says nothing of the kind.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as problem:
        raise UserError(f"{path} cannot be read ({problem.strerror}); it comes with the published videos") from None
    ranges: dict[str, list[tuple[int, int]]] = {}
    for number, line in enumerate(lines, start=1):
        if not (match := _LINE.fullmatch(line)):
            continue
        pairs = [(int(first), int(last)) for first, last in _RANGE.findall(match[2])]
        if not pairs or any(not 1 <= first <= last for first, last in pairs):
            raise UserError(f"{path}:{number}: {line.strip()[:60]!r} is not as published")
        ranges[match[1]] = pairs
    if not ranges:
        raise UserError(f"{path} has no line such as 'person01_boxing_d1 frames 1-95, 96-185'; use the published file")
    return ranges


def _captions(action: str, setting: str) -> tuple[str, ...]:
    doing, where = ACTIONS[action], SETTINGS[setting]
    return (f"a person is {doing}", f"a person is {doing} {where}", f"somebody is {doing} {where}")
