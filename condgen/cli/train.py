"""`condgen train`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="A recipe's YAML file.", metavar="CONFIG.yaml")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, e.g. trainer.batch_size=8")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Run folder; default runs/<config's name>.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest checkpoint, if there is one.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print config, players, turns; train nothing.")] = False,
) -> None:
    """Train a model from a config, under `torchrun` on several devices or machines.

    Example: condgen train recipes/srgan/conf/srresnet_x4.yaml data.manifest=photos/manifest.jsonl trainer.seed=1
    """
    from condgen import training
    from condgen.config import read

    resolved = read(config, overrides or ())
    if dry_run:
        print(training.describe(resolved))
        return
    model = training.run(resolved, output or Path("runs") / config.stem, resume=resume)
    if int(os.environ.get("RANK", 0)) == 0:  # under torchrun one process speaks for all
        print(f"model folder: {model}")
