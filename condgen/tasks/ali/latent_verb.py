"""`condgen interpolate`, `analogy`, `neighbours`, `attribute` and `edit`: captioned grids of what lies around."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from condgen.tasks.verb_options import Device, Model, refuse_output

if TYPE_CHECKING:
    from torch import Tensor

    from condgen.tasks.ali.pipeline import Pipeline

app = typer.Typer()

SHOWN_SIDE = 96  # pixels that a picture in a strip or grid has at least
MOST_TIMES = 100  # an attribute's vector; far beyond what decoders make sense of

Label = Annotated[str, typer.Option(help="Class that all inputs are of, for a conditional model.", show_default=False)]
Photo = Annotated[Path, typer.Argument(metavar="PHOTO", help="Picture to start from.")]
Data = Annotated[Path, typer.Option("--data", help="Manifest (JSON Lines) of pictures to learn from.")]
Pictures = Annotated[int, typer.Option(min=1, help="At most so many of them are looked at, drawn from all over.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="Grid to write, .png .jpg .webp or .tif.")]


@app.command()
def interpolate(
    first: Annotated[Path, typer.Argument(metavar="A", help="Picture to start from.")],
    last: Annotated[Path, typer.Argument(metavar="B", help="Picture to end at.")],
    output: Output,
    model: Model,
    count: Annotated[int, typer.Option(min=2, max=100, help="Pictures made, both ends included.")] = 9,
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
    output: Output,
    model: Model,
    size: Annotated[int, typer.Option(min=2, max=30, help="Pictures a side, those between corners interpolated.")] = 2,
    label: Label = "",
    device: Device = "auto",
) -> None:
    """Complete an analogy: A is to B as C is to the decoded C + B - A.

    condgen analogy thin_3.png bold_3.png thin_8.png -o bold_8.png --model MODEL

    condgen analogy A.png B.png C.png -o diagram.png --size 7 --model MODEL

    A, B and C stand as they are in three corners of the grid, the picture made
    in the fourth. With --size the ways between them are filled in, along great
    circles: a J-diagram.
    """
    import torch

    from condgen.latent.interpolation import j_diagram

    pipeline, images, codes, labels = _encoded(model, device, label, [first, second, third], output)
    made = list(pipeline.decode(j_diagram(*codes, size).flatten(0, 1), labels and labels * size**2))
    captions = [""] * (size**2 - 1) + ["C + B - A"]
    given = {0: f"A: {first.stem}", size - 1: f"B: {second.stem}", size**2 - size: f"C: {third.stem}"}
    for image, (place, caption) in zip(images, given.items(), strict=True):
        made[place], captions[place] = image, caption
    _write_grid(torch.stack(made), size, captions, output)


@app.command()
def neighbours(
    photo: Photo,
    data: Data,
    output: Output,
    model: Model,
    rows: Annotated[int, typer.Option(min=1, max=20, help="Rows of pictures of the manifest.")] = 5,
    columns: Annotated[int, typer.Option(min=1, max=20, help="Columns of them.")] = 5,
    between: Annotated[int, typer.Option(min=0, max=5, help="Pictures interpolated between two neighbours.")] = 1,
    split: Annotated[str, typer.Option(help="Which rows of the manifest.")] = "train",
    pictures: Pictures = 5000,
    label: Label = "",
    device: Device = "auto",
) -> None:
    """Map the surroundings of a picture in the latent space.

    condgen neighbours three.png --data MANIFEST -o map.png --model MODEL

    The map holds your picture, the pictures of the manifest that are nearest to
    it, laid out such that near ones stand side by side, and between them what
    lies between their latent vectors; all are decoded (MINE: White, 2016).
    Captions name the files. A conditional model looks among those of --label.
    """
    import numpy as np
    import torch

    from condgen.data.manifest import Manifest
    from condgen.errors import UserError
    from condgen.latent.neighbour_grid import neighbour_grid
    from condgen.tasks.ali import gallery

    pipeline, _, codes, labels = _encoded(model, device, label, [photo], output)
    known = Manifest.read(data).rows(split)
    chosen = gallery.some(gallery.of_label(known, label) if labels else known, pictures)
    if len(chosen) + 1 < rows * columns:
        wanted = f"a map of {rows} x {columns} needs {rows * columns - 1} pictures beside yours"
        raise UserError(f"{data}: {wanted}, and {len(chosen)} were taken; lower --rows or --columns")
    around = pipeline.encode(*gallery.pictures(pipeline, chosen))
    found = neighbour_grid(torch.cat([codes, around]), codes[0], rows, columns, between)
    latents = found.latents.flatten(0, 1)
    names = [f"given: {photo.stem}", *(row.path("image").stem for row in chosen)]
    captions = np.full(found.latents.shape[:2], "", object)
    captions[:: between + 1, :: between + 1] = [[names[anchor] for anchor in line] for line in found.anchors.tolist()]
    made = pipeline.decode(latents, labels and labels * len(latents))
    _write_grid(made, captions.shape[1], captions.ravel().tolist(), output)


@app.command()
def attribute(
    photo: Photo,
    data: Data,
    output: Output,
    model: Model,
    towards: Annotated[str, typer.Option(help="Label, or field of the rows that is true or false.")] = "",
    balance: Annotated[
        list[str] | None, typer.Option(help="Attribute that goes along with it and is to stay; may be repeated.")
    ] = None,
    blur: Annotated[bool, typer.Option("--blur", help="Towards blurred pictures; needs no labels.")] = False,
    start: Annotated[float, typer.Option("--from", help="Multiple of the vector that is added first.")] = -1.0,
    stop: Annotated[float, typer.Option("--to", help="... and last.")] = 2.0,
    count: Annotated[int, typer.Option(min=2, max=100, help="Pictures made, both ends included.")] = 7,
    pictures: Pictures = 5000,
    label: Label = "",
    device: Device = "auto",
) -> None:
    """Give a picture more or less of an attribute.

    condgen attribute me.png --towards smiling --balance male --data MANIFEST
    -o strip.png --model MODEL

    condgen attribute three.png --blur --data MANIFEST -o strip.png --model MODEL

    The attribute's vector is the mean latent vector of the training pictures that
    have it, less that of those that have not. The strip shows PHOTO and what its
    latent vector makes with multiples of that added: 0 is a reconstruction,
    negative ones take away (of a blur: sharpen). Where attributes go together in
    the data, name the others by --balance: then all combinations count the same.
    """
    import torch

    from condgen.data.manifest import Manifest, Split
    from condgen.errors import UserError
    from condgen.tasks.ali import gallery

    if bool(towards) == blur or (balance and blur):
        raise UserError("give either --towards NAME, which --balance may go with, or --blur")
    if not all(abs(times) <= MOST_TIMES for times in (start, stop)):
        raise UserError(f"--from {start} --to {stop}: give numbers from -{MOST_TIMES} to {MOST_TIMES}")
    pipeline, images, codes, labels = _encoded(model, device, label, [photo], output)
    rows = Manifest.read(data).rows(Split.TRAIN)
    if blur:
        vector = gallery.blur_vector(pipeline, gallery.some(rows, pictures))
    else:
        vector = gallery.attribute_vector(pipeline, rows, [towards, *(balance or ())], pictures)
    share = torch.linspace(start, stop, count)
    made = pipeline.decode(codes + share[:, None] * vector, labels and labels * count)
    captions = [photo.stem, *(f"{value:z.2f}" for value in share.tolist())]
    _write_grid(torch.cat([images, made]), count + 1, captions, output)


@app.command()
def edit(
    photo: Photo,
    output: Output,
    model: Model,
    paint: Annotated[Path | None, typer.Option(help="Strokes in the colours wanted.")] = None,
    sketch: Annotated[Path | None, typer.Option(help="Lines along which contours are wanted, of any colour.")] = None,
    label: Label = "",
    device: Device = "auto",
) -> None:
    """Change a picture by painting on it.

    condgen edit photo.png --paint strokes.png -o edited.png --model MODEL

    condgen edit photo.png --sketch lines.png -o edited.png --model MODEL

    Strokes and lines are pictures of the photo's width and height, transparent
    but where you painted: a layer above the photo in a painting program. The
    result is what the model can make that looks so there, and elsewhere much as
    before (iGAN: Zhu et al., 2016). The grid shows the photo, the nearest
    picture the model can make, what you painted on that, and the result.
    """
    import torch

    from condgen.errors import UserError
    from condgen.latent import editing
    from condgen.tasks.ali.painting import Layer, keeping, read_layer

    wanted = [(file, use) for file, use in ((paint, Layer.colouring), (sketch, Layer.sketching)) if file is not None]
    if not wanted:
        raise UserError("give --paint STROKES.png or --sketch LINES.png, or both: what shall the picture become?")
    refuse_output(output, [file for file, _ in wanted])
    pipeline, images, _, labels = _encoded(model, device, label, [photo], output)
    layers = [read_layer(file, photo, pipeline.image_channels) for file, _ in wanted]
    start = pipeline.project(images, labels)
    painted = projected = pipeline.decode(start, labels)
    for layer in layers:
        painted = layer.over(painted)
    constraints = [use(layer) for layer, (_, use) in zip(layers, wanted, strict=True)]
    if sketch is None:  # contours that move take more than their lines with them
        constraints += keeping(projected[0].clone(), layers)
    edited = editing.edit(pipeline.decoder(label or None), start[0], constraints)
    cells = torch.cat([images, projected, painted, pipeline.decode(edited[None], labels)])
    _write_grid(cells, len(cells), [photo.stem, "projected", "painted", "edited"], output)


def load(model: str, device: str) -> Pipeline:
    """The pipeline of `--model`."""
    from condgen.runtime.model_folder import ModelFolder
    from condgen.tasks.ali.pipeline import Pipeline

    return Pipeline.from_folder(ModelFolder.find(model, task="ali"), device=device)


def _encoded(
    model: str, device: str, label: str, files: Sequence[Path], output: Path
) -> tuple[Pipeline, Tensor, Tensor, list[str] | None]:
    """The pipeline, the files' pictures (N, C, S, S) and latent vectors (N, Z), and the labels of one picture made."""
    import torch

    refuse_output(output, files)
    pipeline, labels = load(model, device), [label] if label else None
    images = torch.cat([pipeline.read(file) for file in files])
    return pipeline, images, pipeline.encode(images, labels and labels * len(files)), labels


def _write_grid(pictures: Tensor, columns: int, captions: Sequence[str], output: Path) -> None:
    from condgen.data.image import Picture
    from condgen.data.image_output import write
    from condgen.data.picture_grid import grid

    scale = -(-SHOWN_SIDE // pictures.shape[-1])
    write(Picture(grid(pictures, columns, captions=captions, scale=scale)), output)
