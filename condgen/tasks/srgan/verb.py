"""`condgen upscale`."""

from __future__ import annotations

from typing import Annotated

import typer

from condgen.tasks.verb_options import Device, Inputs, Model, Output, SkipExisting

app = typer.Typer()


@app.command()
def upscale(
    inputs: Inputs,
    output: Output,
    model: Model = "srgan-x4",
    tile: Annotated[
        str, typer.Option(help="auto, or N: compute N x N pixels of the input at a time; less needs less memory.")
    ] = "auto",
    device: Device = "auto",
    skip_existing: SkipExisting = False,
) -> None:
    """Enlarge photos.

    condgen upscale photo.jpg -o photo_x4.png

    condgen upscale holiday/ -o holiday_x4/ --skip-existing

    condgen upscale - -o - < small.png > large.png

    Grey, alpha, 16 bit, colour profile and EXIF are kept.

    The output's ending says the format, .png .jpg .webp or .tif; into a folder,
    that of the input or .png. Outputs are replaced, inputs never.
    """
    from condgen.cli import _files
    from condgen.data.image_output import WRITABLE
    from condgen.data.media import SUFFIXES, Media

    size = tile if tile == "auto" else _tile(tile)

    def prepare() -> _files.Process:
        from condgen.runtime.model_folder import ModelFolder
        from condgen.tasks.srgan.pipeline import Pipeline

        folder = ModelFolder.find(model, task="srgan")
        return Pipeline.from_folder(folder, device=device, tile=size).upscale_file

    endings = _files.Endings(readable=SUFFIXES[Media.IMAGE], writable=WRITABLE, fallback=".png")
    _files.run(inputs, output, prepare, endings, skip_existing=skip_existing)


def _tile(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise typer.BadParameter(f"{text!r} is neither auto nor a number of pixels", param_hint="--tile")
    return int(text)
