"""Drawn pictures with the statistics of photos, and their manifest: data without a download or a licence."""

from __future__ import annotations

from typing import Annotated

import typer
from _script import Output, report, run

from condgen.data.synthetic import draw


def synthetic_photos(
    output: Output,
    train: Annotated[int, typer.Option(help="Number of training pictures.")] = 40,
    validation: Annotated[int, typer.Option(help="Number of validation pictures.")] = 4,
    size: Annotated[int, typer.Option(help="Pixels a side.")] = 256,
    seed: Annotated[int, typer.Option(help="The same seed draws the same pictures.")] = 0,
) -> None:
    report(draw(output, train=train, validation=validation, size=size, seed=seed))


if __name__ == "__main__":
    run(synthetic_photos)
