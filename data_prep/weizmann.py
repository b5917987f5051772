"""Weizmann's actions (Gorelick et al., 2007) to one folder with a manifest; people apart.

SOURCE is a folder of the published AVI files (bend/daria_bend.avi), or of their archives (bend.zip, run.zip, ...) from
www.wisdom.weizmann.ac.il/~vision/SpaceTimeActions.html; or a folder of film strips with a table clips.csv (columns
file, action, subject), such as the four actions that MoCoGAN was trained on. For research.

Clips are kept whole, as they are: training takes windows of them. Captions are made of the actions' names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from _clips import folders_of
from _script import Output, report, run

from condgen.data.captioned_clip_preparation import prepare_clips
from condgen.data.left_out import findings_of
from condgen.data.weizmann import read_weizmann


def weizmann(
    source: Annotated[Path, typer.Argument(help="The folder.")],
    output: Output,
    validation_subjects: Annotated[int, typer.Option(min=1, help="People whose clips are validation.")] = 1,
    test_subjects: Annotated[int, typer.Option(min=0, help="People whose clips are test: the last ones.")] = 1,
) -> None:
    clips = read_weizmann(folders_of(source, output), validation=validation_subjects, test=test_subjects)
    made = prepare_clips(clips, output)
    report(made)
    if any(finding.is_error for finding in findings_of(made.left_out)):
        raise typer.Exit(1)


if __name__ == "__main__":
    run(weizmann)
