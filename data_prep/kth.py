"""KTH human actions (Schuldt et al., 2004) to one folder with a manifest, in the published splits: people apart.

SOURCE is a folder with the six archives (boxing.zip, ...) of www.csc.kth.se/cvap/actions/, or with the AVI files, and
with 00sequences.txt from there. Every time that somebody does an action is a clip, in grey. Walkers come from one side
and leave to the other: of 160x120 pixels, the square in the middle is kept. For research.

Captions are made of action and setting. Damaged files, as person01_boxing_d4 is known to be, are named and left out:
the manifest has all others, and the exit code is 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from _clips import Frames, Size, Stride, cut_and_report, folders_of
from _script import Output, run

from condgen.data.clip_cutting import Cut
from condgen.data.kth import SEQUENCES, read_kth


def kth(
    source: Annotated[Path, typer.Argument(help="The folder.")],
    output: Output,
    sequences: Annotated[Path | None, typer.Option(help=f"{SEQUENCES}, if it lies elsewhere.")] = None,
    size: Size = 120,
    frames: Frames = 0,
    stride: Stride = 1,
) -> None:
    cut = Cut(size=size, frames=frames, stride=stride)
    takes = read_kth(folders_of(source, output), sequences or source / SEQUENCES)
    cut_and_report(takes, output, cut)


if __name__ == "__main__":
    run(kth)
