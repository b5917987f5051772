"""Pictures or voices of one domain in, those of the other out, from a generator or a model folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from condgen.config import Precision
from condgen.data.media import SUFFIXES, Media
from condgen.errors import UserError
from condgen.networks import translator
from condgen.networks.translator import Translator
from condgen.runtime.device import choose_device
from condgen.tasks.cyclegan.task import Config, Direction, generators_of
from condgen.tasks.cyclegan.voice_pipeline import VoiceConverter

if TYPE_CHECKING:
    from condgen.runtime.model_folder import ModelFolder


@dataclass(frozen=True, kw_only=True)
class Settings(translator.Settings):
    direction: Direction | str = ""  # a2b or b2a; empty: the model's first, a2b where it has both

    def __post_init__(self):
        super().__post_init__()
        if self.direction and self.direction not in list(Direction):
            raise UserError(f"direction {self.direction!r} is neither {' nor '.join(Direction)}")


class Pipeline:
    """One of a trained pair of generators as a callable; the other is neither loaded nor computed.

    Size and depth of a picture are kept, see `Translator`; length, rate and channels of a recording, see
    `VoiceConverter`.

    Args:
        generator: by direction; the one that is run is copied, and may go on training.
        config: the task's config that they were built from.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: of the convolutions.
        settings: direction, seed and noise; of pictures longest_side and tile, too.

    Raises:
        UserError: the model does not translate in that direction, or has no use for a setting.
    """

    Settings = Settings

    def __init__(
        self,
        generator: nn.ModuleDict,
        config: Config,
        *,
        device: str = "auto",
        precision: Precision = Precision.AUTO,
        settings: Settings = Settings(),
        folder: ModelFolder | None = None,
    ):
        self.generator, self.config, self.folder = generator, config, folder
        self.direction, self.settings, self.precision = direction_of(config, settings), settings, precision
        self.channels = tuple(
            config.sample_shape(domain)[0] for domain in (self.direction.source, self.direction.target)
        )
        self.device, one = choose_device(device), generator[self.direction]
        given = {"device": device, "precision": precision}
        self.voices = self._translator = None
        if config.medium is Media.AUDIO:
            self.voices = VoiceConverter(one, config, settings, **given)
        else:
            self._translator = Translator(one, *self.channels, settings, **given)

    @classmethod
    def from_folder(cls, folder: ModelFolder, *, device: str = "auto", **settings) -> Pipeline:
        """With fields of `Settings` by name.

        Raises:
            UserError: the model does not translate in that direction, or its weights do not fit its config.
        """
        chosen = cls.Settings(**settings)
        direction = direction_of(folder.config, chosen)
        generator = generators_of(replace(folder.config, directions=[direction]))
        folder.fill(generator[direction], f"generator.{direction}")
        return cls(generator, folder.config, device=device, settings=chosen, folder=folder)

    def __call__(self, sample: Any, sample_rate: float | None = None) -> Any:
        """A picture, as `Translator.__call__`, or a recording and its sample rate, as `VoiceConverter.__call__`.

        Raises:
            UserError: the model is of the other medium, or as they say.
        """
        if self.voices is not None:
            if sample_rate is None:
                form = "a waveform (T,) or (C, T) in floating point and its sample rate"
                raise UserError(f"the model translates audio, not pictures; give {form}")
            return self.voices(sample, sample_rate)
        if sample_rate is not None:
            raise UserError("the model translates pictures, not audio; give a picture, without a sample rate")
        return self._translator(sample)

    def translate_file(self, source: Path, target: Path) -> None:
        """As `Translator.file` or `VoiceConverter.file`.

        Raises:
            UserError: the source is of the other medium by its name, or as they say.
        """
        medium = self.config.medium
        for other in Media:
            if source.suffix.lower() in SUFFIXES[other] - SUFFIXES[medium]:
                raise UserError(
                    f"{source}: is {other} by its name, and the model translates {medium}; give another file or model"
                )
        (self.voices or self._translator).file(source, target)

    def reverse(self) -> Pipeline:
        """The way back.

        Raises:
            UserError: the model has this direction alone.
        """
        back = replace(self.settings, direction=self.direction.reverse)
        direction_of(self.config, back)
        if self.direction.reverse in self.generator or self.folder is None:
            given = {"device": str(self.device), "precision": self.precision, "settings": back, "folder": self.folder}
            return type(self)(self.generator, self.config, **given)
        return self.from_folder(self.folder, device=str(self.device), **vars(back))


def direction_of(config: Config, settings: Settings) -> Direction:
    """The direction that is meant. Raises UserError when the model has it not."""
    if not settings.direction:
        return Direction.A2B if Direction.A2B in config.directions else config.directions[0]
    if settings.direction not in config.directions:
        raise UserError(f"the model translates {config.directions[0]} alone, not {settings.direction}")
    return Direction(settings.direction)
