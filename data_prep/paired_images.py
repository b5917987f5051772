"""Pairs of pictures, input and target, to one folder with a manifest.

SOURCE is a folder with sub-folders input and target (or source and target, A and B), whose files have the same names
but for the ending; or a folder of pictures twice as wide as high that hold both, side by side; or a CSV or JSONL table
with columns input and target. What lies in val or test, or has that split in the table, is kept out of the training;
where nothing is, a random part is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from _script import Output, report, run

from condgen.data.pair_preparation import prepare_pairs
from condgen.data.pairs import INPUT_TARGET, Direction, find_pairs


def paired_images(
    source: Annotated[Path, typer.Argument(help="The folder, or the table.")],
    output: Output,
    direction: Annotated[
        Direction, typer.Option(help="Of pictures side by side: from the input half to the target half.")
    ] = Direction.LEFT_TO_RIGHT,
    fraction: Annotated[float, typer.Option(help="Part of the pairs kept for validation when no folder is.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Of the choice of validation pairs.")] = 0,
) -> None:
    pairs = find_pairs(source, INPUT_TARGET, direction).require_good(source)
    report(prepare_pairs(pairs, output, fields=INPUT_TARGET, fraction=fraction, seed=seed))


if __name__ == "__main__":
    run(paired_images)
