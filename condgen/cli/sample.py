"""`condgen sample`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from condgen.tasks.verb_options import Device, Model

if TYPE_CHECKING:
    from torch import Tensor

app = typer.Typer()

SHOWN_SIDE = 96  # pixels that a picture in a grid has at least
COLUMNS = 8  # of a grid without labels


@app.command()
def sample(
    output: Annotated[
        str, typer.Option("-o", "--output", help="Folder for a file a sample; or a picture, one grid of all.")
    ],
    model: Model,
    label: Annotated[list[str] | None, typer.Option(help="Class to draw; may be repeated. Default: all.")] = None,
    count: Annotated[int, typer.Option(min=1, help="Samples, of each label where the model has labels.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Another number gives other samples.")] = 0,
    device: Device = "auto",
) -> None:
    """Draw pictures from noise, by label where the model knows labels.

    condgen sample --model acgan-mnist -o digits.png

    condgen sample --model acgan-mnist --label 3 --label 7 --count 100 -o digits/

    The same model, labels, count and seed give the same pictures. Outputs are
    replaced.
    """
    import condgen
    from condgen.errors import UserError

    folder = _output(output)
    pipeline = condgen.load(model, device=device)
    if not hasattr(pipeline, "sample"):
        raise UserError(f"model {model} draws no pictures from noise; `condgen models show {model}` says its task")
    known = tuple(pipeline.classes)
    names = list(dict.fromkeys(label or known)) if known else label
    labels = [name for name in names for _ in range(count)] if names else None
    pictures = pipeline.sample(len(labels) if labels else count, labels=labels, seed=seed)
    if folder is None:
        _write_grid(pictures, count if labels else min(count, COLUMNS), labels, Path(output))
        return
    names = [f"{_as_name(one)}-{number % count:05d}" for number, one in enumerate(labels or ["sample"] * count)]
    _write_files(pictures, folder, names)


def _output(output: str) -> Path | None:
    """The folder, or None where the output is a picture. Raises UserError where it can be neither."""
    from condgen.cli import _files
    from condgen.data.image_output import WRITABLE

    endings = _files.Endings(readable=frozenset(), writable=WRITABLE, fallback=".png")
    return None if _files.names_file(["noise"], output, endings) else Path(output)


def _write_grid(pictures: Tensor, columns: int, labels: list[str] | None, target: Path) -> None:
    from condgen.data.image import Picture
    from condgen.data.image_output import write
    from condgen.data.picture_grid import grid

    scale = -(-SHOWN_SIDE // pictures.shape[-1])
    target.parent.mkdir(parents=True, exist_ok=True)
    write(Picture(grid(pictures, columns, captions=labels, scale=scale)), target)


def _write_files(pictures: Tensor, folder: Path, names: list[str]) -> None:
    from condgen.data.image import Picture
    from condgen.data.image_output import write
    from condgen.data.picture_grid import to_uint8
    from condgen.runtime.progress import Progress

    folder.mkdir(parents=True, exist_ok=True)
    with Progress("samples", len(names)) as progress:
        for name, pixels in zip(names, to_uint8(pictures), strict=True):
            write(Picture(pixels), folder / f"{name}.png")
            progress.advance(None)


def _as_name(label: str) -> str:
    """A label as a part of a file's name."""
    return "".join(letter if letter.isalnum() or letter in "-_. " else "-" for letter in label)
