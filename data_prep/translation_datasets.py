"""The data sets of the pix2pix and the CycleGAN paper, as their authors offer them, to one folder with a manifest.

pix2pix-... are pairs: the halves of pictures. Of facades and maps the photo is on the left, of edges2... the edges, of
night2day either: --direction right-to-left makes the left half the target. cyclegan-... are two sets without
partners. What is called val or test there is kept out of the training.

Downloads 29 MB to 8 GB unless --source has an own copy. No licence is stated for any of them: research and testing
only. The authors no longer offer Cityscapes; with an own copy, see paired_images.py.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from _script import Output, known_sources, report, run

from condgen.data.pair_preparation import prepare_pairs, prepare_sets
from condgen.data.pairs import INPUT_TARGET, Direction, find_pairs, find_sets
from condgen.data.sources import unpacked
from condgen.errors import UserError

PAIRS, SETS = "pix2pix-", "cyclegan-"  # how the names begin

SOURCES = {name: source for name, source in known_sources().items() if name.startswith((PAIRS, SETS))}
Name = StrEnum("Name", [(name, name) for name in SOURCES])


def translation_datasets(
    name: Annotated[Name, typer.Argument(help="Which data set.")],
    output: Output,
    source: Annotated[Path | None, typer.Option(help="Own copy: the archive, or its unpacked folder.")] = None,
    direction: Annotated[
        Direction, typer.Option(help="Of pairs: from the input half to the target half.")
    ] = Direction.LEFT_TO_RIGHT,
) -> None:
    folder = unpacked(SOURCES[name], output / "downloads", source)
    if name.startswith(PAIRS):
        pairs = find_pairs(folder, INPUT_TARGET, direction).require_good(folder)
        report(prepare_pairs(pairs, output, fields=INPUT_TARGET))
    elif direction is Direction.LEFT_TO_RIGHT:
        report(prepare_sets(find_sets([folder]).require_good(folder), output))
    else:
        raise UserError(f"{name} has no pairs, so no direction: a model of it translates both ways")


if __name__ == "__main__":
    run(translation_datasets)
