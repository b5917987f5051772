"""Caltech-UCSD Birds-200-2011 with captions, boxes and 15 keypoints to one folder with a manifest; classes apart.

The pictures (1.2 GB) are downloaded unless --source has an own copy. The captions of Reed et al. (CVPR 2016, ten a
picture) are offered through a web page only: fetch cvpr2016_cub.tar.gz from github.com/reedscot/cvpr2016 by hand; its
text_c10 is what --captions takes, packed or not (as text, not the .t7 files of Torch beside it). Pictures are for
non-commercial research and education only.

No class is in two splits: by the lists of --lists (trainids.txt, trainvalids.txt, testclasses.txt and the like), else
by a seeded choice of as many classes as published: 100, 50 and 50.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from _captioned import captions_of, prepare
from _script import Output, known_sources, run

from condgen.data.class_splits import assigned, disjoint, published, without_test
from condgen.data.cub import read_cub, readable
from condgen.data.sources import unpacked


def cub_birds(
    output: Output,
    captions: Annotated[Path, typer.Option(help="Folder or archive with text_c10, or a table of image and caption.")],
    source: Annotated[Path | None, typer.Option(help="Own copy: CUB_200_2011.tgz, or its unpacked folder.")] = None,
    lists: Annotated[Path | None, typer.Option(help="Folder with lists of the classes of each split.")] = None,
    validation_classes: Annotated[int, typer.Option(help="How many, without --lists.")] = 50,
    test_classes: Annotated[
        int, typer.Option(help="How many, without --lists. 0 with them: theirs are validation, and all others train.")
    ] = 50,
    seed: Annotated[int, typer.Option(help="Of the choice of classes.")] = 0,
) -> None:
    texts = captions_of(captions, output)
    published_set = known_sources()["cub-200-2011"]
    birds = read_cub(unpacked(published_set, output / "downloads", source), texts)
    classes = list(dict.fromkeys(bird.category for bird in birds))
    if lists is not None:
        splits = published(lists, classes)
        if not test_classes:
            splits = without_test(splits)
    else:
        splits = disjoint(classes, validation=validation_classes, test=test_classes, seed=seed)
    named = [replace(bird, category=readable(bird.category)) for bird in assigned(birds, splits)]
    prepare(named, output, seed=seed)


if __name__ == "__main__":
    run(cub_birds)
