"""Folders of photos to one folder with a manifest.

Photos are found in all subfolders. Some are kept for validation: all of --validation FOLDER, or a random part. Large
training photos are cut into overlapping sub-images, so that loading keeps up with training.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from _script import Output, report, run

from condgen.data.manifest import Split
from condgen.data.preparation import Cut, find_photos, prepare, split_photos


def photos(
    folders: Annotated[list[Path], typer.Argument(help="Folders of photos, joined.")],
    output: Output,
    validation: Annotated[list[Path] | None, typer.Option(help="Folder of validation photos; may be repeated.")] = None,
    fraction: Annotated[float, typer.Option(help="Part of the photos kept for validation when no folder is.")] = 0.05,
    seed: Annotated[int, typer.Option(help="Of the choice of validation photos.")] = 0,
    cut: Annotated[bool, typer.Option(help="Cut large training photos into sub-images.")] = True,
    size: Annotated[int, typer.Option(help="Pixels a side of a sub-image.")] = 480,
    step: Annotated[int, typer.Option(help="Pixels from one sub-image to the next.")] = 240,
    minimum_size: Annotated[int, typer.Option(help="Leave out training photos with a shorter side.")] = 96,
) -> None:
    found = find_photos(folders, output=output)
    if validation:
        splits = {Split.TRAIN: found, Split.VALIDATION: find_photos(validation, output=output)}
    else:
        splits = split_photos(found, fraction, seed)
    report(prepare(splits, output, cut=Cut(size, step) if cut else None, minimum_size=minimum_size))


if __name__ == "__main__":
    run(photos)
