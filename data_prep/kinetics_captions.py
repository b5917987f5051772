"""Listed videos of the net, such as those of Kinetics, with captions to one folder with a manifest.

LIST is a text with a line class/number a video, such as t2v_list.txt of github.com/minrq/CGAN_Text2Video: 8,562 videos
of the ten classes of Li et al. (2018); or a table with columns youtube_id, label, and perhaps caption, such as those of
Kinetics. Videos are not downloaded: --videos has those that you hold, called NUMBER.mp4 or NUMBER_000010_000020.mp4, at
any depth, with captions in NUMBER.txt beside them, one a line. Where there are no captions, they are made of the class.

As Li et al. did: videos are cut where the scene changes, what does not move is dropped, clips have 32 frames, and the
splits are 7 to 1 to 2, by number: no video is in two, and a video is in the same one for whoever has it. Camera motion
is not taken out.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from _clips import Frames, SceneChange, Size, Stride, cut_and_report
from _script import Output, run

from condgen.data.clip_cutting import SCENE_CHANGE, Cut
from condgen.data.kinetics import find_takes, read_list


def kinetics_captions(
    listing: Annotated[Path, typer.Argument(metavar="LIST", help="The text or the table.")],
    videos: Annotated[Path, typer.Option(help="Folder of the videos.")],
    output: Output,
    classes: Annotated[list[str] | None, typer.Option("--class", help="Only these; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="Of the splits.")] = 0,
    size: Size = 128,
    frames: Frames = 32,
    stride: Stride = 1,
    scene_change: SceneChange = SCENE_CHANGE,
) -> None:
    cut = Cut(size=size, frames=frames, stride=stride, scene_change=scene_change)
    listed = read_list(listing, classes or ())
    takes = find_takes(listed, videos, seed=seed)
    present = len({take.about.further["video"] for take in takes})
    print(f"{present} of {len(listed)} listed videos are in {videos}", file=sys.stderr)
    cut_and_report(takes, output, cut)


if __name__ == "__main__":
    run(kinetics_captions)
