"""What the scripts for captioned clips share: where videos lie, options, and the last step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from _script import report

from condgen.data.clip_cutting import Cut, Take, cut_clips
from condgen.data.sources import unpack
from condgen.errors import UserError

Size = Annotated[int, typer.Option(help="Pixels a side: larger videos are reduced to it, and cropped in the middle.")]
Frames = Annotated[
    int, typer.Option(help="Of a clip: longer videos give several. 0: whole videos, or pieces of 256 frames.")
]
Stride = Annotated[int, typer.Option(help="Frames of the video from one that is kept to the next.")]
SceneChange = Annotated[
    float, typer.Option(help="Cuts where colours change by so many of 256 levels, and drops stills. 0: does not.")
]


def folders_of(source: Path, output: Path) -> list[Path]:
    """The folder itself, if AVI files are in it, else those that its zip archives are unpacked to below `output`."""
    if not source.is_dir():
        raise UserError(f"there is no folder {source}")
    archives = [] if next(source.rglob("*.avi"), None) else sorted(source.glob("*.zip"))
    return [unpack(archive, output / "downloads" / archive.stem) for archive in archives] or [source]


def cut_and_report(takes: Sequence[Take], output: Path, cut: Cut) -> None:
    """Write the clips; files that cannot be read are named, and the others go on.

    Raises:
        UserError: as `cut_clips`; or, with all others written, some cannot be read.
    """
    made = cut_clips(takes, output, cut)
    report(made)
    if made.unreadable:
        raise UserError(f"some videos cannot be read, see above; {made.manifest} has the clips of all others")
