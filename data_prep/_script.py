"""Runs a script's function as a command: typer's options and help, and one line for what the user can mend."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import typer

from condgen.data.preparation import Prepared
from condgen.errors import UserError


def run(function: Callable) -> None:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(help=sys.modules[function.__module__].__doc__)(function)
    try:
        app()
    except UserError as problem:
        print(f"{Path(sys.argv[0]).name}: {problem}", file=sys.stderr)
        sys.exit(1)


def report(prepared: Prepared) -> None:
    for line in prepared.left_out:
        print(f"left out: {line}", file=sys.stderr)
    print(prepared)
