"""Find the rows that would stop or spoil a training before it starts."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from condgen.data import manifest as manifests
from condgen.data.manifest import Manifest, Row, Split
from condgen.data.media import SUFFIXES, Look, Media, Problem, look_at
from condgen.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

WHOLE_FILE = 0  # line of a finding about no row in particular
SHOWN = 100  # rows of the table
FILE_WIDTH = 160  # columns of a table that goes into a file


@dataclass(frozen=True)
class Pair:
    """Two fields that show the same thing: `large` has `scale` times the width and height of `small`."""

    small: str
    large: str
    scale: int = 1


@dataclass(frozen=True, kw_only=True)
class Demands:
    """What a task asks of its files."""

    fields: Mapping[str, Media]  # which fields name files, and of what kind
    minimum_sizes: Mapping[Split, int] = field(default_factory=dict)  # pixels a side (of the large one, in a pair)
    pairs: Sequence[Pair] = ()
    splits: Sequence[Split] = ()  # that must have rows


@dataclass(frozen=True)
class Finding:
    """One problem of one row."""

    line: int  # of the manifest, from 1; WHOLE_FILE: no row in particular
    file: str
    problem: str
    fix: str
    is_error: bool = True


@dataclass(frozen=True)
class _File:
    """A file that a row names, looked at."""

    row: Row
    field: str
    look: Look

    def finding(self, problem: Problem) -> Finding:
        return Finding(self.row.line, str(self.row.fields[self.field]), problem.text, problem.fix, problem.is_error)


def check(manifest: Manifest, demands: Demands) -> list[Finding]:
    """Decode every file of a manifest and compare the rows; errors first, then in the order of the lines."""
    findings = [finding for row in manifest.all_rows for finding in _row_findings(row, demands.fields)]
    bad = {finding.line for finding in findings}
    files = _looked_at([row for row in manifest.all_rows if row.line not in bad], demands.fields)
    for file in files:
        findings.extend(file.finding(problem) for problem in file.look.problems)
        findings.extend(_checksum_findings(file, len(demands.fields)))
        findings.extend(_size_findings(file, demands))
    findings.extend(_pair_findings(files, demands.pairs))
    findings.extend(_duplicates(files))
    present = {str(row.fields.get("split")) for row in manifest.all_rows}
    for split in demands.splits:
        if split not in present:
            fix = f'give some rows "split": "{split}"'
            findings.append(Finding(WHOLE_FILE, manifest.path.name, f"no row of split {str(split)!r}", fix))
    return sorted(findings, key=lambda finding: (not finding.is_error, finding.line))


def require_good(manifest: Manifest, demands: Demands) -> None:
    """Check before training; what passed and has not changed since (sizes, times of change) is not decoded again.

    Raises:
        UserError: there are errors; a table on stderr names them.
    """
    stamp = manifest.path.with_name(f".{manifest.path.name}.checked")
    state = _state(manifest, demands)
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if stamp.read_text(encoding="utf-8") == state:
            return
    findings = check(manifest, demands)
    errors = [finding for finding in findings if finding.is_error]
    if findings:
        from rich.console import Console

        print_findings(findings, Console(stderr=True))
    if errors:
        text = f"{manifest.path} has {len(errors)} errors, see the table"
        clean = manifest.path.with_suffix(".clean.jsonl")
        with contextlib.suppress(UserError):  # no row is left, or no place to write
            kept = write_clean(manifest, findings, clean)
            text += f"; mend them, or train on {clean}, the {kept} rows without errors"
        raise UserError(text)
    with contextlib.suppress(OSError):  # a folder that cannot be written to is checked each time
        stamp.write_text(state, encoding="utf-8")


def guess_fields(manifest: Manifest) -> dict[str, Media]:
    """The fields whose texts end like names of files, for a check without a task; those of which no file exists only if
    there are no others (the name of an original, say).

    Raises:
        UserError: there are none.
    """
    named = [
        (name, kind, manifest.path.parent / value)
        for row in manifest.all_rows
        for name, value in row.fields.items()
        for kind, suffixes in SUFFIXES.items()
        if isinstance(value, str) and "\0" not in value and Path(value).suffix.lower() in suffixes
    ]
    there = {name: kind for name, kind, file in named if os.path.exists(file)}
    fields = there or {name: kind for name, kind, _ in named}
    if not fields:
        raise UserError(
            f"{manifest.path}: no row names a file; a row looks like {{'split': 'train', 'image': 'a.png'}}"
        )
    return fields


def write_clean(manifest: Manifest, findings: Iterable[Finding], path: Path) -> int:
    """Write the rows without errors to `path`, in the same folder because paths are relative to it; how many.

    Raises:
        UserError: another folder, or no row is left.
    """
    if path.suffix != ".jsonl" or path.resolve() == manifest.path.resolve():
        raise UserError(f"{path}: the clean manifest needs a name of its own that ends in .jsonl")
    if path.resolve().parent != manifest.path.resolve().parent:
        raise UserError(
            f"{path} must lie in the folder of {manifest.path}: the paths in it are relative to that folder"
        )
    bad = {finding.line for finding in findings if finding.is_error}
    good = [row.fields for row in manifest.all_rows if row.line not in bad]
    if not good:
        raise UserError(f"{path} is not written: every row of {manifest.path} has an error")
    manifests.write(path, good)
    return len(good)


def print_findings(findings: Sequence[Finding], console: Console) -> None:
    """A table of what is wrong and how to mend it."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not console.is_terminal:
        console.width = FILE_WIDTH
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("", "line", "file", "problem", "fix"):
        table.add_column(heading, overflow="fold")
    for finding in findings[:SHOWN]:
        mark = Text("error", "red") if finding.is_error else Text("note", "yellow")
        line = str(finding.line) if finding.line != WHOLE_FILE else ""
        table.add_row(mark, line, *map(Text, (finding.file, finding.problem, finding.fix)))
    console.print(table)
    if len(findings) > SHOWN:
        console.print(f"... and {len(findings) - SHOWN} more")


def _row_findings(row: Row, fields: Iterable[str]) -> Iterator[Finding]:
    """What can be said before a file is opened."""
    if (split := row.fields.get("split")) not in list(Split):
        text = f"split {split!r}" if "split" in row.fields else "no split"
        yield Finding(row.line, "", text, f'set "split" to one of {", ".join(Split)}')
    for name in fields:
        if name not in row.fields:
            yield Finding(row.line, "", f"no {name!r}", f"give the row a {name!r}")
            continue
        try:
            row.path(name)
        except UserError as problem:
            text, _, fix = str(problem).removeprefix(f"{row.where}: ").partition("; ")
            yield Finding(row.line, str(row[name]), text, fix or "name a file beside the manifest")


def _looked_at(rows: Sequence[Row], fields: Mapping[str, Media]) -> list[_File]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    wanted = [(row, name, kind) for row in rows for name, kind in fields.items()]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow decodes outside the interpreter lock
        looks = pool.map(lambda one: look_at(one[0].path(one[1]), one[2]), wanted)
        shown = track(looks, "checking files", len(wanted), console=console, disable=not console.is_terminal)
        return [_File(row, name, look) for (row, name, _), look in zip(wanted, shown, strict=True)]


def _checksum_findings(file: _File, file_fields: int) -> Iterator[Finding]:
    stated = file.row.fields.get(f"{file.field}_sha256", file.row.fields.get("sha256") if file_fields == 1 else None)
    if stated and file.look.sha256 and str(stated).lower() != file.look.sha256:
        yield file.finding(
            Problem("changed since the manifest was made", "copy the file again, or prepare the data anew")
        )


def _size_findings(file: _File, demands: Demands) -> Iterator[Finding]:
    shrink = next((pair.scale for pair in demands.pairs if pair.small == file.field), 1)
    least = -(-demands.minimum_sizes.get(file.row.split, 1) // shrink)
    if file.look.size and min(file.look.size) < least:
        size = "x".join(map(str, file.look.size))
        fix = "take the row out, or lower the crop" if file.row.split == Split.TRAIN else "take the row out"
        yield file.finding(Problem(f"{size}, smaller than {least}", fix))


def _pair_findings(files: Iterable[_File], pairs: Sequence[Pair]) -> Iterator[Finding]:
    by_row = defaultdict(dict)
    for file in files:
        by_row[file.row.line][file.field] = file
    for parts in by_row.values():
        for pair in pairs:
            if not {pair.small, pair.large} <= parts.keys():
                continue  # a missing field has been found by then
            small, large = parts[pair.small], parts[pair.large]
            if _stem(small) != _stem(large):
                text = f"{pair.small} is {small.row.fields[pair.small]}: another name"
                yield large.finding(Problem(text, "make sure that both show the same", is_error=False))
            wanted = tuple(side * pair.scale for side in small.look.size)
            if small.look.size and large.look.size and wanted != large.look.size:
                text = f"{_by(large)} is not {pair.scale} times {_by(small)} of {pair.small}"
                yield large.finding(Problem(text, "make the pair anew from the larger picture"))


def _by(file: _File) -> str:
    return "x".join(map(str, file.look.size))


def _stem(file: _File) -> str:
    """Name without what tells the sides of a pair apart: 0001x4, img_001_SRF_4_LR, baby_HR."""
    stem = Path(file.row.fields[file.field]).stem
    return re.sub(rf"([-_.]?(x\d+|lr|hr|{re.escape(file.field)}))+$", "", stem, flags=re.IGNORECASE)


def _duplicates(files: Iterable[_File]) -> Iterator[Finding]:
    """The same picture twice: in two splits an error of the row that is nearer to training, else a note."""
    order = [Split.TEST, Split.VALIDATION, Split.TRAIN]
    first: dict[tuple[str, str], _File] = {}
    for file in sorted(files, key=lambda file: order.index(file.row.split)):
        if not file.look.contents:
            continue
        known = first.setdefault((file.field, file.look.contents), file)
        if known is file:
            continue
        leaks = known.row.split != file.row.split
        text = f"same as {known.row.fields[known.field]} (line {known.row.line}, {known.row.split})"
        fix = f"take it out of {file.row.split}: results would flatter" if leaks else "harmless, but it counts twice"
        yield file.finding(Problem(text, fix, is_error=leaks))


def _state(manifest: Manifest, demands: Demands) -> str:
    """Changes when the manifest, a file or a demand does."""
    known = hashlib.sha256(manifest.path.read_bytes() + repr(demands).encode())
    for row in manifest.all_rows:
        for name in demands.fields:
            try:
                status = row.path(name).stat()
                known.update(f"{status.st_size} {status.st_mtime_ns} ".encode())
            except (OSError, UserError):
                known.update(b"missing ")
    return known.hexdigest()


def summary(manifest: Manifest, findings: Sequence[Finding]) -> str:
    """One line: rows, errors, notes."""
    counts = Counter(finding.is_error for finding in findings)
    rows = len(manifest.all_rows)
    return f"{manifest.path}: {rows} rows, {counts[True]} errors, {counts[False]} notes"
