"""The colours of marked parts as features of pictures, for a joint embedding without a pretrained network.

Any manifest with boxes and keypoints will do, such as that of cub_birds.py; the new one lies beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from _script import run

from condgen.data.part_colours import add_part_colours


def part_colours(
    manifest: Annotated[Path, typer.Argument(help="Rows with box and keypoints.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The new manifest, in the same folder.")],
    length: Annotated[int, typer.Option(min=1, help="Numbers of a picture's features: set text.width to it.")] = 64,
    views: Annotated[int, typer.Option(min=1, help="Of each picture, the further ones a little shifted.")] = 6,
    seed: Annotated[int, typer.Option(min=0, help="Of the shifts.")] = 0,
) -> None:
    count = add_part_colours(manifest, output, length=length, views=views, seed=seed)
    print(f"{output}: {count} rows, each with {views} vectors of {length} numbers")


if __name__ == "__main__":
    run(part_colours)
