"""Files in, files out: the one runner of all verbs. It knows paths, and nothing of what is in the files.

Inputs are files, folders (searched to the bottom, their tree kept below the output folder), glob patterns, or `-` for
stdin. The output is `-` for stdout, a folder, or for one input file also a file: it is taken for a file when its name
has an ending and no such folder exists. Missing output folders are created. Files there are replaced, unless
`skip_existing`; an input is never replaced. A bad file costs one line and the exit code, not the files after it.
"""

from __future__ import annotations

import glob
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from condgen.errors import UserError
from condgen.runtime.progress import Progress

STANDARD = "-"

_Job = tuple[Path, Path]  # input and output

Process = Callable[[Path, Path], None]
"""Reads the first path, writes the second, all of it or nothing. Raises UserError with one line that names the file."""


@dataclass(frozen=True)
class Endings:
    """How names of files end, in lower case and with the dot."""

    readable: Collection[str]  # looked for in folders
    writable: Collection[str]
    fallback: str  # written where the input's own ending is not writable, and to stdout


@dataclass(frozen=True)
class _Found:
    path: Path
    inside: Path  # where below an output folder, as the input's tree has it


def run(
    inputs: Sequence[str], output: str, prepare: Callable[[], Process], endings: Endings, *, skip_existing: bool = False
) -> None:
    """Send every input file through `prepare()`, which loads the model once the paths are known to make sense.

    Raises:
        UserError: nothing can be done at all, e.g. the output cannot be what it is said to be.
        typer.Exit: with code 1, when some file failed; each has had its line on stderr by then.
    """
    with _tidy_when_stopped():
        if STANDARD in (*inputs, output):
            _run_standard(inputs, output, prepare, endings)
        else:
            _run_files(inputs, output, prepare, endings, skip_existing=skip_existing)


@contextmanager
def _tidy_when_stopped() -> Iterator[None]:
    """Inside, `kill` and a closed terminal end the process like an exception: temporary files are removed."""

    def stop(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []  # Python allows handlers there alone
    before = {number: signal.signal(number, stop) for number in numbers if signal.getsignal(number) is signal.SIG_DFL}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run_files(
    inputs: Sequence[str], output: str, prepare: Callable[[], Process], endings: Endings, *, skip_existing: bool
) -> None:
    problems: list[str] = []
    found = list(_find(inputs, endings.readable, Path(output), problems))
    as_file = names_file(inputs, output, endings)
    jobs = [(one.path, Path(output) if as_file else Path(output) / _renamed(one.inside, endings)) for one in found]
    jobs, clashes = _without_clashes(jobs)
    todo = [job for job in jobs if not (skip_existing and os.path.exists(job[1]))]
    with Progress("files", len(todo)) as progress:
        for problem in (*problems, *clashes):
            progress.note(problem)
        broken = _play(todo, prepare, progress)
    failed = len(problems) + len(clashes) + broken
    if failed or len(jobs) != 1:
        kept = len(jobs) - len(todo)
        print(f"{len(todo) - broken} done, {kept} skipped (already there), {failed} failed", file=sys.stderr)
    if failed:
        raise typer.Exit(1)


def _play(jobs: Sequence[_Job], prepare: Callable[[], Process], progress: Progress) -> int:
    """Do the work; returns how many files failed."""
    failed = 0
    process = prepare() if jobs else None
    for number, (source, target) in enumerate(jobs, start=1):
        started = time.monotonic()
        try:
            _attempt(process, source, target)
            seconds = time.monotonic() - started
            progress.note(f"[{number}/{len(jobs)}] {source} -> {target} ({seconds:.1f} s)", always=False)
        except UserError as problem:
            failed += 1
            progress.note(str(problem))
        progress.advance(text=source.name)
    return failed


def _attempt(process: Process, source: Path, target: Path) -> None:
    """Whatever goes wrong with one file becomes a UserError, so one line."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        process(source, target)
    except UserError:
        raise
    except MemoryError:
        raise UserError(f"{source}: not enough memory; close other programs, or give a smaller file") from None
    except OSError as problem:
        reason = problem.strerror or problem
        raise UserError(f"{problem.filename or source}: {reason}; check the path and its permissions") from None
    except Exception as problem:
        if os.environ.get("CONDGEN_DEBUG"):
            traceback.print_exc()
        text = " ".join(f"{type(problem).__name__}: {problem}".split())
        raise UserError(f"{source}: unexpected {text}; set CONDGEN_DEBUG=1 to see where, and report it") from None


def _without_clashes(jobs: Sequence[_Job]) -> tuple[list[_Job], list[str]]:
    """The jobs that replace neither an input nor another job's output, and a line for each of the others."""
    sources = {_real(source) for source, _ in jobs}
    writers: dict[Path, Path] = {}
    kept, lines = [], []
    for source, target in jobs:
        resolved = _real(target)
        if resolved in sources or _same_file(target, source):
            lines.append(f"{source}: the output {target} is an input; choose another -o")
        elif resolved in writers:
            lines.append(f"{source}: {target} is already made from {writers[resolved]}; choose another -o for one")
        else:
            writers[resolved] = source
            kept.append((source, target))
    return kept, lines


def _find(inputs: Sequence[str], readable: Collection[str], output: Path, problems: list[str]) -> Iterator[_Found]:
    """All input files, once each; what leads to none is noted in `problems`."""
    seen: set[Path] = set()
    for given in inputs:
        matches = sorted(glob.glob(given, recursive=True)) if _is_pattern(given) else [given]
        paths = [Path(path) for path in matches if os.path.lexists(path)]
        if not paths:
            problems.append(f"{given}: {_why_not_there(given)}")
        for path in paths:
            is_folder, before = os.path.isdir(path), len(problems)
            found = list(_inside(path, readable, output, problems)) if is_folder else [_Found(path, Path(path.name))]
            if not found and len(problems) == before:
                problems.append(f"{path}: the folder holds no {' '.join(sorted(readable))}; check the path")
            for one in found:
                if _real(one.path) not in seen:
                    seen.add(_real(one.path))
                    yield one


def _inside(folder: Path, readable: Collection[str], output: Path, problems: list[str]) -> Iterator[_Found]:
    """The files below a folder, without hidden ones and without what an earlier run has put into `output` there.

    A folder that cannot be listed is noted in `problems`; a broken link counts as a file, which then cannot be read.
    """

    def note(problem: OSError) -> None:
        problems.append(f"{problem.filename}: {problem.strerror}; check its permissions")

    own = _real(output) if _real(folder) in _real(output).parents else None
    for place, folders, names in os.walk(folder, onerror=note):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and _real(Path(place, name)) != own)
        for name in sorted(names):
            path = Path(place, name)
            if path.suffix.lower() in readable and not name.startswith("."):
                yield _Found(path, path.relative_to(folder))


def _real(path: Path) -> Path:
    """Absolute, links followed; unlike `Path.resolve` it does not raise on links that lead in a circle."""
    return Path(os.path.realpath(path))


def _same_file(one: Path, other: Path) -> bool:
    return os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other)


def _why_not_there(given: str) -> str:
    try:
        os.lstat(given)
    except PermissionError as problem:
        return f"{problem.strerror}; check its permissions and those of its folders"
    except (OSError, ValueError):
        pass
    return "there is no such file; check the spelling"


def names_file(inputs: Sequence[str], output: str, endings: Endings) -> bool:
    """Whether the output is a file. Raises UserError where it can be neither a file nor a folder."""
    if not output:
        raise UserError("-o is empty; name a file or a folder")
    path = Path(output)
    looks_like_folder = os.path.isdir(path) or output.endswith(("/", os.sep)) or not path.suffix
    if looks_like_folder:
        refuse_no_folder(path)
        return False
    if len(inputs) > 1 or os.path.isdir(inputs[0]) or _is_pattern(inputs[0]):
        raise UserError(f"{output}: several inputs need a folder as output; write {output}/ if this is to be one")
    if path.suffix.lower() not in endings.writable:
        known = " ".join(sorted(endings.writable))
        raise UserError(f"{output}: the ending must be one of {known}; write {output}/ if this is to be a folder")
    refuse_no_folder(path.parent)
    return True


def refuse_no_folder(path: Path) -> None:
    """Every existing part of the path must be a folder; the rest is created when something is written."""
    standing = next((place for place in (path, *path.parents) if os.path.lexists(place)), Path.cwd())
    if not os.path.isdir(standing):
        raise UserError(f"{path}: cannot be an output folder, {standing} is no folder; choose another -o")


def _is_pattern(given: str) -> bool:
    return glob.has_magic(given) and not os.path.lexists(given)


def _renamed(inside: Path, endings: Endings) -> Path:
    return inside if inside.suffix.lower() in endings.writable else inside.with_suffix(endings.fallback)


def _run_standard(inputs: Sequence[str], output: str, prepare: Callable[[], Process], endings: Endings) -> None:
    """Standard input or output, by way of temporary files: readers seek, and no half result reaches the pipe."""
    if len(inputs) != 1:
        raise UserError("- stands for one file: give a single input with it")
    if (inputs[0] == STANDARD and sys.stdin is None) or (output == STANDARD and sys.stdout is None):
        raise UserError("- stands for standard input or output, which is closed here; give a file")
    if output == STANDARD and sys.stdout.isatty():
        raise UserError("the result would go to the terminal; redirect it (> file) or give -o FILE")
    process = prepare()
    with tempfile.TemporaryDirectory(prefix="condgen-") as work:
        source, target = Path(inputs[0]), Path(output)
        if inputs[0] == STANDARD:
            source = Path(work, "stdin")
            with source.open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
        if output == STANDARD:
            target = Path(work, "stdout").with_suffix(endings.fallback)
        elif not names_file([str(source)], output, endings):
            target = Path(output, source.name).with_suffix(endings.fallback)
        failed = False
        try:
            _attempt(process, source, target)
        except UserError as problem:
            text = str(problem).replace(str(target), "stdout") if output == STANDARD else str(problem)
            print(text.replace(f"{work}{os.sep}", ""), file=sys.stderr)
            failed = True
        if output == STANDARD and target.is_file():  # also where a part of the input was left out
            with target.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        if failed:
            raise typer.Exit(1)
