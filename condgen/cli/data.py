"""`condgen data`: look after data before training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
data = typer.Typer(help="Look after training data.", no_args_is_help=True)
app.add_typer(data, name="data")


@data.callback()
def _data() -> None:
    """Look after training data."""


@data.command(epilog="Example: condgen data check data/srgan/manifest.jsonl")
def check(
    manifest: Annotated[Path, typer.Argument(help="JSON Lines manifest, one sample a row.")],
    write_clean: Annotated[Path | None, typer.Option(help="Write the rows without errors to this manifest.")] = None,
    minimum_size: Annotated[int, typer.Option(help="Pixels a side that training pictures must have.")] = 1,
) -> None:
    """Decode every file and name the rows that are missing, damaged, too small, changed, or in two splits.

    Exit code 1 when a row has an error.
    """
    from rich.console import Console

    from condgen.data import check as checks
    from condgen.data.manifest import Manifest

    rows = Manifest.read(manifest)
    findings = checks.check(rows, checks.Demands(fields=checks.guess_fields(rows), minimum_size=minimum_size))
    if findings:
        checks.print_findings(findings, Console())
    print(checks.summary(rows, findings))
    if write_clean is not None:
        kept = checks.write_clean(rows, findings, write_clean)
        print(f"{write_clean}: {kept} rows")
    if any(finding.is_error for finding in findings):
        raise typer.Exit(1)
