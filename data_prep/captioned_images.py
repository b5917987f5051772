"""Captioned pictures, with or without boxes and keypoints, to one folder with a manifest.

SOURCE is a table (.csv, .tsv, .jsonl) or a folder with one, called captions or metadata, or a folder of pictures, each
with a text file of the same name beside it, a caption a line. Columns: image (file, file_name), captions (caption,
text), and optional class (class_name), split, box (bbox; left top corner, width, height) and keypoints (parts; a JSON
object: to each name x and y, or null), in pixels of the file. Others are kept; columns of other names are given by
option. Pictures are not resized.

Where there is no split, a random part is validation; with --disjoint-classes, so many classes are.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from _captioned import prepare
from _script import Output, run

from condgen.data.bird_sentences import read_votes, sentences
from condgen.data.captioned_folders import find_captioned, refuse_inside
from condgen.data.captioned_picture import CaptionedPicture
from condgen.data.captioned_places import place_findings
from condgen.data.captioned_tables import Columns
from condgen.data.class_splits import assigned, disjoint
from condgen.errors import UserError

SENTENCES = 10  # a picture, as people wrote of CUB's
SYNTHETIC = "synthetic_captions"  # field of rows whose captions nobody has written


def captioned_images(
    source: Annotated[Path, typer.Argument(help="The table, or the folder.")],
    output: Output,
    image: Annotated[str, typer.Option(help="Column of the pictures' files.")] = "",
    captions: Annotated[str, typer.Option(help="Column of captions.")] = "",
    category: Annotated[str, typer.Option("--class", help="Column of classes.")] = "",
    box: Annotated[str, typer.Option(help="Column of boxes.")] = "",
    keypoints: Annotated[str, typer.Option(help="Column of keypoints.")] = "",
    disjoint_classes: Annotated[
        int, typer.Option(help="Classes kept for validation, of those with captions; 0: a part of the pictures is.")
    ] = 0,
    fraction: Annotated[float, typer.Option(help="That part, where no split is stated.")] = 0.1,
    attributes: Annotated[
        Path | None,
        typer.Option(
            help="CSV of CUB's class attributes (class_name, has_wing_color::blue, ...): makes ten sentences for each "
            "picture of a bird without captions, and marks its row synthetic_captions."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the choice for validation, and of such sentences.")] = 0,
) -> None:
    refuse_inside(source, output)
    columns = Columns(image, captions, category, box, keypoints)
    found = find_captioned(source, columns)
    places = place_findings(found.items) if not found.findings else ()  # else not all rows are here to compare
    pictures: Sequence[CaptionedPicture] = replace(found, findings=(*found.findings, *places)).require_good(source)
    if disjoint_classes:
        described = {picture.category for picture in pictures if picture.captions}
        if "" in described:
            raise UserError(f"{source}: some pictures have no class, so classes cannot be kept apart")
        splits = disjoint(described, validation=disjoint_classes, seed=seed)
        others = disjoint({picture.category for picture in pictures}, validation=0)
        pictures = assigned(pictures, others | splits)
    if attributes is not None:
        pictures = _described(pictures, attributes, seed)
    prepare(pictures, output, fraction=fraction, seed=seed)


def _described(pictures: Sequence[CaptionedPicture], table: Path, seed: int) -> list[CaptionedPicture]:
    """The same pictures; those without captions get sentences of their class's attributes."""
    votes = read_votes(table)
    bare = [picture for picture in pictures if not picture.captions]
    if unknown := sorted({picture.category for picture in bare} - votes.keys()):
        raise UserError(f"{table} has no class {unknown[0]!r}; {len(unknown)} classes of the source are not in it")
    print(f"synthetic sentences for {len(bare)} pictures", file=sys.stderr)
    return [
        picture
        if picture.captions
        else replace(
            picture,
            captions=sentences(votes[picture.category], SENTENCES, random.Random(f"{seed} {picture.name}")),
            further={**picture.further, SYNTHETIC: True},
        )
        for picture in pictures
    ]


if __name__ == "__main__":
    run(captioned_images)
