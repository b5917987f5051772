"""What a data check says about captioned pictures and clips: sentences, classes, boxes, keypoints."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from condgen.data.captioned_picture import Keypoints
from condgen.data.findings import WHOLE_FILE, File, Finding
from condgen.data.locations import box_of, keypoint_names, keypoints_of
from condgen.data.manifest import Manifest, Row, Split
from condgen.data.media import Problem
from condgen.errors import UserError

if TYPE_CHECKING:
    from condgen.data.check import Demands

ROUNDED = 0.5  # pixels that a box may lie over the edge without a word
SHOWN = 60  # characters of a sentence that a message quotes
_FOREIGN = re.compile(r"[^\x00-\x7f]{2,}")


def has_captions(manifest: Manifest) -> bool:
    """Whether some rows have any: then they are looked at also without a task."""
    return any("captions" in row.fields for row in manifest.all_rows)


def row_findings(manifest: Manifest, demands: Demands) -> Iterator[Finding]:
    """What can be said of each row before its file is opened, and of the keypoints' names."""
    names = keypoint_names(manifest)
    yield from _schema_findings(manifest, names, demands.keypoints)
    for row in manifest.all_rows:
        yield from _caption_findings(row, demands)
        if demands.box or "box" in row.fields:
            yield from _unless(box_of, row, "box")
        if "keypoints" in row.fields or (names and demands.keypoints):
            bad = list(_unless(keypoints_of, row, "keypoints"))
            yield from bad or _name_findings(row, names)


def place_findings(file: File) -> Iterator[Finding]:
    """Of a row whose box and keypoints are well formed: how they lie in its picture."""
    size, fields = file.look.size, file.row.fields
    if size and "box" in fields:
        yield from map(file.finding, box_problems(box_of(file.row), size, file.by))
    if size and "keypoints" in fields:
        yield from map(file.finding, keypoint_problems(keypoints_of(file.row), size, file.by))


def class_findings(rows: Iterable[Row]) -> Iterator[Finding]:
    """Classes that say nothing of their own; of rows whose captions are well formed."""
    from condgen.data.captions import class_of

    sentences, speakers, first = defaultdict(set), defaultdict(set), {}
    for row in rows:
        if (name := class_of(row)) and "captions" in row.fields:
            first.setdefault(name, row)
            sentences[name].update(row["captions"])
            for sentence in row["captions"]:
                speakers[sentence].add(name)
    for name, own in sentences.items():
        others = set.intersection(*(speakers[sentence] for sentence in own)) - {name}
        if others:
            text = f"all captions of class {name!r} are also captions of class {min(others)!r}"
            fix = "a wrong sentence of the one would fit the other: say what tells them apart, or make them one class"
            yield _finding(first[name], text, fix, is_error=False)


def without_wrong_sentence(rows: Sequence[Row]) -> Iterator[Finding]:
    """One finding a split in which some row has none that says something else."""
    from condgen.data.captions import Captions, sentences_of

    readable = [row for row in rows if not any(_unless(sentences_of, row, "captions"))]
    for split in Split:
        captions = Captions([row for row in readable if row.fields.get("split") == split])
        if len(captions) == 1 and split != Split.TRAIN:  # left out of a handful: measured, never told apart
            continue
        random = np.random.default_rng(0)
        try:
            for row in range(len(captions)):
                captions.wrong_row(row, random)
        except UserError as problem:
            where = captions.rows[row]
            text, _, fix = str(problem).removeprefix(f"{where.where}: ").partition("; ")
            yield Finding(WHOLE_FILE, where.manifest.name, f"line {where.line}: {text}", fix)


def _caption_findings(row: Row, demands: Demands) -> Iterator[Finding]:
    from condgen.data.captions import sentences_of

    if bad := list(_unless(sentences_of, row, "captions")):
        if demands.captions or "captions" in row.fields:
            yield from bad
        else:
            yield _finding(row, "no captions, other rows have some", "needed to learn from sentences", is_error=False)
        return
    captions = row["captions"]
    for find in (_control_character, _wrong_encoding):
        found = (problem for number, text in enumerate(captions, 1) if (problem := find(text, number)))
        if problem := next(found, None):
            yield _finding(row, problem.text, problem.fix, is_error=problem.is_error)
    sentence, count = Counter(captions).most_common(1)[0]
    if count > 1:
        yield _finding(row, f"caption {_quoted(sentence)} {count} times", "harmless, but it counts so", is_error=False)


def _control_character(caption: str, number: int) -> Problem | None:
    character = next((one for one in caption if unicodedata.category(one) == "Cc"), None)
    return character and Problem(f"caption {number} has the control character {character!r}", "take it out")


def _wrong_encoding(caption: str, number: int) -> Problem | None:
    """A note, as by a rare chance it could be meant."""
    if "\N{REPLACEMENT CHARACTER}" in caption:
        text = f"caption {number} has characters that were lost: {_quoted(caption)}"
        return Problem(text, "restore them, or take the caption out", is_error=False)
    for run in _FOREIGN.findall(caption):
        for encoding in ("cp1252", "latin-1"):
            try:
                meant = run.encode(encoding).decode("utf-8")
            except UnicodeError:
                continue
            text = f"caption {number} has {run!r}, which reads like {meant!r} in a wrong encoding"
            return Problem(text, "read the captions anew, as UTF-8", is_error=False)
    return None


def _schema_findings(manifest: Manifest, names: Sequence[str], demanded: Sequence[str]) -> Iterator[Finding]:
    """Of the whole file, where every row would say the same."""
    if demanded and not names:
        fix = 'give every row "keypoints": {"name": [x, y] or null, ...}'
        yield Finding(WHOLE_FILE, manifest.path.name, "no row has keypoints", fix)
    elif missing := [name for name in demanded if name not in names]:
        text = f"no keypoint {', '.join(map(repr, missing))}; the rows have {', '.join(map(repr, names))}"
        fix = "name the model's keypoints as those of the rows, or the rows' as the model's"
        yield Finding(WHOLE_FILE, manifest.path.name, text, fix)


def _name_findings(row: Row, names: Sequence[str]) -> Iterator[Finding]:
    """Of a row with keypoints, against the manifest's first."""
    stated = tuple(row["keypoints"])
    unknown = [name for name in stated if name not in names]
    missing = [name for name in names if name not in stated]
    if unknown or missing:
        parts = (("unknown", unknown), ("no", missing))
        text = ", ".join(f"{what} keypoint {', '.join(map(repr, those))}" for what, those in parts if those)
        yield _finding(row, text, f"every row has the same: {', '.join(names)}; null where one cannot be seen")
    elif stated != tuple(names):
        fix = f"harmless; the first row's order is {', '.join(names)}"
        yield _finding(row, "keypoints in another order", fix, is_error=False)


def box_problems(box: Sequence[float], size: Sequence[int], by: str) -> Iterator[Problem]:
    """How a box lies in a picture of `size`, width and height, `by` in words."""
    left, top, width, height = box
    outside = (-left, -top, left + width - size[0], top + height - size[1])  # on each side
    if left >= size[0] or top >= size[1] or left + width <= 0 or top + height <= 0:
        yield Problem(f"box {list(box)} lies outside of the picture, {by}", "it is [x, y, width, height] in pixels")
    elif max(outside) > ROUNDED:
        text = f"box {list(box)} reaches {max(outside):.4g} pixels out of the picture, {by}"
        yield Problem(text, "it is cut at the edge; if that is not meant, mend it", is_error=False)


def keypoint_problems(keypoints: Keypoints, size: Sequence[int], by: str) -> Iterator[Problem]:
    """How keypoints lie in a picture of `size`, width and height, `by` in words."""
    seen = {name: place for name, place in keypoints.items() if place is not None}
    out = [name for name, (x, y) in seen.items() if not (0 <= x <= size[0] and 0 <= y <= size[1])]
    if out and len(out) == len(seen):
        text = f"all keypoints lie outside of the picture, {by}: {out[0]!r} at {list(seen[out[0]])}"
        yield Problem(text, "they are [x, y] in pixels of this file")
    elif out:
        places = ", ".join(f"{name!r} at {list(seen[name])}" for name in out)
        text = f"outside of the picture, {by}: keypoint {places}"
        yield Problem(text, "counts as not visible; write null if so, or mend it", is_error=False)
    elif not seen:
        yield Problem("no keypoint can be seen", "nothing is learned about them here", is_error=False)


def _unless(read, row: Row, field: str) -> Iterator[Finding]:
    """What keeps a field from being read."""
    try:
        read(row)
    except UserError as problem:
        text, _, fix = str(problem).removeprefix(f"{row.where}: ").partition("; ")
        if field not in row.fields:
            text, fix = f"no {field!r}", f"give the row {field!r}, or take it out"
        yield _finding(row, text, fix)


def _finding(row: Row, text: str, fix: str, *, is_error: bool = True) -> Finding:
    file = row.fields.get("image", row.fields.get("clip", ""))
    return Finding(row.line, str(file), text, fix, is_error)


def _quoted(sentence: str) -> str:
    return repr(sentence if len(sentence) <= SHOWN else f"{sentence[:SHOWN]}...")
