"""`condgen draw`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from condgen.data.sweep import Sweep
from condgen.tasks.verb_options import Device, Model, SkipExisting

if TYPE_CHECKING:
    from condgen.cli._drawing import Drawer
    from condgen.data.draw_requests import Asked

app = typer.Typer()

SWEPT = 4  # noises of a sweep for which no --count is given


@app.command()
def draw(
    output: Annotated[
        str, typer.Option("-o", "--output", help="Picture: one, or a grid of several; or a folder for a file each.")
    ],
    text: Annotated[str, typer.Argument(help="What to draw, in words.", metavar="TEXT", show_default=False)] = "",
    box: Annotated[
        str | None, typer.Option(metavar="X,Y,W,H", help="Where: left top corner, width and height of a box.")
    ] = None,
    keypoint: Annotated[
        list[str] | None, typer.Option(metavar="NAME=X,Y", help="Where a named part is; may be repeated.")
    ] = None,
    requests: Annotated[
        Path | None, typer.Option(metavar="FILE.jsonl", help="Many texts and places, one a line, in place of TEXT.")
    ] = None,
    sweep: Annotated[
        Sweep | None, typer.Option(help="One figure: the same noise while the place moves, is stretched or shrunk.")
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(min=1, max=1_000_000, help="Of each text; default 1, in a sweep 4 rows.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of the noise: another number, other pictures.")] = 0,
    show_layout: Annotated[bool, typer.Option("--show-layout", help="Also show the place that was asked for.")] = False,
    model: Model = "gawwn-shapes",
    device: Device = "auto",
    skip_existing: SkipExisting = False,
) -> None:
    """Draw what a text says, where you say.

    condgen draw "a large red triangle" --box 8,8,32,32 -o triangle.png

    condgen draw "a blue square" --keypoint "top left=0.2,0.3" --count 8 -o squares.png

    condgen draw --requests wishes.jsonl --show-layout -o drawn/

    condgen draw "a red triangle" --box 0.3,0.3,0.4,0.4 --sweep move -o moved.gif

    Coordinates are pixels of the drawn picture, x to the right and y down from
    its left top corner. Where no number of a box or point is above 1 and one
    has a decimal point, they are fractions of its side: 0.25,0.25,0.5,0.5.

    A line of --requests is {"text": "a red triangle", "box": [8, 8, 32, 32]},
    or with "keypoints": {"top left": [0.2, 0.3]}, and if you like "output",
    a name in the folder, "count" and "seed"; the last two are else those of
    the command line. A bad line is named, and the rest is drawn.

    The same text, place, seed and model give the same picture. With another
    place the noise stays, so the object moves and keeps its looks; --count N
    draws from noises 0 to N-1 of the seed.

    --show-layout writes NAME-layout.png beside each file, enlarged; in a grid
    each picture stands beside its layout, in a --sweep it is drawn into it.
    Hollow points are those that the model has added.

    --sweep writes a picture, a row a noise and a column a place, or a .gif.
    Without a place the box begins in the middle.

    A file's ending says its format: .png .jpg .webp or .tif. Outputs are
    replaced.
    """
    from condgen.cli import _drawing, _text_requests
    from condgen.errors import UserError

    if sweep is not None and requests is not None:
        raise UserError("--sweep makes one figure; give a TEXT and a place with it, not --requests")
    as_picture = _is_picture(output, swept=sweep is not None)
    asked, problems = _asked(text, box, keypoint or [], requests, count or (SWEPT if sweep else 1), seed)
    total = sum(one.count for one in asked)
    as_grid = as_picture and (requests is not None or total > 1) and not sweep
    if as_grid and total > _drawing.LARGEST_GRID:
        raise UserError(f"{output}: {total:,} pictures make too large a grid; name a folder, or lower --count")
    if (sweep or as_grid) and skip_existing and Path(output).exists():
        print(f"{output}: skipped (already there)", file=sys.stderr)
        return

    def load() -> _drawing.Drawer:
        return _drawing.Drawer(model, device, option="--sweep" if sweep else "--show-layout" if show_layout else "")

    if sweep:
        _sweep(asked[0], sweep, load, Path(output), show_layout)
    elif as_grid:
        _drawing.draw_grid(asked, problems, load, Path(output), show_layout=show_layout)
    else:
        folder = Path(output)
        if as_picture:
            folder, asked = folder.parent, [replace(asked[0], output=folder.name)]
        companion = "-layout.png" if show_layout else ""
        pictures, clashes = _text_requests.wanted(asked, folder, ending=".png", companion=companion)
        problems += clashes
        _drawing.draw_files(pictures, problems, load, show_layout=show_layout, skip_existing=skip_existing)


def _sweep(asked: Asked, sweep: Sweep, load: Callable[[], Drawer], target: Path, show_layout: bool) -> None:
    from condgen.cli._sweep_figure import draw_sweep

    draw_sweep(asked, sweep, load(), target, show_layout=show_layout)


def _asked(
    text: str, box: str | None, keypoints: list[str], requests: Path | None, count: int, seed: int
) -> tuple[list[Asked], list[str]]:
    """What the command line or the file asks for, and a line on each request of the file that is none.

    Raises:
        UserError: both or neither are given, a place is not written as it must be, or the file cannot be read.
    """
    from condgen.data.draw_requests import Asked, parse_box, parse_keypoints, read_requests
    from condgen.errors import UserError

    if requests is not None:
        if text or box is not None or keypoints:
            raise UserError("--requests states texts and places; leave TEXT, --box and --keypoint out")
        return read_requests(requests, count=count, seed=seed)
    if not text.strip():
        raise UserError('there is no text; say what to draw, e.g. condgen draw "a large red triangle" -o triangle.png')
    place = None if box is None else parse_box(box)
    return [Asked(text, place, parse_keypoints(keypoints), count=count, seed=seed)], []


def _is_picture(output: str, *, swept: bool) -> bool:
    """Whether the output is a picture and not a folder. Raises UserError where it cannot be what it must be."""
    from condgen.cli import _files
    from condgen.data.image_output import WRITABLE
    from condgen.errors import UserError

    if output == _files.STANDARD:
        raise UserError("pictures cannot go to standard output; name a folder or a picture")
    endings = _files.Endings(readable=(), writable=(*WRITABLE, ".gif") if swept else WRITABLE, fallback=".png")
    is_picture = _files.names_file([""], output, endings)
    if swept and not is_picture:
        raise UserError(f"{output}: a sweep is one figure; name a picture, e.g. sweep.png or sweep.gif")
    return is_picture
