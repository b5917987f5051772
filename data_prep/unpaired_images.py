"""Two sets of pictures without partners, domains a and b, to one folder with a manifest.

The sets are two folders; or one folder with trainA and trainB (valA, valB, testA, testB), or with sub-folders A and B,
or with two sub-folders of any names; or a CSV or JSONL table with columns image and domain. Some pictures are kept for
validation: those of --validation A B, those that lie in val or test, or else a random part of each set.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from _script import Output, report, run

from condgen.data.pair_preparation import prepare_sets
from condgen.data.pairs import find_sets
from condgen.errors import UserError


def unpaired_images(
    sources: Annotated[list[Path], typer.Argument(help="The two folders, or one folder or table with both sets.")],
    output: Output,
    validation: Annotated[
        tuple[Path, Path] | None, typer.Option(help="Folders of validation pictures of a and of b.")
    ] = None,
    fraction: Annotated[float, typer.Option(help="Part of each set kept for validation when none is named.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Of the choice of validation pictures.")] = 0,
) -> None:
    if len(sources) > 2:
        raise UserError(f"there are two sets, got {len(sources)} folders; join those of one set in one folder")
    members = find_sets(sources, validation=validation or ()).require_good(sources[0])
    report(prepare_sets(members, output, fraction=fraction, seed=seed))


if __name__ == "__main__":
    run(unpaired_images)
