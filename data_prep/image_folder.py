"""A folder with one sub-folder a class to labelled pictures with a manifest.

The names of the sub-folders are the labels. Some pictures are kept for validation: all of --validation FOLDER, which
has the same sub-folders, or a random part of each class. All are cut to the square in the middle. Left out are files
that cannot be decoded, and training pictures that equal a validation or an earlier training picture.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from _script import Output, report, run

from condgen.data.labelled_preparation import find_classes, read_pictures, write_pictures
from condgen.data.manifest import Split
from condgen.data.preparation import Photo, split_photos
from condgen.errors import UserError


def image_folder(
    folder: Annotated[Path, typer.Argument(help="Has one sub-folder a class.")],
    output: Output,
    validation: Annotated[Path | None, typer.Option(help="The same, of validation pictures.")] = None,
    validation_fraction: Annotated[float, typer.Option(help="Part of each class kept when there is none.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Of the choice of validation pictures.")] = 0,
    size: Annotated[int, typer.Option(help="Pixels a side: larger pictures are reduced to it.")] = 64,
) -> None:
    if size < 1:
        raise UserError(f"--size must be 1 or more, got {size}")
    classes = find_classes(folder, output=output)
    if validation is not None:
        splits = {Split.VALIDATION: find_classes(validation, output=output), Split.TRAIN: classes}
        if unknown := sorted(splits[Split.VALIDATION].keys() - classes.keys()):
            raise UserError(f"{validation} has classes that {folder} has not: {', '.join(unknown)}")
    else:
        splits = _split(classes, validation_fraction, seed)
    seen: dict[str, Path] = {}
    left_out: list[str] = []
    pictures = {  # validation first: where both have a picture, training gives way
        split: read_pictures(splits[split], size, seen, left_out, repeats=split == Split.VALIDATION) for split in splits
    }
    report(write_pictures(pictures, output, left_out))
    print(f"model.classes=[{','.join(classes)}]")


def _split(classes: dict[str, list[Photo]], fraction: float, seed: int) -> dict[Split, dict[str, list[Photo]]]:
    splits: dict[Split, dict[str, list[Photo]]] = {Split.VALIDATION: {}, Split.TRAIN: {}}
    for name, photos in classes.items():
        try:
            parts = split_photos(photos, fraction, seed)
        except UserError as problem:
            raise UserError(f"{name}: {problem}") from None
        for split, some in parts.items():
            splits[split][name] = some
    return splits if fraction else {Split.TRAIN: classes}


if __name__ == "__main__":
    run(image_folder)
