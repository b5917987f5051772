"""Oxford-102 flowers with captions to one folder with a manifest; classes apart.

The pictures (345 MB) and labels are downloaded unless --source has an own copy. The captions of Reed et al. (CVPR 2016,
ten a picture) are offered through a web page only: fetch cvpr2016_flowers.tar.gz from github.com/reedscot/cvpr2016 by
hand; its text_c10 is what --captions takes, packed or not (as text, not the .t7 files of Torch beside it). No licence
is stated for the pictures.

No class is in two splits: by the lists of --lists (trainids.txt, trainvalids.txt, testclasses.txt and the like), else
by a seeded choice of as many classes as published: 62, 20 and 20.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from _captioned import captions_of, prepare
from _script import Output, known_sources, run

from condgen.data.class_splits import assigned, disjoint, published, without_test
from condgen.data.oxford_flowers import read_flowers
from condgen.data.sources import obtain, unpacked

LABELS = "imagelabels.mat"


def oxford_flowers(
    output: Output,
    captions: Annotated[Path, typer.Option(help="Folder or archive with text_c10, or a table of image and caption.")],
    source: Annotated[
        Path | None, typer.Option(help="Own copy: a folder with imagelabels.mat, and jpg or 102flowers.tgz.")
    ] = None,
    lists: Annotated[Path | None, typer.Option(help="Folder with lists of the classes of each split.")] = None,
    validation_classes: Annotated[int, typer.Option(help="How many, without --lists.")] = 20,
    test_classes: Annotated[
        int, typer.Option(help="How many, without --lists. 0 with them: theirs are validation, and all others train.")
    ] = 20,
    seed: Annotated[int, typer.Option(help="Of the choice of classes.")] = 0,
) -> None:
    texts = captions_of(captions, output)
    sources = known_sources()
    labels, own = None, source
    if source is not None:
        labels, archive = source / LABELS, source / sources["oxford-flowers"].file
        own = archive if archive.is_file() and not (source / "jpg").is_dir() else source
    pictures = unpacked(sources["oxford-flowers"], output / "downloads", own)
    labels = labels or obtain(sources["oxford-flowers-labels"], output / "downloads")
    flowers = read_flowers(pictures, labels, texts)
    classes = list(dict.fromkeys(flower.category for flower in flowers))
    if lists is not None:
        splits = published(lists, classes)
        if not test_classes:
            splits = without_test(splits)
    else:
        splits = disjoint(classes, validation=validation_classes, test=test_classes, seed=seed)
    prepare(assigned(flowers, splits), output, seed=seed)


if __name__ == "__main__":
    run(oxford_flowers)
