"""Captioned clips with their sentences as vectors, or as tokens where the sentence encoder learns along."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condgen.data import captioned_clips, check
from condgen.data.captioned_clips import Batch, DataConfig, Dataset, TokenBatch
from condgen.data.captions import Captions, CaptionTokens, CaptionVectors
from condgen.data.check import Demands
from condgen.data.manifest import Manifest
from condgen.text.encoder import SentenceEncoder
from condgen.text.stored import encoder_of
from condgen.text.vectors import sentence_vectors

if TYPE_CHECKING:
    from condgen.config import RunConfig

__all__ = ["Batch", "DataConfig", "SentenceDataset", "TokenBatch", "demands", "open_split", "require_good"]


class SentenceDataset(Dataset):
    """Captioned clips, and the encoder that their sentences went through.

    Args: as of `Dataset`, and
        text_encoder: with the words of the training split.
    """

    def __init__(
        self,
        config: DataConfig,
        text: CaptionVectors | CaptionTokens,
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
    model, captions = config.model, Captions.read(config.data.manifest, split)
    encoder = encoder_of(config, captions.sentences)
    if model.text_trained:
        text = CaptionTokens(captions, *encoder.tokenize(captions.sentences))
    else:
        text = CaptionVectors(captions, sentence_vectors(encoder, captions.sentences, cache=None))
    form = {"size": model.size, "frames": model.frames, "stride": model.stride}
    return SentenceDataset(config.data, text, **form, text_encoder=encoder)
