"""Drawn circles, squares and triangles with their labels, and their manifest: data without a download or a licence."""

from __future__ import annotations

from typing import Annotated

import typer
from _script import Output, report, run

from condgen.data.synthetic_shapes import draw_shapes


def synthetic_shapes(
    output: Output,
    train: Annotated[int, typer.Option(min=1, help="Training pictures of each shape.")] = 200,
    validation: Annotated[int, typer.Option(min=1, help="Validation pictures of each shape.")] = 50,
    size: Annotated[int, typer.Option(min=8, help="Pixels a side.")] = 28,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same pictures.")] = 0,
) -> None:
    report(draw_shapes(output, train=train, validation=validation, size=size, seed=seed))


if __name__ == "__main__":
    run(synthetic_shapes)
