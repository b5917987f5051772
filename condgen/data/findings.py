"""What a data check has found, and what can be done with it: a table, a line, a manifest of the rows that are left."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

from condgen.data import manifest as manifests
from condgen.data.manifest import Manifest, Row
from condgen.data.media import Look, Problem
from condgen.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

WHOLE_FILE = 0  # line of a finding about no row in particular
SHOWN = 100  # rows of the table
FILE_WIDTH = 160  # columns of a table that goes into a file


class BadRowsError(UserError):
    """Rows that cannot be trained on."""

    def __init__(self, text: str, errors: Sequence[Finding]):
        super().__init__(text)
        self.errors = errors


@dataclass(frozen=True)
class Finding:
    """One problem of one row."""

    line: int  # of the manifest, from 1; WHOLE_FILE: no row in particular
    file: str
    problem: str
    fix: str
    is_error: bool = True


Item = TypeVar("Item")


@dataclass(frozen=True)
class Found(Generic[Item]):
    """What a source has, and what is wrong with it."""

    items: tuple[Item, ...] = ()
    findings: tuple[Finding, ...] = ()

    def require_good(self, source: Path) -> tuple[Item, ...]:
        """The items, if there are no errors; a table on stderr names what was found.

        Raises:
            UserError: there are errors.
        """
        if self.findings:
            from rich.console import Console

            print_findings(self.findings, Console(stderr=True))
        if errors := sum(finding.is_error for finding in self.findings):
            raise UserError(f"{source} has {errors} error{'s' * (errors > 1)}; mend what the table names")
        return self.items


@dataclass(frozen=True)
class File:
    """A file that a row names, looked at."""

    row: Row
    field: str
    look: Look

    @property
    def path(self) -> Path:
        return self.row.path(self.field)

    @property
    def by(self) -> str:
        """As 640x480."""
        return "x".join(map(str, self.look.size))

    def finding(self, problem: Problem) -> Finding:
        return Finding(self.row.line, str(self.row.fields[self.field]), problem.text, problem.fix, problem.is_error)

    def about_all(self, problem: Problem) -> Finding:
        """Of many rows, of which this is one."""
        return Finding(WHOLE_FILE, self.row.manifest.name, problem.text, problem.fix, problem.is_error)


@dataclass(frozen=True)
class Comparison:
    """Of two files that hold the same."""

    problems: tuple[Problem, ...] = ()
    floor: float = math.nan  # dB, quietest parts of the small one over those of the large one; NaN: cannot be told


def write_clean(manifest: Manifest, findings: Iterable[Finding], path: Path) -> int:
    """Write the rows without errors to `path`, in the same folder because paths are relative to it; how many.

    Raises:
        UserError: another folder, an error that lies in no row in particular, or no row is left.
    """
    if path.suffix != ".jsonl" or path.resolve() == manifest.path.resolve():
        raise UserError(f"{path}: the clean manifest needs a name of its own that ends in .jsonl")
    if path.resolve().parent != manifest.path.resolve().parent:
        raise UserError(
            f"{path} must lie in the folder of {manifest.path}: the paths in it are relative to that folder"
        )
    bad = {finding.line: finding for finding in findings if finding.is_error}
    if WHOLE_FILE in bad:
        raise UserError(f"{path} is not written, as no row alone is to blame: {bad[WHOLE_FILE].problem}")
    good = [row.fields for row in manifest.all_rows if row.line not in bad]
    if not good:
        raise UserError(f"{path} is not written: every row of {manifest.path} has an error")
    manifests.write(path, good)
    return len(good)


def refuse(manifest: Manifest, errors: Sequence[Finding]) -> NoReturn:
    """Raise BadRowsError, which counts the errors, and names a manifest of the other rows where there can be one."""
    text = f"{manifest.path} has {len(errors)} error{'s' if errors[1:] else ''}, see the table"
    clean = manifest.path.with_suffix(".clean.jsonl")
    with contextlib.suppress(UserError):  # no row is left, or no place to write
        kept = write_clean(manifest, errors, clean)
        text += f"; mend them, or train on {clean}, the {kept} rows without errors"
    raise BadRowsError(text, errors)


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


def summary(manifest: Manifest, findings: Sequence[Finding]) -> str:
    """One line: rows, errors, notes."""
    counts = Counter(finding.is_error for finding in findings)
    rows = len(manifest.all_rows)
    return f"{manifest.path}: {rows} rows, {counts[True]} errors, {counts[False]} notes"
