"""Somebody's own captioned clips to one folder with a manifest.

SOURCE is a folder of clips, each with a text file of the same name beside it (a.mp4 and a.txt), a caption a line; or a
table (.csv, .tsv, .jsonl), or a folder with one called captions or metadata, with columns clip, caption, and optional
class and split. A clip is a video, a GIF, a film strip (a picture whose frames are squares side by side), or a folder
of frames. Clips in folders train, val and test, or with that split in the table, are used so; else a random part is
validation. Files are copied as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from _clips import Output
from _script import run

from condgen.data.captioned_clip_preparation import prepare
from condgen.data.manifest import Manifest
from condgen.data.pairs import Found
from condgen.data.preparation import MANIFEST


def captioned_clips(
    source: Annotated[Path, typer.Argument(help="The folder or the table.")],
    output: Output,
    fraction: Annotated[float, typer.Option(help="Part kept for validation, where no split is stated.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Of the choice.")] = 0,
) -> None:
    Found(findings=tuple(prepare(source, output, fraction=fraction, seed=seed))).require_good(source)
    print(f"{output / MANIFEST}: {len(Manifest.read(output / MANIFEST).all_rows)} clips")


if __name__ == "__main__":
    run(captioned_clips)
