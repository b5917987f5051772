"""Moving Shapes: clips of one or two shapes, sentences that say all of it, and their manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from _script import Output, report, run

from condgen.data.moving_shapes_set import (
    FEWEST_FRAMES,
    MOST_OBJECTS,
    SMALLEST_SIZE,
    Drawing,
    Version,
    draw_moving_shapes,
)


def moving_shapes(
    output: Output,
    train: Annotated[int, typer.Option(min=1, help="Training clips.")] = 20000,
    validation: Annotated[int, typer.Option(min=1, help="Validation clips.")] = 400,
    test: Annotated[int, typer.Option(min=1, help="Test clips.")] = 2000,
    size: Annotated[int, typer.Option(min=SMALLEST_SIZE, help="Pixels a side.")] = 64,
    frames: Annotated[int, typer.Option(min=FEWEST_FRAMES, help="Of a clip.")] = 16,
    version: Annotated[Version, typer.Option(help="1: on black. 2: on drifting textures.")] = Version.BLACK,
    textures: Annotated[
        Path | None, typer.Option(help="A folder of photos for version 2, such as Kylberg's; without, they are drawn.")
    ] = None,
    objects: Annotated[int, typer.Option(min=1, max=MOST_OBJECTS, help="Shapes in a clip.")] = 1,
    unseen: Annotated[
        float, typer.Option(help="Share of the 360 combinations of words that are in the test alone.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same clips.")] = 0,
    published_layout: Annotated[
        bool, typer.Option("--published-layout", help="Also texts and labels, as the authors' loader reads them.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that draw.")] = 1,
) -> None:
    drawing = Drawing(
        size=size,
        frames=frames,
        seed=seed,
        version=version,
        objects=objects,
        unseen=unseen,
        textures=textures,
        published_layout=published_layout,
    )
    report(draw_moving_shapes(output, drawing, train=train, validation=validation, test=test, jobs=jobs))


if __name__ == "__main__":
    run(moving_shapes)
