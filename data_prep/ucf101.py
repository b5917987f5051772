"""UCF-101 (Soomro et al., 2012) to one folder with a manifest, in one of the three published splits.

SOURCE is the folder UCF-101 that UCF101.rar of www.crcv.ucf.edu/data/UCF101.php holds: unpack it by hand (6.5 GB).
--lists takes UCF101TrainTestSplits-RecognitionTask.zip from there, packed or not. Videos of one group show the same
scene: none is in two splits. Captions are made of the classes' names: "a video of apply eye makeup".
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from _clips import Frames, SceneChange, Size, Stride, cut_and_report
from _script import Output, run

from condgen.data.clip_cutting import Cut
from condgen.data.sources import unpack
from condgen.data.ucf101 import read_ucf101

LISTS = "ucfTrainTestlist"  # the folder in the archive


def ucf101(
    source: Annotated[Path, typer.Argument(help="The folder.")],
    output: Output,
    lists: Annotated[Path, typer.Option(help="Folder or archive with trainlist01.txt and testlist01.txt.")],
    split: Annotated[int, typer.Option(min=1, max=3, help="Which of the three.")] = 1,
    validation_groups: Annotated[
        int, typer.Option(min=0, help="Training groups of each class that are validation. 0: the test list is.")
    ] = 2,
    size: Size = 128,
    frames: Frames = 0,
    stride: Stride = 1,
    scene_change: SceneChange = 0,
) -> None:
    cut = Cut(size=size, frames=frames, stride=stride, scene_change=scene_change)
    if lists.is_file():
        lists = unpack(lists, output / "downloads" / LISTS)
    folder = lists / LISTS if (lists / LISTS).is_dir() else lists
    cut_and_report(read_ucf101(source, folder, number=split, validation_groups=validation_groups), output, cut)


if __name__ == "__main__":
    run(ucf101)
