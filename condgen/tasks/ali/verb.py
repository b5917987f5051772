"""`condgen encode`, `reconstruct`, `interpolate` and `analogy`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from condgen.tasks.verb_options import Device, Inputs, Model, Output, SkipExisting

if TYPE_CHECKING:
    from torch import Tensor

    from condgen.tasks.ali.pipeline import Pipeline

app = typer.Typer()

SHOWN_SIDE = 96  # pixels that a picture in a strip or grid has at least

Label = Annotated[str, typer.Option(help="Class that all inputs are of, for a conditional model.", show_default=False)]
Picture = Annotated[Path, typer.Option("-o", "--output", help="Picture to write, .png .jpg .webp or .tif.")]


@app.command()
def encode(
    inputs: Inputs,
    output: Output,
    model: Model,
    label: Label = "",
    device: Device = "auto",
    skip_existing: SkipExisting = False,
) -> None:
    """Turn pictures into latent vectors and features.

    condgen encode photo.png -o photo.npz --model MODEL

    condgen encode photos/ -o encoded/ --model MODEL --skip-existing

    Each .npz holds two vectors of NumPy: `z`, from which the decoder makes the
    picture again, and `features`, the encoder's last hidden layers beside z,
    for classifiers of your own.
    """
    from condgen.cli import _files

    endings = _files.Endings(readable=_readable(), writable=(".npz",), fallback=".npz")

    def prepare() -> _files.Process:
        return partial(_load(model, device).encode_file, label=label or None)

    _files.run(inputs, output, prepare, endings, skip_existing=skip_existing)


@app.command()
def reconstruct(
    inputs: Inputs,
    output: Output,
    model: Model,
    label: Label = "",
    device: Device = "auto",
    skip_existing: SkipExisting = False,
) -> None:
    """Encode pictures and decode them again: what a model keeps of them.

    condgen reconstruct photo.png -o again.png --model MODEL

    condgen reconstruct photos/ -o again/ --model MODEL --skip-existing

    The result has the model's size, 8 bits and no alpha; grey stays grey, RGB
    stays RGB. Pictures of other shapes are cut to the square in their middle.

    The output's ending says the format, .png .jpg .webp or .tif; into a folder,
    that of the input or .png. Outputs are replaced, inputs never.
    """
    from condgen.cli import _files
    from condgen.data.image_output import WRITABLE

    endings = _files.Endings(readable=_readable(), writable=WRITABLE, fallback=".png")

    def prepare() -> _files.Process:
        return partial(_load(model, device).reconstruct_file, label=label or None)

    _files.run(inputs, output, prepare, endings, skip_existing=skip_existing)


@app.command()
def interpolate(
    first: Annotated[Path, typer.Argument(metavar="A", help="Picture to start from.")],
    last: Annotated[Path, typer.Argument(metavar="B", help="Picture to end at.")],
    output: Picture,
    model: Model,
    count: Annotated[int, typer.Option(min=2, help="Pictures made, both ends included.")] = 9,
    label: Label = "",
    device: Device = "auto",
) -> None:
    """Go from one picture to another through the latent space.

    condgen interpolate three.png eight.png -o strip.png --model MODEL

    The strip shows A, pictures decoded along the great circle from its latent
    vector to B's, and B; under each stands how far it has got.
    """
    import torch

    from condgen.latent.interpolation import slerp

    pipeline, images, codes, labels = _encoded(model, device, label, [first, last], output)
    share = torch.linspace(0, 1, count)
    made = pipeline.decode(slerp(*codes, share), labels and labels * count)
    captions = [first.stem, *(f"{value:.2f}" for value in share.tolist()), last.stem]
    _write_grid(torch.cat([images[:1], made, images[1:]]), count + 2, captions, output)


@app.command()
def analogy(
    first: Annotated[Path, typer.Argument(metavar="A", help="A is to B ...")],
    second: Annotated[Path, typer.Argument(metavar="B", help="... as ...")],
    third: Annotated[Path, typer.Argument(metavar="C", help="... C is to the picture made.")],
    output: Picture,
    model: Model,
    label: Label = "",
    device: Device = "auto",
) -> None:
    """Complete an analogy: A is to B as C is to the decoded C + B - A.

    condgen analogy thin_3.png bold_3.png thin_8.png -o bold_8.png --model MODEL

    The grid shows A and B in the first row, C and the picture made in the
    second.
    """
    import torch

    from condgen.latent import interpolation

    pipeline, images, codes, labels = _encoded(model, device, label, [first, second, third], output)
    made = pipeline.decode(interpolation.analogy(*codes)[None], labels)
    captions = [f"A: {first.stem}", f"B: {second.stem}", f"C: {third.stem}", "C + B - A"]
    _write_grid(torch.cat([images, made]), 2, captions, output)


def _readable() -> frozenset[str]:
    from condgen.data.media import SUFFIXES, Media

    return SUFFIXES[Media.IMAGE]


def _load(model: str, device: str) -> Pipeline:
    from condgen.runtime.model_folder import ModelFolder
    from condgen.tasks.ali.pipeline import Pipeline

    return Pipeline.from_folder(ModelFolder.find(model, task="ali"), device=device)


def _encoded(
    model: str, device: str, label: str, files: Sequence[Path], output: Path
) -> tuple[Pipeline, Tensor, Tensor, list[str] | None]:
    """The pipeline, the files' pictures (N, C, S, S) and latent vectors (N, Z), and the labels of one picture made.

    What would stop the writing of `output` is found out first.
    """
    import numpy as np
    import torch

    from condgen.data.image_output import refuse_unwritable
    from condgen.errors import UserError

    refuse_unwritable(output, np.empty((1, 1, 3), np.uint8), alpha=False)
    if not output.absolute().parent.is_dir():
        raise UserError(f"{output}: there is no folder {output.parent}; create it first")
    if any(output.exists() and file.exists() and output.samefile(file) for file in files):
        raise UserError(f"{output}: the output is an input; choose another -o")
    pipeline = _load(model, device)
    labels = [label] if label else None
    images = torch.cat([pipeline.read(file) for file in files])
    return pipeline, images, pipeline.encode(images, labels and labels * len(files)), labels


def _write_grid(pictures: Tensor, columns: int, captions: Sequence[str], output: Path) -> None:
    from condgen.data.image import Picture
    from condgen.data.image_output import write
    from condgen.data.picture_grid import grid

    scale = -(-SHOWN_SIDE // pictures.shape[-1])
    write(Picture(grid(pictures, columns, captions=captions, scale=scale)), output)
