"""Arguments and options that the verbs of several tasks have, in one wording."""

from __future__ import annotations

from typing import Annotated

import typer

Inputs = Annotated[
    list[str], typer.Argument(help="Files, folders (all in them), patterns, or - for stdin.", metavar="INPUT")
]
Output = Annotated[
    str, typer.Option("-o", "--output", help="Folder, created if missing; for one file also a file; - for stdout.")
]
Model = Annotated[str, typer.Option(help="Shipped name, model folder, or hub id owner/name.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
SkipExisting = Annotated[bool, typer.Option("--skip-existing", help="Leave outputs that exist alone.")]
