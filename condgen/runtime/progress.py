"""Progress: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self


class Progress:
    """Counts up to `total`; `note` prints a line above the bar. Everything goes to stderr."""

    def __init__(self, label: str, total: int, done: int = 0, *, silent: bool = False):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._silent = silent
        self._bar = None
        if sys.stderr.isatty() and not silent:
            counts = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            texts = (TimeRemainingColumn(), TextColumn("{task.fields[text]}"))
            self._bar = Bar(*counts, *texts, console=Console(stderr=True))
            self._task = self._bar.add_task(label, total=total, completed=done, text="")

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, text: str | None = None) -> None:
        if self._bar is not None:
            self._bar.update(self._task, advance=1, **({} if text is None else {"text": text}))

    def note(self, line: str, *, always: bool = True) -> None:
        """A line of its own; with always=False only where there is no bar to say it."""
        if self._silent:
            return
        line = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)  # names can hold any
        if self._bar is None:
            print(line, file=sys.stderr, flush=True)
        elif always:
            self._bar.console.print(line, markup=False, highlight=False)
