"""`condgen codes`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from condgen.tasks.verb_options import Device, Model, refuse_output

app = typer.Typer()

SHOWN_SIDE = 56  # pixels that a picture in the figure has at least


@app.command()
def codes(
    output: Annotated[Path, typer.Option("-o", "--output", help="Picture to write, .png .jpg .webp or .tif.")],
    model: Model,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Another number gives other noise.")] = 1,
    device: Device = "auto",
) -> None:
    """Show what the latent codes of a model have come to mean.

    condgen codes --model infogan-mnist -o codes.png

    A row for each category of the first code; in the first columns the noise
    varies, then one code at a time, continuous ones from -2 to 2.
    """
    from condgen.data.image import Picture
    from condgen.data.image_output import write
    from condgen.runtime.model_folder import ModelFolder
    from condgen.tasks.class_conditional.code_figure import code_figure
    from condgen.tasks.class_conditional.pipeline import Pipeline

    refuse_output(output)
    pipeline = Pipeline.from_folder(ModelFolder.find(model, task="class_conditional"), device=device)
    scale = -(-SHOWN_SIDE // pipeline.config.size)
    write(Picture(code_figure(pipeline, seed=seed, scale=scale)), output)
