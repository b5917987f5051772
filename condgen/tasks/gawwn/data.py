"""Captioned pictures with boxes, keypoints or both, as the forms of a run ask for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from condgen.data import captioned_images
from condgen.data.captioned_images import Batch, Dataset
from condgen.data.captions import Captions
from condgen.text.stored import caption_text

if TYPE_CHECKING:
    from condgen.config import RunConfig
    from condgen.data.check import Demands

__all__ = ["Batch", "DataConfig", "Dataset", "demands", "open_split"]


@dataclass(frozen=True, kw_only=True)
class DataConfig(captioned_images.DataConfig):
    """As every text task's; the manifest has the field `box` or `keypoints`, or both."""

    manifest: str = "data/gawwn/manifest.jsonl"


def demands(config: RunConfig) -> Demands:
    """What `condgen data check` must find before training."""
    model = config.model
    return captioned_images.demands(
        keypoints=model.keypoints if model.needs_keypoints else (), with_box=model.needs_box
    )


def open_split(config: RunConfig, split: str) -> Dataset:
    """The pictures of one split with the vectors of their sentences, which are computed once and kept on disk.

    Raises:
        UserError: there is no trained encoder, or it cannot read a sentence.
    """
    model, captions = config.model, Captions.read(config.data.manifest, split)
    return Dataset(
        config.data,
        caption_text(config, captions, as_tokens=False),
        size=model.size,
        keypoints=model.keypoints if model.needs_keypoints else (),
        with_box=model.needs_box,
    )
