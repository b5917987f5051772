"""Somebody's own captioned clips to one folder with a manifest.

SOURCE is a folder of clips, each with a text file of the same name beside it (a.mp4 and a.txt), a caption a line; or a
table (.csv, .tsv, .jsonl), or a folder with one called captions or metadata, with columns clip, caption, and optional
class and split. A clip is a video, a GIF, a film strip (a picture whose frames are squares side by side), or a folder
of frames. Clips in folders train, val and test, or with that split in the table, are used so; else a random part is
validation. Files are copied as they are; those that cannot be decoded are named and left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from _script import Output, report, run

from condgen.data.captioned_clip_preparation import find_clips, prepare_clips
from condgen.data.captioned_folders import refuse_inside


def captioned_clips(
    source: Annotated[Path, typer.Argument(help="The folder or the table.")],
    output: Output,
    fraction: Annotated[float, typer.Option(help="Part kept for validation, where no split is stated.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Of the choice.")] = 0,
) -> None:
    refuse_inside(source, output)
    clips = find_clips(source).require_good(source)
    report(prepare_clips(clips, output, fraction=fraction, seed=seed))


if __name__ == "__main__":
    run(captioned_clips)
