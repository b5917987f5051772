"""What the names of folders say about the files in them: which side of a pair, which split; and what is odd there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from condgen.data.findings import WHOLE_FILE, Finding
from condgen.data.manifest import Split
from condgen.data.media import SUFFIXES, Media
from condgen.errors import UserError

FIRST = ("input", "source", "a", "low", "lr", "noisy")
SECOND = ("target", "b", "high", "hr", "clean")
"""Usual names of the folder of one side, in lower case."""

SPLITS = {
    **dict.fromkeys(("train", "training"), Split.TRAIN),
    **dict.fromkeys(("val", "valid", "validation"), Split.VALIDATION),
    **dict.fromkeys(("test", "testing"), Split.TEST),
}
"""By their usual names, in lower case."""

_SIDES = {name: side for side, names in enumerate((FIRST, SECOND)) for name in names}
_SPLIT_AND_SIDE = re.compile(rf"({'|'.join(SPLITS)})[-_]?({'|'.join(_SIDES)})")  # trainA
_HIDDEN = (".", "__MACOSX")  # the latter comes with archives packed on a Mac


@dataclass(frozen=True)
class Placed:
    """A file, and what the folders above it say."""

    path: Path
    folder: str  # below the root, as far as the names say something: train/input
    name: str  # the rest, without ending
    side: int | None  # 0: first, 1: second
    side_name: str
    split: Split | None


def error(file: Path | str, problem: str, fix: str) -> Finding:
    """About a file or folder that is no line of a table."""
    return Finding(WHOLE_FILE, str(file), problem, fix)


def no_files(folder: Path, media: Media) -> Finding:
    return error(folder, f"no {media} files in it", f"put some there ({' '.join(sorted(SUFFIXES[media]))})")


def unwrapped(source: Path) -> Path:
    """The folder itself, or the only one in it, as archives wrap what they hold.

    Raises:
        UserError: it is no folder, or cannot be read.
    """
    if not source.is_dir():
        raise UserError(f"there is no folder or table {source}")
    try:
        inside = [path for path in source.iterdir() if not path.name.startswith(_HIDDEN)]
    except OSError as problem:
        raise UserError(f"{source} cannot be read: {problem.strerror}; check its permissions") from None
    wraps = len(inside) == 1 and inside[0].is_dir() and not place(inside[0] / "file", source).folder
    return unwrapped(inside[0]) if wraps else source


def find_files(root: Path, media: Media) -> list[Placed]:
    """All files of a kind below a folder, sorted, hidden ones passed over.

    Raises:
        UserError: there is no such folder.
    """
    if not root.is_dir():
        raise UserError(f"there is no folder {root}")
    paths = (path for path in sorted(root.rglob("*")) if path.suffix.lower() in SUFFIXES[media] and path.is_file())
    return [
        place(path, root)
        for path in paths
        if not any(part.startswith(_HIDDEN) for part in path.relative_to(root).parts)
    ]


def place(path: Path, root: Path) -> Placed:
    """What the folders between the root and a file say: train/input, input/train and trainA alike."""
    *folders, _ = path.relative_to(root).parts
    side, side_name, split = None, "", None
    rest = list(folders)
    while rest:
        word = rest[0].lower()
        both = _SPLIT_AND_SIDE.fullmatch(word)
        if both and side is None and split is None:
            split, side, side_name = SPLITS[both[1]], _SIDES[both[2]], both[2]
        elif split is None and word in SPLITS:
            split = SPLITS[word]
        elif side is None and word in _SIDES:
            side, side_name = _SIDES[word], word
        else:
            break
        rest.pop(0)
    known = folders[: len(folders) - len(rest)]
    return Placed(path, "/".join(known), "/".join([*rest, path.stem]), side, side_name, split)


def side_folders(root: Path) -> list[Placed]:
    """The folders that are named like a side, with files or without: one or two levels down."""
    folders = (path for pattern in ("*", "*/*") for path in sorted(root.glob(pattern)) if path.is_dir())
    placed = (place(folder / "file", root) for folder in folders)
    return [one for one in placed if one.side is not None and one.name == "file"]


def bad_sides(root: Path, files: Iterable[Placed], media: Media) -> Iterator[Finding]:
    """A side that has no folder, no files, or folders of several names."""
    folders = side_folders(root)
    occupied = {file.side for file in files}
    for side, usual in enumerate((FIRST, SECOND)):
        names = {folder.side_name: folder.folder for folder in reversed(folders) if folder.side == side}
        if len(names) > 1:
            fix = "keep one pair of folders there, or point at one of the layouts"
            yield error(
                root, f"several layouts at once: {' and '.join(sorted(names.values()))} are names of one side", fix
            )
        elif not names:
            other = folders[0].folder
            fix = f"put it beside {other} and call it {', '.join(usual[:-1])} or {usual[-1]}"
            yield error(root, f"a folder {other}, but none for the other side", fix)
        elif side not in occupied:
            yield no_files(root / next(iter(names.values())), media)


def strays(files: Iterable[Placed], *, is_error: bool) -> Iterator[Finding]:
    """Files that lie on no side, counted by folder. What looks like a split of another name is an error in any case."""
    outside = [file for file in files if file.side is None]
    for folder, count in Counter(file.path.parent for file in outside).items():
        first, *rest = next(file.name for file in outside if file.path.parent == folder).split("/")
        if len(rest) > 1 and rest[0].lower() in _SIDES:
            yield error(folder, f"{first} is no split that is known here", "call it train, val or test")
        else:
            fix = "move them into the folder of a side, or out of the source"
            yield Finding(
                WHOLE_FILE, str(folder), f"{count} file{'s' * (count > 1)} on neither side, not used", fix, is_error
            )
