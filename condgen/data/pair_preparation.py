"""From pairs, or two sets without partners, to a folder with a manifest."""

from __future__ import annotations

import functools
import hashlib
import io
import os
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic

import numpy as np

from condgen.data.files import writing
from condgen.data.findings import Item
from condgen.data.image import read_rgb
from condgen.data.manifest import Split, write
from condgen.data.media import Media, look_at
from condgen.data.pairs import Direction, Domain, Member, Pair, Sides
from condgen.data.preparation import MANIFEST, PNG_COMPRESSION, Prepared, unique_name, with_progress
from condgen.errors import UserError

Row = dict[str, Any]
_BY_DISTANCE = (Split.TEST, Split.VALIDATION, Split.TRAIN)  # what is nearer to training gives way


@dataclass(frozen=True)
class ItemKind(Generic[Item]):
    """What is to be done with one kind of item."""

    what: str
    contents: Callable[[Item], list[str]]  # hashes that must not be in two splits; raises UserError for bad files
    folder: Callable[[Item], str]  # in which names must be unique
    row: Callable[[Item, str], Row]  # writes the item's files under a name
    paths: Callable[[Item], tuple[Path, ...]]


def prepare_pairs(
    pairs: Sequence[Pair], output: Path, *, fields: Sides, fraction: float = 0.1, seed: int = 0
) -> Prepared:
    """Copy pairs below `output` byte for byte, joined pictures cut into two PNG files, and write the manifest last.

    The splits are those of `split_items`. Left out are pairs with a file that cannot be decoded, and pairs of which a
    file holds the same as one of a split that is farther from training: results would flatter.

    Args:
        pairs: from `find_pairs`.
        output: the folder to make.
        fields: how the manifest calls the sides.
        fraction: part of the pairs kept for validation where the pairs have no such split.
        seed: of the choice.

    Raises:
        UserError: there are too few pairs, training or a split has none left, a source lies where the result goes, or
            `output` cannot be written.
    """
    kind = ItemKind(
        "pairs",
        contents=functools.partial(_pair_contents, fields),
        folder=lambda pair: str(pair.split),
        row=functools.partial(_pair_row, output, fields),
        paths=lambda pair: (pair.first, pair.second),
    )
    return prepare_items([pairs], output, kind, fraction, seed)


def prepare_sets(members: Sequence[Member], output: Path, *, fraction: float = 0.1, seed: int = 0) -> Prepared:
    """Copy the files of two sets below `output` byte for byte, and write the manifest last.

    As `prepare_pairs`; each domain is split for itself.

    Raises:
        UserError: as `prepare_pairs`.
    """
    kind = ItemKind(
        "pictures",
        contents=lambda member: [contents_of(member.path, Media.IMAGE)],
        folder=lambda member: f"{member.split}/{member.domain}",
        row=functools.partial(_member_row, output),
        paths=lambda member: (member.path,),
    )
    by_domain = [[member for member in members if member.domain == domain] for domain in Domain]
    return prepare_items(by_domain, output, kind, fraction, seed)


def split_items(items: Sequence[Item], fraction: float, seed: int) -> list[Item]:
    """The same items in the same order, each with a split.

    Where some are of validation, the splits stay. Else those of test become validation; and where there are none
    either, a seeded random part of all does, at least one unless the fraction is 0.

    Raises:
        UserError: the fraction is out of range, or the random part would leave nothing to train on.
    """
    if not 0 <= fraction < 1:
        raise UserError(f"the validation fraction must lie in [0, 1), got {fraction}")
    splits = [item.split or Split.TRAIN for item in items]
    if Split.VALIDATION not in splits:
        splits = [Split.VALIDATION if split == Split.TEST else split for split in splits]
    if items and Split.VALIDATION not in splits and fraction:
        count = max(1, round(fraction * len(items)))
        if count >= len(items):
            raise UserError(f"{len(items)} are too few to keep {count} of them for validation; give more, or a split")
        for index in random.Random(seed).sample(range(len(items)), count):
            splits[index] = Split.VALIDATION
    return [replace(item, split=split) for item, split in zip(items, splits, strict=True)]


def prepare_items(
    groups: Sequence[Sequence[Item]], output: Path, kind: ItemKind[Item], fraction: float, seed: int
) -> Prepared:
    """Each group is split for itself."""
    _refuse_own_files(groups, output, kind)
    left_out: list[str] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        known: list[tuple[Item, list[str]]] = []
        for group in groups:
            good = _decoded(group, kind, pool, left_out)
            items = split_items([item for item, _ in good], fraction, seed)
            if not any(item.split == Split.TRAIN for item in items):
                raise UserError(f"no {kind.what} for training{_reason(left_out)}")
            known += [(item, contents) for item, (_, contents) in zip(items, good, strict=True)]
        kept = _without_leaks(known, kind, left_out)
        filled = {kind.folder(item) for item in kept}
        for folder in (kind.folder(item) for item, _ in known):
            if folder not in filled:
                raise UserError(f"no {kind.what} are left for {folder}{_reason(left_out)}")
        rows = _written(kept, output, kind, pool)
    counts = {split: sum(row["split"] == split for row in rows) for split in Split}
    counts = {split: count for split, count in counts.items() if count}
    return Prepared(output / MANIFEST, counts, tuple(left_out), what=kind.what, sources=kind.what)


def _reason(left_out: Sequence[str]) -> str:
    return f": {left_out[0]}; mend it" if left_out else "; call the split of some of them train"


def _refuse_own_files(groups: Sequence[Sequence[Item]], output: Path, kind: ItemKind[Item]) -> None:
    """Nobody's only copy is written over."""
    own = {(output / split).resolve() for split in Split}
    for path in (path for group in groups for item in group for path in kind.paths(item)):
        if not own.isdisjoint(path.resolve().parents):
            raise UserError(f"{path} lies where {output} would be written; choose another output folder")


def _decoded(
    items: Sequence[Item], kind: ItemKind[Item], pool: ThreadPoolExecutor, left_out: list[str]
) -> list[tuple[Item, list[str]]]:
    """The items that can be decoded, with hashes of what they hold; `left_out` grows by a line on each other."""

    def look(item: Item) -> list[str] | str:
        try:
            return kind.contents(item)
        except UserError as problem:
            return str(problem)

    looks = with_progress(pool.map(look, items), "reading files", len(items))
    good = []
    for item, contents in zip(items, looks, strict=True):
        if isinstance(contents, str):
            left_out.append(contents)
        else:
            good.append((item, contents))
    return good


def _without_leaks(known: Sequence[tuple[Item, list[str]]], kind: ItemKind[Item], left_out: list[str]) -> list[Item]:
    """The items of which nothing is also in a split farther from training, in the order of the splits."""
    first: dict[str, Item] = {}
    kept: dict[Split, list[Item]] = {split: [] for split in Split}
    for split in _BY_DISTANCE:
        for item, contents in ((item, contents) for item, contents in known if item.split == split):
            others = [first[one] for one in contents if one in first and first[one].split != split]
            if others:
                other, *_ = kind.paths(others[0])
                left_out.append(f"{kind.paths(item)[0]}: holds the same as {other} of {others[0].split}")
                continue
            kept[split].append(item)
            for one in contents:
                first.setdefault(one, item)
    return [item for split in Split for item in kept[split]]


def _written(items: Sequence[Item], output: Path, kind: ItemKind[Item], pool: ThreadPoolExecutor) -> list[Row]:
    taken: set[str] = set()
    names = [
        unique_name(f"{kind.folder(item)}/{item.name}", taken).removeprefix(f"{kind.folder(item)}/") for item in items
    ]
    with writing(output):
        (output / MANIFEST).unlink(missing_ok=True)  # of an earlier run, whose files are about to be replaced
        rows = pool.map(lambda one: kind.row(*one), zip(items, names, strict=True))
        rows = list(with_progress(rows, "writing files", len(items)))
    write(output / MANIFEST, rows)
    return rows


def contents_of(path: Path, media: Media) -> str:
    look = look_at(path, media)
    if not look.size:
        raise UserError(f"{path}: {look.problems[0].text}")
    return look.contents


def _pair_contents(fields: Sides, pair: Pair) -> list[str]:
    """A file may well be input here and target there: only the same side counts."""
    if pair.joined is None:
        hashes = [contents_of(path, fields.media) for path in (pair.first, pair.second)]
    else:
        hashes = [hashlib.sha256(f"{half.shape} ".encode() + half.tobytes()).hexdigest() for half in _halves(pair)]
    return [f"{field} {one}" for field, one in zip((fields.first, fields.second), hashes, strict=True)]


def _halves(pair: Pair) -> list[np.ndarray]:
    """uint8 (H, W, 3), the first side first."""
    pixels = read_rgb(pair.first)
    width = pixels.shape[1] // 2
    halves = [np.ascontiguousarray(pixels[:, start : start + width]) for start in (0, width)]
    return halves if pair.joined is Direction.LEFT_TO_RIGHT else halves[::-1]


def _pair_row(output: Path, fields: Sides, pair: Pair, name: str) -> Row:
    """Write a pair; both files have one name, but for the ending."""
    if pair.joined is None:
        files = [(path.suffix.lower(), path.read_bytes()) for path in (pair.first, pair.second)]
    else:
        files = [(".png", _png(half)) for half in _halves(pair)]
    row: Row = {"split": str(pair.split)}
    checksums: Row = {}
    for field, (suffix, content) in zip((fields.first, fields.second), files, strict=True):
        row[field] = f"{pair.split}/{field}/{name}{suffix}"
        checksums[f"{field}_sha256"] = put(output / row[field], content)
    return row | checksums


def _member_row(output: Path, member: Member, name: str) -> Row:
    path = f"{member.split}/{member.domain}/{name}{member.path.suffix.lower()}"
    sha256 = put(output / path, member.path.read_bytes())
    return {"split": str(member.split), "domain": str(member.domain), "image": path, "sha256": sha256}


def _png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG", compress_level=PNG_COMPRESSION)
    return content.getvalue()


def put(path: Path, content: bytes) -> str:
    """Write a file; its checksum."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()
