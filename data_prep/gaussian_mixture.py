"""Points in the plane from a mixture of Gaussians on a square grid, and their manifest.

The defaults are nine modes 2 apart, as ALI's authors set them (IshmaelBelghazi/ALI, experiments/gan_mixture.py in
an early version), but 0.2 wide where theirs are 0.05: a short training then finds them. Their paper's 25 modes: --side
5 --deviation 0.05.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import typer
from _script import Output, report, run

from condgen.data.manifest import Split, write
from condgen.data.preparation import MANIFEST, Prepared

DECIMALS = 5  # of a coordinate in the manifest


def gaussian_mixture(
    output: Output,
    train: Annotated[int, typer.Option(min=2, help="Training points of each mode.")] = 10_000,
    validation: Annotated[int, typer.Option(min=2, help="Validation points of each mode.")] = 200,
    side: Annotated[int, typer.Option(min=1, help="Modes a side of the grid.")] = 3,
    spacing: Annotated[float, typer.Option(min=0.01, help="From a mode's centre to the next.")] = 2.0,
    deviation: Annotated[float, typer.Option(min=0.001, help="Of each mode in x and y.")] = 0.2,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same points.")] = 0,
) -> None:
    random, counts = np.random.default_rng(seed), {Split.TRAIN: train, Split.VALIDATION: validation}
    line = spacing * (np.arange(side) - (side - 1) / 2)
    centres = np.array(list(itertools.product(line, line)))
    rows = [row for split, count in counts.items() for row in _drawn(split, centres, count, deviation, random)]
    write(output / MANIFEST, rows)
    totals = {split: count * len(centres) for split, count in counts.items()}
    report(Prepared(output / MANIFEST, totals, (), what="points", sources="points"))


def _drawn(
    split: Split, centres: np.ndarray, count: int, deviation: float, random: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """Rows of `count` points of each mode."""
    for mode, centre in enumerate(centres):
        for point in random.normal(centre, deviation, (count, 2)).round(DECIMALS).tolist():
            yield {"split": str(split), "point": point, "mode": mode}


if __name__ == "__main__":
    run(gaussian_mixture)
