"""Captioned pictures of one figure each, with box and keypoints, and their manifest: obedience can be measured on them.

Six of the 36 pairs of colour and figure are in the test split alone.
"""

from __future__ import annotations

from typing import Annotated

import typer
from _script import Output, report, run

from condgen.data.captioned_shapes import SMALLEST_PICTURE, draw_captioned_shapes


def captioned_shapes(
    output: Output,
    train: Annotated[int, typer.Option(min=1, help="Training pictures.")] = 20000,
    validation: Annotated[int, typer.Option(min=1, help="Validation pictures.")] = 1000,
    test: Annotated[int, typer.Option(min=1, help="Test pictures.")] = 1000,
    size: Annotated[int, typer.Option(min=SMALLEST_PICTURE, help="Pixels a side.")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same pictures.")] = 0,
    all_combinations: Annotated[
        bool, typer.Option("--all-combinations", help="Hold no pair of colour and figure out.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that draw.")] = 1,
) -> None:
    report(
        draw_captioned_shapes(
            output,
            train=train,
            validation=validation,
            test=test,
            size=size,
            seed=seed,
            all_combinations=all_combinations,
            jobs=jobs,
        )
    )


if __name__ == "__main__":
    run(captioned_shapes)
