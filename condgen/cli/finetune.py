"""`condgen finetune`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from condgen.data.captioned_folders import CLIP_LAYOUTS
from condgen.data.pairs import LAYOUTS

app = typer.Typer()

HELP = """Train a model further on your own data, and measure what it has brought.

condgen finetune srgan-x4 --data photos/ -o runs/mine

condgen upscale photo.jpg -o large.png --model runs/mine/model

The data is checked first, and part of it left out. That part is measured
before and after; a table, report.md, and before-after.png (or sounds in
before-after/) show the result, RUN/model is the model.

What --data takes depends on the model's task:

srgan: a folder of photos; or pairs of low and high resolution.
segan: pairs of noisy and clean recordings.
pix2pix: pairs of input and target pictures. Side by side, the input is
on the left; for others see data_prep/paired_images.py --direction.
cyclegan: two sets without partners.
class_conditional: a folder with one sub-folder of pictures a class, flat or
in train and val.
gan_cls, gawwn: captioned pictures: each with a .txt beside it, a caption a
line; or a table captions.csv (.tsv, .jsonl) with the columns image, caption and,
for gawwn, x, y, w and h of a box, or keypoints.
tfgan, text_to_video: captioned clips, in a layout below.
Each also takes a manifest, .jsonl with a split in every row.

"""


def _help() -> str:
    """Each layout in one line, which the console then wraps."""
    pairs = re.sub(r"(?<![;:.])\n +", " ", LAYOUTS).replace("\n  ", "\n")
    clips = re.sub(r"\n(?! 2|Columns) *", " ", CLIP_LAYOUTS).replace("\n ", "\n").strip()
    return f"{HELP}{pairs}\nCAPTIONED CLIPS are one of:\n{clips}"


@app.command(help=_help())
def finetune(
    model: Annotated[str, typer.Argument(help="Shipped name, model folder, or hub id owner/name.", metavar="MODEL")],
    data: Annotated[Path, typer.Option("--data", help="Your own: a folder, a table, or a manifest.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, e.g. trainer.iterations=2000")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Run folder; default runs/MODEL-own.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest checkpoint, if there is one.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the data, print config, players, turns; train nothing.")
    ] = False,
) -> None:
    from condgen import finetuning

    folder = output or Path("runs") / f"{finetuning.name_of(model)}-own"
    if dry_run:
        print(finetuning.describe(model, data, folder, overrides or ()))
        return
    finetuning.finetune(model, data, folder, overrides or (), resume=resume)
