"""MPII Human Pose with captions to one folder with a manifest: single people, 16 joints and the head.

Pictures and annotations (13 GB) are downloaded unless --source has an own copy. --captions has lines about each
picture: those of Reed et al. (NIPS 2016; offered through a web page only, see github.com/reedscot/nips2016) as text
files called as the pictures, or a table with columns image and caption (.csv, .tsv, .jsonl). As in GAWWN, of pictures
with one person that stands apart the square around the person is cut out. A random part is validation. For
non-commercial research only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from _captioned import captions_of, prepare
from _script import Output, known_sources, run

from condgen.data.mpii import read_mpii
from condgen.data.sources import unpacked

ANNOTATIONS = "mpii_human_pose_v1_u12_1.mat"


def mpii_people(
    output: Output,
    captions: Annotated[Path, typer.Option(help="Folder or archive of texts, or a table.")],
    source: Annotated[
        Path | None, typer.Option(help=f"Own copy: a folder with images and, at any depth, {ANNOTATIONS}.")
    ] = None,
    fraction: Annotated[float, typer.Option(help="Part kept for validation.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Of the choice.")] = 0,
) -> None:
    texts = captions_of(captions, output)
    if source is not None:
        pictures = annotations = source
    else:
        sources, downloads = known_sources(), output / "downloads"
        annotations = unpacked(sources["mpii-annotations"], downloads)
        pictures = unpacked(sources["mpii-pictures"], downloads)
    found = next(iter(sorted(annotations.glob(f"**/{ANNOTATIONS}"))), annotations / ANNOTATIONS)
    folder = pictures / "images" if (pictures / "images").is_dir() else pictures
    prepare(read_mpii(found, folder, texts), output, fraction=fraction, seed=seed)


if __name__ == "__main__":
    run(mpii_people)
