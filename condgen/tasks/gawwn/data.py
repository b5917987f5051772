"""Captioned pictures with boxes, keypoints or both, as the forms of a run ask for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from condgen.data import captioned_images, check
from condgen.data.captioned_images import Batch
from condgen.data.captions import Captions, CaptionVectors
from condgen.data.manifest import Manifest
from condgen.text.stored import encoder_for
from condgen.text.vectors import require_readable, sentence_vectors

if TYPE_CHECKING:
    from condgen.config import RunConfig
    from condgen.data.check import Demands
    from condgen.text.encoder import SentenceEncoder

__all__ = ["Batch", "DataConfig", "Dataset", "demands", "open_split", "require_good"]


@dataclass(frozen=True, kw_only=True)
class DataConfig(captioned_images.DataConfig):
    """As every text task's; the manifest has the field `box` or `keypoints`, or both."""

    manifest: str = "data/gawwn/manifest.jsonl"


class Dataset(captioned_images.Dataset):
    """Knows the encoder that its sentence vectors are from."""

    text_encoder: SentenceEncoder


def demands(config: RunConfig) -> Demands:
    """What `condgen data check` must find before training."""
    model = config.model
    return captioned_images.demands(
        keypoints=model.keypoints if model.needs_keypoints else (), with_box=model.needs_box
    )


def require_good(config: RunConfig) -> None:
    """Check the run's data before its first step.

    Raises:
        UserError: there are bad rows; a table names them.
    """
    check.require_good(Manifest.read(config.data.manifest), demands(config))


def open_split(config: RunConfig, split: str) -> Dataset:
    """The pictures of one split with the vectors of their sentences, which are computed once and kept on disk.

    Raises:
        UserError: there is no trained encoder, or it cannot read a sentence.
    """
    model, captions = config.model, Captions.read(config.data.manifest, split)
    encoder = encoder_for(config, captions.sentences)
    require_readable(encoder, captions.sentences)
    vectors = CaptionVectors(captions, sentence_vectors(encoder, captions.sentences))
    dataset = Dataset(
        config.data,
        vectors,
        size=model.size,
        keypoints=model.keypoints if model.needs_keypoints else (),
        with_box=model.needs_box,
    )
    dataset.text_encoder = encoder
    return dataset
