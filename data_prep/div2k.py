"""DIV2K: 800 training and 100 validation photos of 2K resolution, for academic research only.

Downloads 4 GB unless own copies are given. Training photos are cut into overlapping sub-images.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from _script import report, run

from condgen.data.manifest import Split
from condgen.data.preparation import Cut, find_photos, prepare
from condgen.data.sources import read_sources, unpacked


def div2k(
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to make, with manifest.jsonl in it.")],
    train: Annotated[Path | None, typer.Option(help="Own copy: DIV2K_train_HR.zip, or a folder of its photos.")] = None,
    validation: Annotated[Path | None, typer.Option(help="Own copy: DIV2K_valid_HR.zip, or a folder.")] = None,
    size: Annotated[int, typer.Option(help="Pixels a side of a sub-image.")] = 480,
    step: Annotated[int, typer.Option(help="Pixels from one sub-image to the next.")] = 240,
) -> None:
    sources = read_sources(Path(__file__).with_name("sources.toml"))
    splits = {}
    for split, name, own in ((Split.TRAIN, "div2k-train", train), (Split.VALIDATION, "div2k-validation", validation)):
        splits[split] = find_photos([unpacked(sources[name], output / "downloads", own)], output=output)
    report(prepare(splits, output, cut=Cut(size, step)))


if __name__ == "__main__":
    run(div2k)
