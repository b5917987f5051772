"""Captioned clips with their sentences as vectors, or as tokens where the sentence encoder learns along."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condgen.data import captioned_clips
from condgen.data.captioned_clips import Batch, DataConfig, Dataset, TokenBatch
from condgen.data.captions import Captions
from condgen.data.check import Demands
from condgen.text.stored import caption_text

if TYPE_CHECKING:
    from condgen.config import RunConfig

__all__ = ["Batch", "DataConfig", "Dataset", "TokenBatch", "demands", "open_split"]


def demands(config: RunConfig) -> Demands:
    """What `condgen data check` must find before training."""
    return captioned_clips.demands(frames=config.model.frames, stride=config.model.stride)


def open_split(config: RunConfig, split: str) -> Dataset:
    """The captioned clips of one split, as a run's config asks for them.

    Raises:
        UserError: the config names no trained sentence encoder where one is needed, or it cannot read a sentence.
    """
    model, captions = config.model, Captions.read(config.data.manifest, split)
    text = caption_text(config, captions, as_tokens=model.text_trained)
    return Dataset(config.data, text, size=model.size, frames=model.frames, stride=model.stride)
