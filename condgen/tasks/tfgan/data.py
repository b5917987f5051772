"""Captioned clips with their sentences as tokens: the towers read the states of every word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condgen.data import captioned_clips, check
from condgen.data.captioned_clips import DataConfig, Dataset, TokenBatch
from condgen.data.captions import Captions, CaptionTokens
from condgen.data.check import Demands
from condgen.data.manifest import Manifest
from condgen.text.encoder import SentenceEncoder
from condgen.text.stored import encoder_for

if TYPE_CHECKING:
    from condgen.config import RunConfig

__all__ = ["DataConfig", "SentenceDataset", "TokenBatch", "demands", "open_split", "require_good"]


class SentenceDataset(Dataset):
    """Captioned clips, and the encoder that made their sentences tokens.

    Args: as of `Dataset`, and
        text_encoder: with the words of the training split.
    """

    def __init__(
        self,
        config: DataConfig,
        text: CaptionTokens,
        *,
        size: int,
        frames: int,
        stride: int,
        text_encoder: SentenceEncoder,
    ):
        super().__init__(config, text, size=size, frames=frames, stride=stride)
        self.text_encoder = text_encoder


def demands(config: RunConfig) -> Demands:
    """What `condgen data check` must find before training."""
    return captioned_clips.demands(frames=config.model.frames, stride=config.model.stride)


def require_good(config: RunConfig) -> None:
    """Check the run's data before its first step.

    Raises:
        UserError: there are bad rows; a table names them.
    """
    check.require_good(Manifest.read(config.data.manifest), demands(config))


def open_split(config: RunConfig, split: str) -> SentenceDataset:
    """The captioned clips of one split, as a run's config asks for them.

    Raises:
        UserError: the config names no trained sentence encoder where one is needed.
    """
    captions = Captions.read(config.data.manifest, split)
    encoder = encoder_for(config, captions.sentences)
    text, model = CaptionTokens(captions, *encoder.tokenize(captions.sentences)), config.model
    form = {"size": model.size, "frames": model.frames, "stride": model.stride}
    return SentenceDataset(config.data, text, **form, text_encoder=encoder)
