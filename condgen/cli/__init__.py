"""The `condgen` command. Heavy libraries are imported by a verb when it runs, never here: `--help` stays instant."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

import typer

from condgen import __version__, tasks
from condgen.errors import UserError

app = typer.Typer(
    name="condgen",
    help="Train, run and fine-tune conditional generative adversarial networks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        print(f"condgen {__version__}")
        raise typer.Exit


def _add_verbs() -> None:
    """Each task brings its verbs in `tasks/<name>/verb.py`; the rest are the files beside this one."""
    for task in tasks.names():
        if Path(tasks.__file__).with_name(task).joinpath("verb.py").is_file():
            app.add_typer(import_module(f"condgen.tasks.{task}.verb").app)
    for name in sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_")):
        module = import_module(f"condgen.cli.{name}")
        if hasattr(module, "app"):
            app.add_typer(module.app)


_add_verbs()


def main() -> None:
    """Run the command; what the user can mend is one line on stderr and exit code 1, never a traceback."""
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115  closed by the caller
    try:
        try:
            app()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except UserError as problem:
        print(f"condgen: {problem}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("condgen: stopped", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output went away, e.g. `| head`
        _leave_quietly()
    except OSError as problem:  # what a verb could have said better has been said there
        print(f"condgen: {problem}", file=sys.stderr)
        _leave_quietly()


def _leave_quietly() -> None:
    """Without a second complaint when the interpreter flushes a standard output that cannot take it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os._exit(1)
