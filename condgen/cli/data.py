"""`condgen data`: look after data before training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from condgen.data.check import Demands
    from condgen.data.check_pairs import FieldPair
    from condgen.data.manifest import Manifest
    from condgen.data.media import Media

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
    minimum_size: Annotated[int, typer.Option(help="Pixels a side of training pictures, samples of recordings.")] = 1,
    minimum_frames: Annotated[int, typer.Option(help="Of clips, as many as a model takes.")] = 1,
    pair: Annotated[
        list[str] | None,
        typer.Option(
            help="SMALL:LARGE:SCALE, fields that hold the same, e.g. low:high:4, noisy:clean; repeatable. Pictures "
            "without a scale are of one size and show different things, e.g. map:photo."
        ),
    ] = None,
) -> None:
    """Decode every picture, recording or clip and name the rows that are missing, damaged, too small or short, changed,
    not aligned, exchanged, or in two splits.

    Fields called noisy and clean, low and high, input and target, or image and partner, are compared as pairs, unless
    --pair names others. Rows whose domain is a or b are compared as two sets.

    Exit code 1 when a row has an error.
    """
    from rich.console import Console

    from condgen.data import check as checks
    from condgen.data import check_fields
    from condgen.data import findings as found
    from condgen.data.manifest import Manifest

    rows = Manifest.read(manifest)
    pairs = [_pair(text) for text in pair] if pair else check_fields.usual_pairs(rows)
    fields = check_fields.guess_fields(rows, wanted=[name for one in pairs for name in (one.small, one.large)])
    check_fields.refuse_no_pairs(pairs, fields)
    demands = replace(_demands(rows, fields, pairs, minimum_size), frames=minimum_frames)
    findings = checks.check(rows, demands)
    if findings:
        found.print_findings(findings, Console())
    _print_compared(demands)
    print(found.summary(rows, findings))
    if write_clean is not None:
        kept = found.write_clean(rows, findings, write_clean)
        print(f"{write_clean}: {kept} rows")
    if any(finding.is_error for finding in findings):
        raise typer.Exit(1)


def _demands(rows: Manifest, fields: Mapping[str, Media], pairs: Sequence[FieldPair], minimum_size: int) -> Demands:
    """What any task would ask; of splits only those that are there."""
    from condgen.data import check_fields
    from condgen.data.check import Demands
    from condgen.data.manifest import Split

    domains = check_fields.usual_domains(rows)
    present = {str(row.fields.get("split")) for row in rows.all_rows}
    return Demands(
        fields=fields,
        optional=check_fields.HIDDEN if domains else (),
        minimum_sizes={Split.TRAIN: minimum_size},
        pairs=pairs,
        domains=domains,
        apart=() if domains else ("speaker",),  # a voice is converted to those heard in training
        splits=[split for split in (Split.TRAIN, Split.VALIDATION) if split in present],
    )


def _print_compared(demands: Demands) -> None:
    """Nobody shall think that pairs were compared which were not."""
    from condgen.data.media import Media

    fields = demands.fields
    by_size = [pair for pair in demands.pairs if not pair.same_content and fields[pair.small] == Media.IMAGE]
    if in_full := [pair for pair in demands.pairs if pair not in by_size]:
        print(f"compared as pairs: {', '.join(map(str, in_full))}")
    if by_size:
        print(f"compared by size and colours, not by what they show: {', '.join(map(str, by_size))}")
    if demands.domains:
        print(f"compared as sets without pairs: domain {' and '.join(demands.domains)}")
    elif not demands.pairs and len(set(fields.values())) < len(fields):
        print(f"no pairs compared among {', '.join(fields)}; --pair SMALL:LARGE:SCALE names two that hold the same")


def _pair(text: str) -> FieldPair:
    from condgen.data.check_pairs import FieldPair

    small, _, rest = text.partition(":")
    large, _, scale = rest.partition(":")
    if not small or not large or not (scale or "1").isdecimal():
        raise typer.BadParameter(
            f"{text!r} is not SMALL:LARGE:SCALE, e.g. low:high:4 or noisy:clean", param_hint="--pair"
        )
    return FieldPair(small, large, int(scale or 1), same_content=bool(scale))
