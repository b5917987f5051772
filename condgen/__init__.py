"""condgen: conditional generation with adversarial networks.

Importing this package imports no heavy library; `condgen.load` does, when it is called.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def load(model: str, *, device: str = "auto", **options) -> Any:
    """A trained model as a callable that does what the command line does.

    Args:
        model: a shipped name (`condgen models`), a model folder, or a hub id `owner/name`.
        device: "auto", "cpu", "cuda" or "cuda:N".
        options: what the task's pipeline takes besides: `tile` for `srgan`, `cross_fade` for `segan`.

    Returns:
        The `Pipeline` of the model's task, e.g. `condgen.tasks.segan.pipeline.Pipeline`: what it takes and gives is
        said there.

    Raises:
        condgen.errors.UserError: no such model, or the folder is damaged.

    >>> upscale = condgen.load("srgan-x4")
    >>> upscale(PIL.Image.open("photo.jpg")).save("photo_x4.png")
    >>> enhance = condgen.load("segan")
    >>> clean = enhance(noisy, sample_rate=44100)  # arrays or tensors (T,) or (channels, T) in [-1, 1]
    """
    from condgen.runtime.model_folder import ModelFolder
    from condgen.tasks import pipeline_class

    folder = ModelFolder.find(model)
    return pipeline_class(folder.task).from_folder(folder, device=device, **options)
