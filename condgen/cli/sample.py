"""`condgen sample`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from condgen.tasks.verb_options import Device, Model

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

app = typer.Typer()

SHOWN_SIDE = 96  # pixels that a picture in a grid has at least
COLUMNS = 8  # of a grid without labels
LARGEST_GRID = 2500  # pictures
PORTION = 1000  # files' pictures that are in memory together


@app.command()
def sample(
    output: Annotated[
        str, typer.Option("-o", "--output", help="Folder for a file a sample; or a picture, one grid of all.")
    ],
    model: Model,
    label: Annotated[list[str] | None, typer.Option(help="Class to draw; may be repeated. Default: all.")] = None,
    count: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Samples, of each label where the model has labels.")
    ] = 8,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Another number gives other samples.")] = 0,
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
    if hasattr(pipeline, "animate"):
        from condgen.cli._animation import WITHOUT_TEXT

        does = f"try condgen animate TEXT --model {model}" if hasattr(pipeline, "text_encoder") else WITHOUT_TEXT
        raise UserError(f"model {model} draws no pictures; {does}")
    if not hasattr(pipeline, "sample"):
        raise UserError(f"model {model} draws no pictures from noise; `condgen models show {model}` says its task")
    known = tuple(pipeline.classes)
    names = list(dict.fromkeys(label or known)) if known else label
    labels = [name for name in names for _ in range(count)] if names else None
    total = len(labels) if labels else count
    if folder is None and total > LARGEST_GRID:
        raise UserError(f"{output}: {total:,} samples make too large a grid; name a folder, or lower --count")
    noise = pipeline.noise(total, seed)
    if folder is None:
        pictures = pipeline.decode(noise, labels)
        _write_grid(pictures, count if labels else min(count, COLUMNS), labels, Path(output))
        return
    names = [f"{name}-{number % count:05d}" for number, name in enumerate(_names(labels or ["sample"] * count))]
    _write_files(lambda rows: pipeline.decode(noise[rows], labels and labels[rows]), folder, names)


def _output(output: str) -> Path | None:
    """The folder, or None where the output is a picture. Raises UserError where it can be neither."""
    from condgen.cli import _files
    from condgen.data.image_output import WRITABLE
    from condgen.errors import UserError

    if output == "-":
        raise UserError("samples cannot go to standard output; name a folder or a picture")
    endings = _files.Endings(readable=frozenset(), writable=WRITABLE, fallback=".png")
    return None if _files.names_file(["noise"], output, endings) else Path(output)


def _write_grid(pictures: Tensor, columns: int, labels: list[str] | None, target: Path) -> None:
    from condgen.data.image import Picture
    from condgen.data.image_output import write
    from condgen.data.picture_grid import grid

    scale = -(-SHOWN_SIDE // pictures.shape[-1])
    target.parent.mkdir(parents=True, exist_ok=True)
    write(Picture(grid(pictures, columns, captions=labels, scale=scale)), target)


def _write_files(draw: Callable[[slice], Tensor], folder: Path, names: list[str]) -> None:
    from condgen.data.image import Picture
    from condgen.data.image_output import write
    from condgen.data.picture_grid import to_uint8
    from condgen.runtime.progress import Progress

    with Progress("samples", len(names)) as progress:
        for start in range(0, len(names), PORTION):
            rows = slice(start, start + PORTION)
            pictures = to_uint8(draw(rows))
            folder.mkdir(parents=True, exist_ok=True)  # now that the model takes the labels
            for name, pixels in zip(names[rows], pictures, strict=True):
                write(Picture(pixels), folder / f"{name}.png")
                progress.advance(None)


def _names(labels: list[str]) -> list[str]:
    """Labels as parts of files' names; two that would be the same there have numbers behind."""
    plain = {one: "".join(letter if letter.isalnum() or letter in "-_. " else "-" for letter in one) for one in labels}
    taken: dict[str, str] = {}
    for label, name in plain.items():
        while name in taken.values():
            name += "-2"
        taken[label] = name
    return [taken[label] for label in labels]
