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

import numpy as np

from condgen.data import check_captions as captions
from condgen.data import check_sets as sets
from condgen.data import check_videos as videos
from condgen.data.check_images import FEWEST_COLOURS, Couple, colours
from condgen.data.check_pairs import FieldPair, compare, exchanged_colours, is_larger, over_splits
from condgen.data.findings import File, Finding, print_findings, refuse
from condgen.data.manifest import Manifest, Row, Split
from condgen.data.media import Media, Problem, look_at
from condgen.errors import UserError

VERSION = 5  # counted up when the check learns to find something: what an earlier one passed is checked again

Job, Result = TypeVar("Job"), TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Demands:
    """What a task asks of its files."""

    fields: Mapping[str, Media]  # which fields name files, and of what kind
    optional: Sequence[str] = ()  # those of them that not every row has, such as a hidden partner
    minimum_sizes: Mapping[Split, int] = field(default_factory=dict)  # samples; pixels a side (of a pair's large one)
    minimum_rows: Mapping[Split, int] = field(default_factory=dict)  # of each domain, where there are domains
    sample_rate: int = 0  # Hz, of audio; 0: any
    channels: int = 0  # of audio; 0: any
    frames: int = 0  # that a video has at least
    pairs: Sequence[FieldPair] = ()
    domains: Sequence[str] = ()  # two unpaired sets: values of the field `domain` that each split of `splits` has
    apart: Sequence[str] = ()  # fields, such as the speaker, of which no value may be in train and in another split
    splits: Sequence[Split] = ()  # that must have rows
    captions: bool = False  # every row has sentences, and in each split some say other things
    box: bool = False  # every row has one
    keypoints: Sequence[str] = ()  # that every row states; those that rows have are looked at in any case


def check(manifest: Manifest, demands: Demands) -> list[Finding]:
    """Decode every file of a manifest and compare the rows; errors first, then in the order of the lines."""
    findings = [finding for row in manifest.all_rows for finding in _row_findings(row, demands)]
    captioned = demands.captions or captions.has_captions(manifest)
    if captioned:
        findings.extend(captions.row_findings(manifest, demands))
    bad = {finding.line for finding in findings if finding.is_error}
    good = [row for row in manifest.all_rows if row.line not in bad]
    files = _looked_at(good, demands)
    for file in files:
        findings.extend(file.finding(problem) for problem in file.look.problems)
        findings.extend(_checksum_findings(file, demands))
        findings.extend(_form_findings(file, demands))
        findings.extend(videos.length_findings(file, demands.frames))
    findings.extend(_size_findings(files, demands))
    findings.extend(_mixed_forms(files, demands))
    findings.extend(finding for pair in demands.pairs for finding in _pair_findings(files, pair))
    drawn = {name for pair in demands.pairs if not pair.same_content for name in (pair.small, pair.large)}
    findings.extend(sets.leaks(files, drawn))
    findings.extend(sets.duplicates(files, demands.domains))
    findings.extend(_exchanged_domains(files, demands))
    if captioned:
        findings.extend(finding for file in files for finding in captions.place_findings(file))
        findings.extend(captions.class_findings(good))
    if demands.captions:
        findings.extend(captions.without_wrong_sentence(manifest.all_rows))
    findings.extend(finding for name in demands.apart for finding in sets.not_apart(manifest.all_rows, name))
    findings.extend(sets.too_few(manifest, demands.splits, demands.domains, demands.minimum_rows))
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


def _row_findings(row: Row, demands: Demands) -> Iterator[Finding]:
    """What can be said before a file is opened."""
    if (split := row.fields.get("split")) not in list(Split):
        text = f"split {split!r}" if "split" in row.fields else "no split"
        yield Finding(row.line, "", text, f'set "split" to one of {", ".join(Split)}')
    yield from sets.domain_findings(row, demands.domains)
    for name in demands.fields:
        if name not in row.fields:
            if name not in demands.optional:
                yield Finding(row.line, "", f"no {name!r}", f"give the row a {name!r}")
            continue
        try:
            row.path(name)
        except UserError as problem:
            text, _, fix = str(problem).removeprefix(f"{row.where}: ").partition("; ")
            yield Finding(row.line, str(row[name]), text, fix or "name a file beside the manifest")


def _looked_at(rows: Sequence[Row], demands: Demands) -> list[File]:
    wanted = [(row, name, kind) for row in rows for name, kind in demands.fields.items() if name in row.fields]
    looks = _in_parallel(lambda one: look_at(one[0].path(one[1]), one[2]), wanted, "checking files")
    return [File(row, name, look) for (row, name, _), look in zip(wanted, looks, strict=True)]


def _in_parallel(work: Callable[[Job], Result], jobs: Sequence[Job], text: str) -> list[Result]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # files are decoded outside the interpreter lock
        results = pool.map(work, jobs)
        return list(track(results, text, len(jobs), console=console, disable=not console.is_terminal))


def _checksum_findings(file: File, demands: Demands) -> Iterator[Finding]:
    own = [name for name in demands.fields if name not in demands.optional]
    stated = file.row.fields.get(f"{file.field}_sha256", file.row.fields.get("sha256") if own == [file.field] else None)
    if stated and file.look.sha256 and str(stated).lower() != file.look.sha256:
        yield file.finding(
            Problem("changed since the manifest was made", "copy the file again, or prepare the data anew")
        )


def _size_findings(files: Iterable[File], demands: Demands) -> Iterator[Finding]:
    shrink = {pair.small: pair.scale for pair in demands.pairs}
    swapped = {  # told as such: of the two, the wrong one would seem too small
        couple[0].row.line
        for pair in demands.pairs
        for couple in _couples(files, pair)
        if is_larger(*couple, pair.scale)
    }
    for file in files:
        least = -(-demands.minimum_sizes.get(file.row.split, 1) // shrink.get(file.field, 1))
        if file.look.size and min(file.look.size) < least and file.row.line not in swapped:
            yield file.finding(_too_small(file, least))


def _too_small(file: File, least: int) -> Problem:
    if rate := file.look.sample_rate:
        return Problem(f"{file.look.size[0] / rate:.3f} s, shorter than {least / rate:.3f} s", "take the row out")
    fix = "take the row out, or lower the crop" if file.row.split == Split.TRAIN else "take the row out"
    return Problem(f"{file.by}, smaller than {least}", fix)


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
        seen = [file for file in files if file.field == name and file.look.frame_rate]
        rates = [f"{float(file.look.frame_rate):.0f} a second" for file in seen]
        yield from _mixed(seen, "frame rates", rates, "convert them to one rate, if the pace matters")


def _mixed(
    files: Sequence[File], what: str, forms: Sequence[str], fix: str = "prepare the data anew, which makes them alike"
) -> Iterator[Finding]:
    counts = Counter(forms).most_common()
    if len(counts) > 1:
        shares = ", ".join(f"{form} in {count} rows" for form, count in counts)
        first = next(file for file, form in zip(files, forms, strict=True) if form != counts[0][0])
        text = f"different {what} in {first.field}: {shares}; line {first.row.line} is the first that differs"
        yield first.about_all(Problem(text, fix, is_error=False))


def _couples(files: Iterable[File], pair: FieldPair) -> list[Couple]:
    by_row = defaultdict(dict)
    for file in files:
        by_row[file.row.line][file.field] = file
    return [
        (parts[pair.small], parts[pair.large])
        for parts in by_row.values()
        if {pair.small, pair.large} <= parts.keys()  # a missing field has been found by then
    ]


def _pair_findings(files: Iterable[File], pair: FieldPair) -> Iterator[Finding]:
    couples = _couples(files, pair)
    comparisons = _in_parallel(lambda couple: compare(*couple, pair), couples, "comparing pairs")
    for (_, large), comparison in zip(couples, comparisons, strict=True):
        yield from map(large.finding, comparison.problems)
    yield from over_splits(couples, comparisons, pair)
    if pair.same_content:
        return
    seen = [couple for couple in couples if all(file.look.is_picture for file in couple)]
    if sum(small.row.split == Split.TRAIN for small, _ in seen) >= FEWEST_COLOURS:
        told = _in_parallel(lambda couple: [colours(file.path) for file in couple], seen, "comparing colours")
        yield from exchanged_colours(seen, pair, told)


def _exchanged_domains(files: Iterable[File], demands: Demands) -> Iterator[Finding]:
    if len(demands.domains) != 2:
        return
    sampled = sets.sampled([file for file in files if file.field not in demands.optional], demands.domains)
    sides = {
        split: tuple(
            np.stack(_in_parallel(lambda file: colours(file.path), side, "comparing colours")) for side in both
        )
        for split, both in sampled.items()
    }
    for split, both in sides.items():
        if split != Split.TRAIN and (problem := sets.exchanged(sides[Split.TRAIN], both, demands.domains, split)):
            yield sampled[split][0][0].about_all(problem)


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
