"""BSDS500: its 200 training and 200 test photos as training data, for non-commercial research and education.

The `val` photos are left out: they are the benchmark BSD100. So is 302003, of which Set5's `woman` is a copy.
Validation photos come from --validation FOLDER (Set5, say), or are a random part. Downloads 71 MB unless an own copy
is given.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from _script import Output, known_sources, report, run

from condgen.data.manifest import Split
from condgen.data.preparation import find_photos, prepare, split_photos
from condgen.data.sources import unpacked
from condgen.errors import UserError

SET5_WOMAN = "302003"


def bsds(
    output: Output,
    archive: Annotated[Path | None, typer.Option(help="Own copy: BSR_bsds500.tgz, or its unpacked folder.")] = None,
    validation: Annotated[list[Path] | None, typer.Option(help="Folder of validation photos; may be repeated.")] = None,
    fraction: Annotated[float, typer.Option(help="Part of the photos kept for validation when no folder is.")] = 0.05,
    seed: Annotated[int, typer.Option(help="Of the choice of validation photos.")] = 0,
) -> None:
    source = known_sources()["bsds500"]
    root = unpacked(source, output / "downloads", archive)
    folders = [path for name in ("train", "test") for path in sorted(root.rglob(f"images/{name}")) if path.is_dir()]
    if len(folders) != 2:
        raise UserError(f"{root} is not BSDS500: it must have images/train and images/test; {source.by_hand()}")
    found = [photo for photo in find_photos(folders, output=output) if photo.path.stem != SET5_WOMAN]
    if validation:
        splits = {Split.TRAIN: found, Split.VALIDATION: find_photos(validation, output=output)}
    else:
        splits = split_photos(found, fraction, seed)
    report(prepare(splits, output))


if __name__ == "__main__":
    run(bsds)
