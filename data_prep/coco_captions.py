"""COCO 2017 with captions, boxes and the keypoints of people to one folder with a manifest.

Downloads 20 GB unless --source has an own copy. A row for each picture with an object: its largest, or its largest of
--category; keypoints are those of the object if it is a person. val2017 is validation. Annotations are CC BY 4.0; the
pictures are of Flickr, under the licences that their owners chose.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from _captioned import prepare
from _script import Output, known_sources, run

from condgen.data.coco_captions import read_coco
from condgen.data.sources import unpacked

SETS = ("coco-train-2017", "coco-validation-2017")


def coco_captions(
    output: Output,
    source: Annotated[
        Path | None, typer.Option(help="Own copy: a folder with annotations, train2017 and val2017 (or of 2014).")
    ] = None,
    category: Annotated[str, typer.Option(help="Of the objects, such as person; empty: any.")] = "",
    fraction: Annotated[float, typer.Option(help="Part kept for validation where no val set is.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Of that choice.")] = 0,
) -> None:
    if source is not None:
        annotations, roots = source / "annotations", [source]
    else:
        sources, downloads = known_sources(), output / "downloads"
        annotations = unpacked(sources["coco-annotations-2017"], downloads) / "annotations"
        roots = [unpacked(sources[name], downloads) for name in SETS]
    prepare(read_coco(annotations, roots, category), output, fraction=fraction, seed=seed)


if __name__ == "__main__":
    run(coco_captions)
