"""`condgen animate`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from condgen.tasks.verb_options import Device, Model, SkipExisting

if TYPE_CHECKING:
    from condgen.data.animate_requests import Asked

app = typer.Typer()


class Format(StrEnum):
    """Of files in a folder whose names state none."""

    MP4 = "mp4"
    WEBM = "webm"
    GIF = "gif"
    PNG = "png"  # frames one below the other


STEPS = 5  # columns of --to


@app.command()
def animate(
    output: Annotated[
        str, typer.Option("-o", "--output", help="Clip: one, or a grid of several; or a folder for a file each.")
    ],
    text: Annotated[str, typer.Argument(help="What is to be seen, in words.", metavar="TEXT", show_default=False)] = "",
    to: Annotated[
        str | None, typer.Option(metavar="TEXT", help="One grid: the sentences between TEXT and this one, in columns.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=2, max=50, help="Columns of --to.", show_default=str(STEPS))] = None,
    requests: Annotated[
        Path | None, typer.Option(metavar="FILE.jsonl", help="Many texts, one a line, in place of TEXT.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=1_000_000, help="Clips of each text; rows of --to.")] = 1,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of the noise: another number, other clips.")] = 0,
    frames: Annotated[
        int | None,
        typer.Option(min=1, max=10_000, help="Of a clip; default as the model was trained.", show_default=False),
    ] = None,
    fps: Annotated[int, typer.Option(min=1, max=50, help="Frames a second.")] = 8,
    gist: Annotated[
        bool, typer.Option("--gist", help="Also write the still picture that the model paints first.")
    ] = False,
    background: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Take the still background of this text instead.")
    ] = None,
    file_format: Annotated[
        Format | None, typer.Option("--format", help="Of files in a folder; default mp4.", show_default=False)
    ] = None,
    model: Model = "tfgan-shapes",
    device: Device = "auto",
    skip_existing: SkipExisting = False,
) -> None:
    """Make clips of what a text says.

    condgen animate "a large red circle is moving in a straight line towards
    north" -o circle.mp4

    condgen animate "a small blue square is moving in a zigzag path towards
    west" --count 9 -o nine.gif

    condgen animate TEXT --to OTHER -o between.mp4

    condgen animate --requests wishes.jsonl --format gif -o clips/

    condgen animate TEXT --background OTHER --gist --model gist-shapes -o a.mp4

    A line of --requests is {"text": TEXT}, and if you like "background",
    "output", a name in the folder, "count" and "seed"; the last two are else
    those of the command line. A bad line is named, and the rest is made.

    The shipped models know whole sentences as above, or "a large red circle
    is moving in a diagonal path in the northeast direction", and no others.

    The same text, seed and model give the same clip. With another text the
    noise stays; --count N makes clips from noises 0 to N-1 of the seed.

    --gist writes NAME.gist.png beside each file, of models that paint one,
    such as gist-shapes. --background, of models with a background of its own
    such as that, shows what moves before the background that the same noise
    gives to the other text.

    A file's ending says its format: .mp4 .webm .gif or .png. One clip as .png
    is a strip of frames from top to bottom; several are a row of frames each.
    Outputs are replaced.
    """
    from condgen.cli import _animation, _text_requests
    from condgen.errors import UserError

    if steps is not None and to is None:
        raise UserError("--steps are the columns of --to; give both, or leave --steps out")
    columns = steps or STEPS
    is_clip = _is_clip(output, file_format, between=to is not None)
    ending = f".{file_format or Format.MP4}"
    if requests is None:
        asked, problems = [_asked(text, to, background, count, seed)], []
    else:
        asked, problems = _asked_in(requests, [text, to, background], count, seed, ending)

    def load() -> _animation.Animator:
        return _animation.Animator(model, device, frames=frames or 0, with_gist=gist)

    target, companion = Path(output), _animation.GIST if gist else ""
    if is_clip and (requests is not None or to is not None or count > 1):
        _animation.refuse_many(target, sum(one.count for one in asked) * (columns if to else 1))
        if skip_existing and all(path.exists() for path in (target, target.with_suffix(companion or target.suffix))):
            print(f"{output}: skipped (already there)", file=sys.stderr)
        elif to is not None:
            _animation.animate_between(asked[0], columns, load(), target, fps=fps)
        else:
            _animation.animate_grid(asked, problems, load(), target, fps=fps)
        return
    if is_clip:
        target, asked = target.parent, [replace(asked[0], output=target.name)]
    answers, clashes = _text_requests.wanted(asked, target, ending=ending, companion=companion)
    _animation.animate_files(answers, [*problems, *clashes], load, fps=fps, skip_existing=skip_existing)


def _asked(text: str, to: str | None, background: str | None, count: int, seed: int) -> Asked:
    """What the command line asks for. Raises UserError where a text is empty."""
    from condgen.data.animate_requests import Asked
    from condgen.errors import UserError

    if not text.strip():
        raise UserError('there is no text; say what is to be seen, e.g. condgen animate "a red circle" -o circle.mp4')
    for option, given in (("--to", to), ("--background", background)):
        if given is not None and not given.strip():
            raise UserError(f"{option} is empty; give it a text, or leave it out")
    return Asked(text, background or "", to or "", count=count, seed=seed)


def _asked_in(
    requests: Path, texts: Sequence[str | None], count: int, seed: int, ending: str
) -> tuple[list[Asked], list[str]]:
    """What the file asks for, and a line on each of its requests that is none.

    Raises:
        UserError: texts are given too, or the file cannot be read.
    """
    from condgen.data.animate_requests import read_requests
    from condgen.errors import UserError

    if any(texts):
        raise UserError("--requests states texts; leave TEXT, --to and --background out")
    return read_requests(requests, count=count, seed=seed, ending=ending)


def _is_clip(output: str, file_format: Format | None, *, between: bool) -> bool:
    """Whether the output is a clip and not a folder. Raises UserError where it cannot be what it must be."""
    from condgen.cli import _files
    from condgen.data.video_output import WRITABLE
    from condgen.errors import UserError

    if output == _files.STANDARD:
        raise UserError("clips cannot go to standard output; name a folder or a clip")
    endings = _files.Endings(readable=(), writable=WRITABLE, fallback=".mp4")
    is_clip = _files.names_file([""], output, endings)
    if between and not is_clip:
        raise UserError(f"{output}: --to makes one grid; name a clip, e.g. between.mp4")
    if is_clip and file_format is not None:
        raise UserError(f"{output}: the ending says the format; leave --format out, or name a folder")
    return is_clip
