"""Runs a script's function as a command: typer's options and help, and one line for what the user can mend."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from condgen.data.preparation import Prepared
from condgen.data.sources import Source, read_sources
from condgen.errors import UserError

Output = Annotated[Path, typer.Option("--output", "-o", help="The folder to make, with manifest.jsonl in it.")]


def run(function: Callable) -> None:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(help=sys.modules[function.__module__].__doc__)(function)
    try:
        app()
    except UserError as problem:
        print(f"{Path(sys.argv[0]).name}: {problem}", file=sys.stderr)
        sys.exit(1)


def known_sources() -> dict[str, Source]:
    """What the scripts can download, by name."""
    return read_sources(Path(__file__).with_name("sources.toml"))


def report(prepared: Prepared) -> None:
    for line in prepared.left_out:
        print(f"left out: {line}", file=sys.stderr)
    print(prepared)
