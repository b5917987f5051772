"""Lists of videos by their number on the net and their class, such as those of Kinetics, with somebody's own copies.

A list is a text with a line `class/number` a video, as that of the ten classes of Li et al. (2018, "Video Generation
from Text", with Balaji et al., 2019); or a table (.csv, .tsv, .jsonl) with columns youtube_id (video_id, id), label
(class), and perhaps caption (captions, text, title). A copy is called NUMBER.mp4 or NUMBER_000010_000020.mp4: of that
second to that one, and there may be several.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from condgen.data.action_sentences import sentences_about
from condgen.data.captioned_picture import CaptionedFile, clean_captions, read_captions
from condgen.data.captioned_tables import SUFFIXES, table_rows
from condgen.data.clip_cutting import Take
from condgen.data.manifest import Split
from condgen.data.media import SUFFIXES as OF_MEDIA
from condgen.data.media import Media
from condgen.errors import UserError

NUMBERS = ("youtube_id", "video_id", "id", "video")
CLASSES = ("label", "class", "class_name", "category")
CAPTIONS = ("captions", "caption", "text", "title", "description")  # all that there are
SHARES = {Split.TRAIN: 0.7, Split.VALIDATION: 0.1, Split.TEST: 0.2}  # Li et al.

_SECONDS = re.compile(r"(.+?)_\d+(?:\.\d+)?_\d+(?:\.\d+)?")
_UNSAFE = re.compile(r"[^\w-]+")  # in names of files
_FILMS = OF_MEDIA[Media.VIDEO] - OF_MEDIA[Media.IMAGE] | {".gif"}


@dataclass(frozen=True)
class Listed:
    """A video of a list."""

    number: str
    category: str
    captions: tuple[str, ...] = ()


def read_list(path: Path, classes: Sequence[str] = ()) -> list[Listed]:
    """The videos of a list, each once: who has two classes has the first.

    Args:
        classes: to which they belong; empty: all.

    Raises:
        UserError: the list cannot be read, is of another kind, or lacks a class.
    """
    listed = _of_table(path) if path.suffix.lower() in SUFFIXES else _of_text(path)
    present = sorted({one.category for one in listed})
    if unknown := [name for name in classes if name not in present]:
        raise UserError(f"{path} has no class {unknown[0]!r}; it has {', '.join(present[:20])}")
    first: dict[str, Listed] = {}
    for one in listed:
        if not classes or one.category in classes:
            first.setdefault(one.number, one)
    return list(first.values())


def find_takes(listed: Sequence[Listed], videos: Path, *, seed: int = 0) -> list[Take]:
    """The copies of listed videos below a folder, whole, each with a split: that of its number, whoever has the copies.

    Captions are those of the list and of a text file beside the copy (NUMBER.txt, one a line); where there are none,
    sentences made of the class.

    Args:
        seed: of the choice of splits, 7 to 1 to 2; a video with several copies is in one.

    Raises:
        UserError: there is no such folder, or it has none of the videos.
    """
    if not videos.is_dir():
        raise UserError(f"there is no folder {videos}")
    known = {one.number: one for one in listed}
    takes = []
    for path in sorted(path for path in videos.rglob("*") if path.suffix.lower() in _FILMS):
        if (number := _number(path, known)) is not None:
            takes.append(Take(_about(path, known[number], split_of(number, seed))))
    if not takes:
        raise UserError(f"{videos} has none of {len(known)} listed videos; call them {next(iter(known), 'ID')}.mp4")
    return takes


def split_of(number: str, seed: int = 0) -> Split:
    """By chance, but always the same of a number and a seed."""
    digest = hashlib.sha256(f"{seed} {number}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    for split, share in SHARES.items():
        if place < share:
            return split
        place -= share
    return Split.TEST


def _number(path: Path, known: Mapping[str, Listed]) -> str | None:
    part = _SECONDS.fullmatch(path.stem)
    return next((name for name in (path.stem, part[1] if part else "") if name in known), None)


def _about(path: Path, listed: Listed, split: Split) -> CaptionedFile:
    texts = [path.with_suffix(".txt"), path.with_name(f"{listed.number}.txt")]
    beside = next((read_captions(text) for text in texts if text.is_file()), ())
    captions = clean_captions([*listed.captions, *beside]) or sentences_about(listed.category)
    name = "/".join(_UNSAFE.sub("_", part) for part in (listed.category, path.stem))
    return CaptionedFile(path, name, captions, listed.category, split=split, further={"video": listed.number})


def _of_text(path: Path) -> list[Listed]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise UserError(f"{path} cannot be read as a list: {problem}") from None
    listed = []
    for number, line in enumerate(lines, start=1):
        category, slash, video = line.strip().rpartition("/")
        if line.strip() and not (slash and category and video):
            raise UserError(f"{path}:{number}: {line[:60]!r} is not class/number")
        if video:
            listed.append(Listed(video, category))
    return listed


def _of_table(path: Path) -> list[Listed]:
    rows, findings = table_rows(path)
    for finding in findings:
        raise UserError(f"{path}:{finding.line}: {finding.problem}; {finding.fix}")
    listed = []
    for line, row in rows:
        number, category = (next((row[name] for name in names if row.get(name)), "") for names in (NUMBERS, CLASSES))
        if not number or not category:
            raise UserError(f"{path}:{line}: no {'class' if number else 'number'}; see the help text for the columns")
        texts = [text for name in CAPTIONS for text in _texts(row.get(name))]
        listed.append(Listed(str(number), str(category), clean_captions(texts)))
    return listed


def _texts(value: object) -> list[str]:
    return [str(text) for text in (value if isinstance(value, list) else [value] if value else [])]
