"""Find the rows that would stop or spoil a training before it starts."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from condgen.data.check_pairs import Pair, compare, over_splits
from condgen.data.findings import WHOLE_FILE, File, Finding, print_findings, refuse
from condgen.data.manifest import Manifest, Row, Split
from condgen.data.media import Media, Problem, look_at
from condgen.errors import UserError

VERSION = 2  # counted up when the check learns to find something: what an earlier one passed is checked again

Job, Result = TypeVar("Job"), TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Demands:
    """What a task asks of its files."""

    fields: Mapping[str, Media]  # which fields name files, and of what kind
    minimum_sizes: Mapping[Split, int] = field(default_factory=dict)  # samples; pixels a side (of a pair's large one)
    sample_rate: int = 0  # Hz, of audio; 0: any
    channels: int = 0  # of audio; 0: any
    pairs: Sequence[Pair] = ()
    apart: Sequence[str] = ()  # fields, such as the speaker, of which no value may be in train and in another split
    splits: Sequence[Split] = ()  # that must have rows


def check(manifest: Manifest, demands: Demands) -> list[Finding]:
    """Decode every file of a manifest and compare the rows; errors first, then in the order of the lines."""
    findings = [finding for row in manifest.all_rows for finding in _row_findings(row, demands.fields)]
    bad = {finding.line for finding in findings}
    files = _looked_at([row for row in manifest.all_rows if row.line not in bad], demands.fields)
    for file in files:
        findings.extend(file.finding(problem) for problem in file.look.problems)
        findings.extend(_checksum_findings(file, len(demands.fields)))
        findings.extend(_size_findings(file, demands))
        findings.extend(_form_findings(file, demands))
    findings.extend(_mixed_forms(files, demands))
    findings.extend(finding for pair in demands.pairs for finding in _pair_findings(files, pair))
    findings.extend(_leaks(files))
    findings.extend(_duplicates(files))
    findings.extend(finding for name in demands.apart for finding in _not_apart(manifest.all_rows, name))
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
        refuse(manifest, errors)
    with contextlib.suppress(OSError):  # a folder that cannot be written to is checked each time
        stamp.write_text(state, encoding="utf-8")


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


def _looked_at(rows: Sequence[Row], fields: Mapping[str, Media]) -> list[File]:
    wanted = [(row, name, kind) for row in rows for name, kind in fields.items()]
    looks = _in_parallel(lambda one: look_at(one[0].path(one[1]), one[2]), wanted, "checking files")
    return [File(row, name, look) for (row, name, _), look in zip(wanted, looks, strict=True)]


def _in_parallel(work: Callable[[Job], Result], jobs: Sequence[Job], text: str) -> list[Result]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # files are decoded outside the interpreter lock
        results = pool.map(work, jobs)
        return list(track(results, text, len(jobs), console=console, disable=not console.is_terminal))


def _checksum_findings(file: File, file_fields: int) -> Iterator[Finding]:
    stated = file.row.fields.get(f"{file.field}_sha256", file.row.fields.get("sha256") if file_fields == 1 else None)
    if stated and file.look.sha256 and str(stated).lower() != file.look.sha256:
        yield file.finding(
            Problem("changed since the manifest was made", "copy the file again, or prepare the data anew")
        )


def _size_findings(file: File, demands: Demands) -> Iterator[Finding]:
    shrink = next((pair.scale for pair in demands.pairs if pair.small == file.field), 1)
    least = -(-demands.minimum_sizes.get(file.row.split, 1) // shrink)
    look = file.look
    if not look.size or min(look.size) >= least:
        return
    if look.sample_rate:
        text = f"{look.size[0] / look.sample_rate:.3f} s, shorter than {least / look.sample_rate:.3f} s"
        yield file.finding(Problem(text, "take the row out"))
    else:
        fix = "take the row out, or lower the crop" if file.row.split == Split.TRAIN else "take the row out"
        yield file.finding(Problem(f"{file.by}, smaller than {least}", fix))


def _form_findings(file: File, demands: Demands) -> Iterator[Finding]:
    rate, channels = file.look.sample_rate, file.look.channels
    if rate and demands.sample_rate not in (0, rate):
        text = f"{rate} Hz, the model's rate is {demands.sample_rate}"
        yield file.finding(Problem(text, "prepare the data anew, which resamples"))
    if channels and demands.channels not in (0, channels):
        text = f"{channels} channels, the model takes {demands.channels}"
        yield file.finding(Problem(text, "prepare the data anew, which mixes them"))


def _mixed_forms(files: Iterable[File], demands: Demands) -> Iterator[Finding]:
    """Notes, because training refuses what it cannot take; where a demand is stated, each other row is an error."""
    for name in demands.fields:
        heard = [file for file in files if file.field == name and file.look.sample_rate]
        if not demands.sample_rate:
            yield from _mixed(heard, "sample rates", [f"{file.look.sample_rate} Hz" for file in heard])
        if not demands.channels:
            yield from _mixed(heard, "channels", [f"{file.look.channels}" for file in heard])


def _mixed(files: Sequence[File], what: str, forms: Sequence[str]) -> Iterator[Finding]:
    counts = Counter(forms).most_common()
    if len(counts) > 1:
        shares = ", ".join(f"{form} in {count} rows" for form, count in counts)
        first = next(file for file, form in zip(files, forms, strict=True) if form != counts[0][0])
        text = f"different {what} in {first.field}: {shares}; line {first.row.line} is the first that differs"
        yield first.about_all(Problem(text, "prepare the data anew, which makes them alike", is_error=False))


def _pair_findings(files: Iterable[File], pair: Pair) -> Iterator[Finding]:
    by_row = defaultdict(dict)
    for file in files:
        by_row[file.row.line][file.field] = file
    couples = [
        (parts[pair.small], parts[pair.large])
        for parts in by_row.values()
        if {pair.small, pair.large} <= parts.keys()  # a missing field has been found by then
    ]
    comparisons = _in_parallel(lambda couple: compare(*couple, pair.scale), couples, "comparing pairs")
    for (_, large), comparison in zip(couples, comparisons, strict=True):
        yield from map(large.finding, comparison.problems)
    yield from over_splits(couples, comparisons)


def _leaks(files: Iterable[File]) -> Iterator[Finding]:
    """The same contents in two splits: an error of the row that is nearer to training."""
    order = [Split.TEST, Split.VALIDATION, Split.TRAIN]
    first: dict[tuple[str, str], File] = {}
    for file in sorted(files, key=lambda file: order.index(file.row.split)):
        if not file.look.contents:
            continue
        known = first.setdefault((file.field, file.look.contents), file)
        if known.row.split != file.row.split:
            yield file.finding(Problem(_same(known), f"take it out of {file.row.split}: results would flatter"))


def _duplicates(files: Iterable[File]) -> Iterator[Finding]:
    """Rows of one split all of whose files are equal; one file may well serve several: clean speech, noisy versions."""
    rows: dict[int, list[File]] = defaultdict(list)
    for file in files:
        rows[file.row.line].append(file)
    first: dict[tuple[str, ...], File] = {}
    for parts in rows.values():
        if not all(file.look.contents for file in parts):
            continue
        known = first.setdefault((parts[0].row.split, *(file.look.contents for file in parts)), parts[0])
        if known is not parts[0]:
            yield parts[0].finding(Problem(_same(known), "harmless, but it counts twice", is_error=False))


def _same(known: File) -> str:
    return f"same as {known.row.fields[known.field]} (line {known.row.line}, {known.row.split})"


def _not_apart(rows: Iterable[Row], name: str) -> Iterator[Finding]:
    stated = [row for row in rows if name in row.fields and row.fields.get("split") in list(Split)]
    elsewhere = {str(row[name]): row for row in stated if row.split != Split.TRAIN}
    for row in stated:
        other = elsewhere.get(str(row[name]))
        if other is not None and row.split == Split.TRAIN:
            text = f"{name} {row[name]!r} is also in {other.split} (line {other.line})"
            yield Finding(row.line, "", text, f"keep each {name} in one split: results would flatter")


def _state(manifest: Manifest, demands: Demands) -> str:
    """Changes when the manifest, a file or a demand does."""
    known = hashlib.sha256(manifest.path.read_bytes() + f"{VERSION} {demands!r}".encode())
    for row in manifest.all_rows:
        for name in demands.fields:
            try:
                status = row.path(name).stat()
                known.update(f"{status.st_size} {status.st_mtime_ns} ".encode())
            except (OSError, UserError):
                known.update(b"missing ")
    return known.hexdigest()
