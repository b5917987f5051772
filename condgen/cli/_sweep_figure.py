"""The figure of `condgen draw --sweep`: the same noise in a row, the same place in a column; or as an animation."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from condgen.cli._drawing import LARGEST_GRID, SHOWN_SIDE, Drawer
from condgen.cli._text_requests import make_folder
from condgen.data.draw_requests import Asked, Place, Request
from condgen.data.files import write_atomically
from condgen.data.image import Picture
from condgen.data.image_output import write
from condgen.data.layout import draw_layout, plain_layout
from condgen.data.picture_grid import grid
from condgen.data.sweep import START, Sweep, legs
from condgen.errors import UserError
from condgen.runtime.progress import Progress

ANIMATION = ".gif"
STEPS, FRAMES = 5, 9  # places of a leg: in a picture, in an animation
MILLISECONDS = 100  # a frame


def draw_sweep(asked: Asked, sweep: Sweep, drawer: Drawer, target: Path, *, show_layout: bool) -> None:
    """Write the figure: places in the first row, under it a row for each noise; in an animation, side by side.

    Args:
        asked: without a place, the box starts as `START` says.
        show_layout: draw the places into the pictures too.

    Raises:
        UserError: the model does not take what is asked, or the place does not allow this sweep.
    """
    if asked.box is None and not asked.keypoints and Place.BOX in drawer.canvas.takes:
        asked = replace(asked, box=START[sweep])
    animated = target.suffix.lower() == ANIMATION
    with Progress("rows", asked.count) as progress:
        # what is completed moves with what is given, and is the same at all places
        request = drawer.completed(drawer.request(asked, progress.note), asked.seed)
        ways = legs(request, sweep, FRAMES if animated else STEPS, drawer.canvas.smallest)
        places = [place for leg in ways for place in leg]
        if len(places) * asked.count > LARGEST_GRID:
            raise UserError(f"{target}: {len(places) * asked.count:,} pictures are too many; lower --count")
        rows = [_places(places, drawer.canvas.size)]
        for number in range(asked.count):
            rows.append(_row([replace(place, number=number) for place in places], asked.seed, drawer, show_layout))
            progress.advance()
    make_folder(target.parent)
    if animated:
        write_animation([np.stack(column) for column in zip(*rows, strict=True)], _to_and_fro(ways, request), target)
        return
    names = ["where", *(f"noise {number}" for number in range(asked.count))]
    write(Picture(grid([cell for row in rows for cell in row], len(places), row_captions=names)), target)


def write_animation(columns: Sequence[np.ndarray], order: Sequence[int], target: Path) -> None:
    """A GIF that repeats: each frame shows pictures side by side.

    Args:
        columns: uint8 (N, H, W, 3), all alike.
        order: which of them are shown one after the other.

    Raises:
        UserError: the file cannot be written.
    """
    frames = [Image.fromarray(grid(list(column), len(column))) for column in columns]
    shown = [frames[number] for number in order]
    file = io.BytesIO()
    shown[0].save(file, "GIF", save_all=True, append_images=shown[1:], duration=MILLISECONDS, loop=0)
    write_atomically(target, file.getbuffer())


def _places(places: Sequence[Request], size: int) -> list[np.ndarray]:
    shown = {"side": SHOWN_SIDE, "names": False}
    return [plain_layout(size, box=place.box, keypoints=place.keypoints, **shown) for place in places]


def _row(requests: Sequence[Request], seed: int, drawer: Drawer, show_layout: bool) -> list[np.ndarray]:
    pictures = drawer.draw(requests, seed)
    if show_layout:
        return drawer.layouts(requests, seed, pictures, side=SHOWN_SIDE, names=False)
    return [draw_layout(picture, side=SHOWN_SIDE) for picture in pictures]


def _to_and_fro(ways: Sequence[Sequence[Request]], start: Request) -> list[int]:
    """Frames without a jump: each leg from where the place is asked for to its end, its beginning, and back."""
    order: list[int] = []
    before = 0
    for leg in ways:
        nearest = min(range(len(leg)), key=lambda number: _distance(leg[number], start))
        there = [*range(nearest, len(leg)), *reversed(range(len(leg) - 1)), *range(1, nearest)]
        order += [before + number for number in there]
        before += len(leg)
    return order


def _distance(one: Request, other: Request) -> float:
    def numbers(request: Request) -> list[float]:
        return list(request.box or [number for point in request.keypoints.values() for number in point or ()])

    return sum(abs(mine - others) for mine, others in zip(numbers(one), numbers(other), strict=True))
