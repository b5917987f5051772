"""`condgen evaluate`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

FILE_WIDTH = 200  # columns of a table that goes into a file


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="A shipped name, a model folder, or a hub id owner/name.")],
    data: Annotated[Path, typer.Option("--data", help="Manifest (JSON Lines).")],
    split: Annotated[str, typer.Option(help="Which rows.")] = "validation",
    also: Annotated[list[str] | None, typer.Option(help="A further metric that needs weights, e.g. lpips.")] = None,
    weights: Annotated[list[str] | None, typer.Option(help="METRIC=FILE: its weights; judge=MODEL.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Also write the table as JSON.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Measure a model on a manifest: a line a sample, and the mean.

    Example: condgen evaluate srresnet-x4 --data data/set5/manifest.jsonl
    """
    import condgen
    from condgen import tasks
    from condgen.data.files import write_atomically
    from condgen.data.manifest import Manifest
    from condgen.errors import UserError
    from condgen.metrics.table import finite_or_none
    from condgen.runtime.model_folder import ModelFolder

    files = {}
    for pair in weights or ():
        name, equals, file = pair.partition("=")
        if not equals:
            raise UserError(f"--weights {pair!r} is not METRIC=FILE, e.g. lpips=alexnet.pth")
        files[name] = Path(file)
    manifest = Manifest.read(data)
    task = ModelFolder.find(model).task
    evaluation = tasks.part(task, "evaluation")
    table, missing = evaluation.evaluate(condgen.load(model, device=device), manifest, split, also or (), files)
    _print(table)
    for line in missing:
        print(line, file=sys.stderr)
    if output is not None:
        plain = {
            label: {name: finite_or_none(value) for name, value in values.items()} for label, values in table.items()
        }
        found = {"model": model, "data": str(data), "split": split, "table": plain}
        write_atomically(output, json.dumps(found, indent=2).encode())


def _print(table: dict[str, dict[str, float]]) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=None)
    shown.add_column("", overflow="fold")
    names = list(dict.fromkeys(name for values in table.values() for name in values))
    for name in names:
        shown.add_column(name, justify="right")
    for label, values in table.items():
        shown.add_row(label, *(f"{values[name]:.4f}" if name in values else "" for name in names))
    console = Console()
    if not console.is_terminal:
        console.width = FILE_WIDTH
    console.print(shown)
