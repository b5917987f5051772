"""`condgen translate`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from condgen.tasks.verb_options import Device, Inputs, Model, Output, SkipExisting

if TYPE_CHECKING:
    from condgen.cli._files import Endings
    from condgen.runtime.model_folder import ModelFolder

app = typer.Typer()


@app.command()
def translate(
    inputs: Inputs,
    output: Output,
    model: Model = "cyclegan-shapes",
    direction: Annotated[str | None, typer.Option(help="a2b or b2a, of a model that has both; default a2b.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**31 - 1, help="Of the noise: another number, another result; default 0.")
    ] = None,
    no_noise: Annotated[
        bool, typer.Option("--no-noise", help="Without dropout, batch norm by what training has averaged.")
    ] = False,
    longest_side: Annotated[
        int | None, typer.Option(min=1, help="Reduce larger pictures to N pixels before, enlarge them after.")
    ] = None,
    tile: Annotated[
        int | None, typer.Option(min=1, help="N x N pixels at a time, for models whose result this does not change.")
    ] = None,
    device: Device = "auto",
    skip_existing: SkipExisting = False,
) -> None:
    """Translate pictures, or voices, from one domain into another.

    condgen translate photo.jpg -o winter.png --model runs/seasons/model

    condgen translate maps/ -o photos/ --model runs/maps/model --direction b2a

    condgen translate - -o - < drawing.png > outlined.png

    condgen translate speech.wav -o other.wav --model runs/voices/model

    Any size, which is kept, as are 16 bit, alpha, colour profile and EXIF.
    Of recordings, for models of voices, sample rate, length, loudness, bit
    depth and tags are kept, and each channel is converted for itself; what
    lies above half of the model's rate is lost.

    A picture is translated whole: with instance norm every pixel depends on
    the mean and variance of all, and tiles would differ in colour. Where
    memory does not suffice, take --longest-side. --tile is for models without
    such a norm.

    A model with dropout or batch norm runs as in training, with noise from
    --seed; the same seed gives the same result.

    The output's ending says the format, .png .jpg .webp or .tif, of recordings
    .wav .flac .ogg .opus or .mp3; into a folder, that of the input, or .png or
    .wav. Outputs are replaced, inputs never.
    """
    from condgen.cli import _files
    from condgen.runtime.model_folder import ModelFolder

    given = {"direction": direction, "seed": seed, "longest_side": longest_side, "tile": tile}
    settings = {name: value for name, value in given.items() if value is not None}
    if no_noise:
        settings["noise"] = False
    folder = ModelFolder.find(model)
    pipeline_class = _pipeline_class(folder, model, settings)

    def prepare() -> _files.Process:
        return pipeline_class.from_folder(folder, device=device, **settings).translate_file

    _refuse_other_medium(output, folder)
    _files.run(inputs, output, prepare, _endings(folder), skip_existing=skip_existing)


def _pipeline_class(folder: ModelFolder, model: str, settings: dict[str, Any]) -> type:
    """Raises UserError when the model's task does not translate, or has no use for a setting."""
    from condgen import tasks
    from condgen.errors import UserError

    found = tasks.pipeline_class(folder.task)
    if not hasattr(found, "translate_file"):
        raise UserError(f"model {model} is of task {folder.task}, which does not translate; see `condgen models`")
    known = {field.name for field in fields(found.Settings)}
    for name in settings.keys() - known:
        raise UserError(f"a model of task {folder.task} has no {name}; leave --{name.replace('_', '-')} out")
    return found


def _refuse_other_medium(output: str, folder: ModelFolder) -> None:
    """Raise UserError for an output of a kind that the model does not make; inputs are looked at one by one."""
    from condgen.data.media import SUFFIXES, Media
    from condgen.errors import UserError

    medium = getattr(folder.config, "medium", Media.IMAGE)
    for kind, suffixes in SUFFIXES.items():
        if Path(output).suffix.lower() in suffixes - SUFFIXES[medium]:
            raise UserError(f"{output}: is {kind} by its name, and the model translates {medium}; give another --model")


def _endings(folder: ModelFolder) -> Endings:
    """What files the model's medium has."""
    from condgen.cli._files import Endings
    from condgen.data import audio_output, image_output
    from condgen.data.media import SUFFIXES, Media

    medium = getattr(folder.config, "medium", Media.IMAGE)
    writable, fallback = image_output.WRITABLE, ".png"
    if medium is Media.AUDIO:
        writable, fallback = audio_output.WRITABLE, ".wav"
    return Endings(readable=SUFFIXES[medium], writable=writable, fallback=fallback)
