"""Drawn scenes in two styles, unpaired, with hidden true pairs for validation, or as pairs; and their manifest."""

from __future__ import annotations

from typing import Annotated

import typer
from _script import Output, report, run

from condgen.data.synthetic_styles import SMALLEST_SIZE, draw_styles


def synthetic_styles(
    output: Output,
    train: Annotated[int, typer.Option(min=1, help="Training scenes of each style.")] = 2000,
    validation: Annotated[int, typer.Option(min=1, help="Validation scenes of each style, with partners.")] = 200,
    size: Annotated[int, typer.Option(min=SMALLEST_SIZE, help="Pixels a side.")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same scenes.")] = 0,
    paired: Annotated[bool, typer.Option("--paired", help="Pairs, input filled and target outlined.")] = False,
) -> None:
    report(draw_styles(output, train=train, validation=validation, size=size, seed=seed, paired=paired))


if __name__ == "__main__":
    run(synthetic_styles)
