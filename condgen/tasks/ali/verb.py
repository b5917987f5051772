"""`condgen encode`, `reconstruct` and `project`, files in and files out; those of `latent_verb` beside them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import typer

from condgen.tasks.ali import latent_verb
from condgen.tasks.ali.latent_verb import Label, load
from condgen.tasks.verb_options import Device, Inputs, Model, Output, SkipExisting

if TYPE_CHECKING:
    from condgen.cli import _files

app = typer.Typer()
app.add_typer(latent_verb.app)


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
        return partial(load(model, device).encode_file, label=label or None)

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

    def prepare() -> _files.Process:
        return partial(load(model, device).reconstruct_file, label=label or None)

    _files.run(inputs, output, prepare, _pictures(), skip_existing=skip_existing)


@app.command()
def project(
    inputs: Inputs,
    output: Output,
    model: Model,
    label: Label = "",
    device: Device = "auto",
    skip_existing: SkipExisting = False,
) -> None:
    """Find the pictures nearest to yours that a model can make.

    condgen project photo.png -o nearest.png --model MODEL

    condgen project photos/ -o nearest/ --model MODEL --skip-existing

    Where `condgen reconstruct` decodes the encoder's answer, fast and rough,
    this searches on from there for the latent vector whose picture differs
    least (iGAN: Zhu et al., 2016): seconds a picture, and nearer to it.

    Sizes, colours and file names are as of `condgen reconstruct`.
    """
    from condgen.cli import _files

    def prepare() -> _files.Process:
        return partial(load(model, device).project_file, label=label or None)

    _files.run(inputs, output, prepare, _pictures(), skip_existing=skip_existing)


def _pictures() -> _files.Endings:
    from condgen.cli import _files
    from condgen.data.image_output import WRITABLE

    return _files.Endings(readable=_readable(), writable=WRITABLE, fallback=".png")


def _readable() -> frozenset[str]:
    from condgen.data.media import SUFFIXES, Media

    return SUFFIXES[Media.IMAGE]
