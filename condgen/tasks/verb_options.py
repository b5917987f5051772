"""Arguments and options that the verbs of several tasks have, in one wording, and what is refused of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
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


def refuse_output(output: Path, inputs: Sequence[Path] = ()) -> None:
    """Raise UserError for what would stop the writing of a picture without alpha, before any work is done."""
    import numpy as np

    from condgen.data.image_output import refuse_unwritable
    from condgen.errors import UserError

    refuse_unwritable(output, np.empty((1, 1, 3), np.uint8), alpha=False)
    if not output.absolute().parent.is_dir():
        raise UserError(f"{output}: there is no folder {output.parent}; create it first")
    if any(output.exists() and file.exists() and output.samefile(file) for file in inputs):
        raise UserError(f"{output}: the output is an input; choose another -o")
