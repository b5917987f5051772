"""Which fields of a manifest name files, and which two of them hold the same, for a check without a task."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from condgen.data.check_pairs import FieldPair
from condgen.data.check_sets import DOMAIN
from condgen.data.manifest import Manifest
from condgen.data.media import SUFFIXES, Media, look_at
from condgen.errors import UserError

USUAL_PAIRS = (  # as the scripts of data_prep/ and the tasks call them
    FieldPair("noisy", "clean"),
    FieldPair("low", "high"),
    FieldPair("input", "target", same_content=False),
    FieldPair("image", "partner", same_content=False),
)
USUAL_DOMAINS = ("a", "b")
HIDDEN = ("partner",)  # fields that not every row has: the true translation of some pictures of an unpaired set
CLIP = "clip"  # the field whose pictures are clips: film strips and moving GIFs
SAMPLED = 5  # rows whose pictures tell the scale of a pair


def guess_fields(manifest: Manifest, wanted: Iterable[str] = ()) -> dict[str, Media]:
    """The fields whose texts end like names of files, for a check without a task; those of which no file exists only if
    there are no others (the name of an original, say), or if they are wanted.

    Raises:
        UserError: there are none, or a wanted field names no file.
    """
    named = list(_named_files(manifest))
    every = {name: kind for name, kind, _ in named}
    there = {name: kind for name, kind, file in named if os.path.exists(file)}
    if not every:
        raise UserError(
            f"{manifest.path}: no row names a file; a row looks like {{'split': 'train', 'image': 'a.png'}}"
        )
    for name in wanted:
        if name not in every:
            raise UserError(f"{manifest.path}: no row has a file in {name!r}; files are in {', '.join(every)}")
    return (there or every) | {name: every[name] for name in wanted}


def usual_pairs(manifest: Manifest) -> list[FieldPair]:
    """Pairs by the usual names of their fields; the scale of pictures is that of most of the first rows.

    Recordings are of equal length and aligned, so those of names that stand for different contents are left out.
    """
    kinds = {name: kind for name, kind, _ in _named_files(manifest)}
    pairs = []
    for pair in USUAL_PAIRS:
        kind = kinds.get(pair.small)
        if kind in (None, Media.VIDEO) or kind != kinds.get(pair.large):  # clips are not compared
            continue
        if pair.same_content:
            pairs.append(pair if kind == Media.AUDIO else replace(pair, scale=_scale(manifest, pair)))
        elif kind == Media.IMAGE:
            pairs.append(pair)
    return pairs


def usual_domains(manifest: Manifest) -> tuple[str, ...]:
    """`a` and `b`, if some rows have one of them as their `domain`: two sets without pairs; else none."""
    return USUAL_DOMAINS if any(row.fields.get(DOMAIN) in USUAL_DOMAINS for row in manifest.all_rows) else ()


def refuse_no_pairs(pairs: Iterable[FieldPair], fields: Mapping[str, Media]) -> None:
    """Refuse what can be no pair.

    Raises:
        UserError: two kinds of file, one field twice, or a scale that does not fit.
    """
    for pair in pairs:
        kinds = fields[pair.small], fields[pair.large]
        if pair.small == pair.large:
            raise UserError(f"{pair} is one field, a pair has two, such as noisy:clean")
        if kinds[0] != kinds[1]:
            raise UserError(f"{pair} is no pair: {pair.small} is {kinds[0]} and {pair.large} is {kinds[1]}")
        if kinds[0] == Media.VIDEO:
            raise UserError(f"{pair}: clips are not compared; leave the pair out")
        if kinds[0] == Media.AUDIO and pair.scale != 1:
            raise UserError(f"{pair}: recordings of a pair are equally long; write {pair.small}:{pair.large}")
        if pair.scale < 1:
            raise UserError(f"{pair}: the scale must be 1 or more")


def _named_files(manifest: Manifest) -> Iterator[tuple[str, Media, Path]]:
    """Field, kind and path of every text that ends like the name of a file."""
    for row in manifest.all_rows:
        for name, value in row.fields.items():
            if not isinstance(value, str) or "\0" in value:
                continue
            if kind := _kind(name, Path(value).suffix.lower()):
                yield name, kind, manifest.path.parent / value


def _kind(name: str, suffix: str) -> Media | None:
    """Of a file whose name ends so, in a field of this name."""
    kind = next((kind for kind, suffixes in SUFFIXES.items() if suffix in suffixes), None)
    return Media.VIDEO if kind == Media.IMAGE and name == CLIP else kind


def _scale(manifest: Manifest, pair: FieldPair) -> int:
    """Also where the two are swapped: then the check says so."""
    counts: Counter[int] = Counter()
    fields = (pair.small, pair.large)
    for row in [row for row in manifest.all_rows if {*fields} <= row.fields.keys()][:SAMPLED]:
        with contextlib.suppress(UserError):  # a path that leads elsewhere is a finding of the check
            low, high = (look_at(row.path(name), Media.IMAGE).size for name in fields)
            if low and high:
                counts[round(max(high[0] / low[0], low[0] / high[0]))] += 1
    return counts.most_common(1)[0][0] if counts else 1
