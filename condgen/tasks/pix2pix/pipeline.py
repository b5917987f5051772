"""Pictures in, their translations out, from a generator or a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from condgen.config import Precision
from condgen.networks.translation import Generator
from condgen.networks.translator import Kind, Settings, Translator
from condgen.tasks.pix2pix.task import Config, generator_of

if TYPE_CHECKING:
    from condgen.runtime.model_folder import ModelFolder


class Pipeline:
    """A trained generator as a callable.

    By default it runs as in training, with dropout as noise and batch norm by the picture's own statistics: the
    authors' default, for networks trained on single pictures (Isola et al., 2017, section 3.4). The same seed gives the
    same result. Size and depth are kept, see `Translator`.

    Args:
        generator: copied; it may go on training.
        config: the task's config that the generator was built from.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: of the convolutions.
        settings: seed, noise, longest_side and tile.
    """

    Settings = Settings

    def __init__(
        self,
        generator: Generator,
        config: Config,
        *,
        device: str = "auto",
        precision: Precision = Precision.AUTO,
        settings: Settings = Settings(),
    ):
        self.generator, self.config = generator, config
        channels = config.input_channels, config.output_channels
        self._translator = Translator(generator, *channels, settings, device=device, precision=precision)
        self.device = self._translator.device

    @classmethod
    def from_folder(cls, folder: ModelFolder, *, device: str = "auto", **settings) -> Pipeline:
        """With fields of `Settings` by name. Raises UserError when the folder's weights do not fit its config."""
        chosen = cls.Settings(**settings)
        generator = generator_of(folder.config)
        folder.fill(generator, "generator")
        return cls(generator, folder.config, device=device, settings=chosen)

    def __call__(self, image: Kind | str | Path) -> Kind | Image.Image:
        """As `Translator.__call__`."""
        return self._translator(image)

    def translate_file(self, source: Path, target: Path) -> None:
        """As `Translator.file`."""
        self._translator.file(source, target)
