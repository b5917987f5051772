"""Benchmark folders (Set5, Set14, BSD100, Urban100, ...) to validation manifests, one a folder.

Only the high-resolution pictures are taken; low-resolution ones are made from them when a model is evaluated. The
usual layouts are known: image_SRF_4/*_HR.png, HR/ or GTmod12/ beside LRbicx4/, and a plain folder of pictures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from _script import report, run

from condgen.data.manifest import Split
from condgen.data.preparation import find_ground_truth, prepare


def benchmark(
    folders: Annotated[list[Path], typer.Argument(help="One folder a benchmark, e.g. Set5 Set14.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Gets NAME/manifest.jsonl for each folder NAME.")],
    scale: Annotated[int, typer.Option(help="Which image_SRF_N to take where there are several.")] = 4,
) -> None:
    for folder in folders:
        target = output / folder.resolve().name
        report(prepare({Split.VALIDATION: find_ground_truth(folder, scale, output=target)}, target))


if __name__ == "__main__":
    run(benchmark)
