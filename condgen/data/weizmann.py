"""The classification database of Weizmann's actions (Gorelick et al., 2007, "Actions as Space-Time Shapes").

Ten actions by nine people before a still background, 180x144 pixels, in two forms: AVI files as published
(daria_wave1.avi, lena_run2.avi), or film strips with a table clips.csv, as the strips of MoCoGAN (Tulyakov et al.,
2018) with columns file, action, subject.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from condgen.data.captioned_picture import CaptionedFile
from condgen.data.captioned_tables import table_rows
from condgen.data.manifest import Split
from condgen.errors import UserError

TABLE = "clips.csv"
COLUMNS = ("file", "action", "subject")
SUBJECT = "subject"  # field of the rows

SENTENCES = {
    "bend": ("a person is bending down", "somebody bends down and gets up again", "a person reaches for the ground"),
    "jack": ("a person is doing jumping jacks", "somebody does jumping jacks", "a person jumps with arms and legs out"),
    "jump": ("a person is jumping forward", "somebody jumps across on two legs", "a person jumps on two legs"),
    "pjump": ("a person is jumping in place", "somebody jumps up and down", "a person jumps on the spot"),
    "run": ("a person is running", "somebody runs past", "a runner crosses the picture"),
    "side": ("a person is galloping sideways", "somebody steps sideways", "a person gallops sideways"),
    "skip": ("a person is skipping", "somebody skips along", "a person skips past"),
    "walk": ("a person is walking", "somebody walks past", "a person goes by on foot"),
    "wave1": ("a person is waving one hand", "somebody waves with one arm", "a person waves one arm"),
    "wave2": ("a person is waving both hands", "somebody waves with two arms", "a person waves both arms"),
}
"""Of each action; nobody has written captions of this set."""

_FILE = re.compile(rf"([a-z]+)_({'|'.join(SENTENCES)})[12]?")  # who twice ran, skipped and walked has numbers


def read_weizmann(folders: Sequence[Path], *, validation: int = 1, test: int = 1) -> list[CaptionedFile]:
    """All clips, each with a split: that of its subject. The last subjects are of the test, those before validation.

    Args:
        folders: that hold AVI files at any depth, or a table clips.csv.
        validation, test: how many subjects; nobody is in two splits.

    Raises:
        UserError: there are no clips, a table is not as said above, or no subject is left for training.
    """
    clips = [clip for folder in folders for clip in _clips(folder)]
    if not clips:
        example = f"AVI files such as daria_wave1.avi, zip archives of them, or film strips with {TABLE}"
        raise UserError(f"{folders[0]} has no clips; it needs {example}")
    subjects = sorted({clip.further[SUBJECT] for clip in clips}, key=_in_order)
    training = len(subjects) - validation - test
    if training < 1:
        raise UserError(f"{len(subjects)} subjects are too few for {validation} of validation and {test} of test")
    splits = [Split.TRAIN] * training + [Split.VALIDATION] * validation + [Split.TEST] * test
    of_subject = dict(zip(subjects, splits, strict=True))
    return [replace(clip, split=of_subject[clip.further[SUBJECT]]) for clip in clips]


def _in_order(subject: str) -> tuple[int, str]:
    """By number, or by name."""
    return int(subject) if subject.isdecimal() else 0, subject


def _clips(folder: Path) -> Iterator[CaptionedFile]:
    if (folder / TABLE).is_file():
        yield from _of_table(folder / TABLE)
        return
    for path in sorted(folder.rglob("*.avi")):
        if found := _FILE.fullmatch(path.stem.lower()):
            yield _clip(path, found[2], found[1])


def _of_table(table: Path) -> Iterator[CaptionedFile]:
    rows, findings = table_rows(table)
    for finding in findings:
        raise UserError(f"{table}:{finding.line}: {finding.problem}; {finding.fix}")
    for line, row in rows:
        if missing := [name for name in COLUMNS if name not in row]:
            raise UserError(f"{table}:{line}: no {missing[0]}; a row needs {', '.join(COLUMNS)}")
        if row["action"] not in SENTENCES:
            raise UserError(f"{table}:{line}: unknown action {row['action']!r}; it is one of {', '.join(SENTENCES)}")
        yield _clip(table.parent / row["file"], row["action"], row["subject"])


def _clip(path: Path, action: str, subject: str) -> CaptionedFile:
    return CaptionedFile(path, f"{action}/{path.stem}", SENTENCES[action], action, further={SUBJECT: subject})
