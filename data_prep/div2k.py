"""DIV2K: 800 training and 100 validation photos of 2K resolution, for academic research only.

Downloads 4 GB unless own copies are given. Training photos are cut into overlapping sub-images.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from _script import Output, known_sources, report, run

from condgen.data.manifest import Split
from condgen.data.preparation import Cut, find_photos, prepare
from condgen.data.sources import unpacked


def div2k(
    output: Output,
    train: Annotated[Path | None, typer.Option(help="Own copy: DIV2K_train_HR.zip, or a folder of its photos.")] = None,
    validation: Annotated[Path | None, typer.Option(help="Own copy: DIV2K_valid_HR.zip, or a folder.")] = None,
    size: Annotated[int, typer.Option(help="Pixels a side of a sub-image.")] = 480,
    step: Annotated[int, typer.Option(help="Pixels from one sub-image to the next.")] = 240,
) -> None:
    sources = known_sources()
    splits = {}
    for split, name, own in ((Split.TRAIN, "div2k-train", train), (Split.VALIDATION, "div2k-validation", validation)):
        splits[split] = find_photos([unpacked(sources[name], output / "downloads", own)], output=output)
    report(prepare(splits, output, cut=Cut(size, step)))


if __name__ == "__main__":
    run(div2k)
