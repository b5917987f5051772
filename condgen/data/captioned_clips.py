"""Captioned clips: windows of so many frames, with sentences that fit and sentences that do not.

    {"split": "train", "clip": "a.mp4", "captions": ["a large red circle is moving ...", ...], "class": "wave"}

A clip is a video, a GIF, or a film strip: a picture whose frames are squares side by side. A wrong sentence comes from
a row that shares no sentence and is, if both have one, of another class. Frames: see `clip_windows`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from condgen.data import loading
from condgen.data.captions import CaptionTokens, CaptionVectors, drawn_pair, refuse_averaged_tokens
from condgen.data.check import Demands
from condgen.data.clip_windows import CLIP, ClipWindows, needed
from condgen.data.image import to_signed
from condgen.data.loading import Draw
from condgen.data.manifest import Split
from condgen.data.media import Media
from condgen.errors import refuse_below

DEQUANTISATION = 1 / 128  # of [-1, 1], whose grey levels are 2/255 apart


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Captioned clips in a manifest."""

    manifest: str = "data/captioned_clips/manifest.jsonl"
    flip: bool = False  # left and right, half of the draws; not for sentences that say where something moves
    dequantisation: bool = False  # adds noise of U(0, 1/128) to every value (the loader of Balaji et al., 2019)
    captions_averaged: int = 1  # so many sentence vectors of a clip, fewer where it has fewer
    wrong_candidates: int = 1  # the wrong sentence is that of so many random clips' which differs from the right one in
    # the fewest places: where sentences say several things, it is else known by one, and the others are not learned.
    # Not where two sentences may say the same in other words
    cache_gigabytes: float = 4.0  # decoded clips kept in memory
    validation_clips: int = 16  # how many of the validation split a report during training looks at

    def __post_init__(self):
        refuse_below(self, 0, "cache_gigabytes")
        refuse_below(self, 1, "captions_averaged", "wrong_candidates", "validation_clips")


@dataclass(frozen=True, eq=False)
class ClipBatch(loading.Batch):
    """Clips; the sentences are added by what they are: vectors or tokens."""

    clip: Tensor  # (B, 3, T, S, S) in [-1, 1]; with dequantisation up to 1 + 1/128


@dataclass(frozen=True, eq=False)
class Batch(ClipBatch):
    """With sentence vectors."""

    text: Tensor  # (B, width)
    wrong_text: Tensor  # (B, width), of a row of another class


@dataclass(frozen=True, eq=False)
class TokenBatch(ClipBatch):
    """With sentences for an encoder that learns along."""

    codes: Tensor  # (B, L) int64
    mask: Tensor  # (B, L) bool: True where there is a token
    wrong_codes: Tensor  # (B, L), of a row of another class
    wrong_mask: Tensor  # (B, L)


class Dataset(TorchDataset):
    """Random windows of captioned clips.

    Args:
        text: the sentences of the rows, as vectors (items are `Batch`) or as tokens (`TokenBatch`).
        size: pixels a side.
        frames: of a window.
        stride: frames of the file from one to the next; 0: as far apart as fits.

    Raises:
        UserError: the config does not fit the tokens.
    """

    def __init__(
        self, config: DataConfig, text: CaptionVectors | CaptionTokens, *, size: int, frames: int, stride: int = 0
    ):
        refuse_averaged_tokens(text, config.captions_averaged)
        self.config, self.text = config, text
        self.rows = text.captions.rows
        self.windows = ClipWindows(
            self.rows, size=size, frames=frames, stride=stride, cache_gigabytes=config.cache_gigabytes
        )

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, draw: Draw) -> Batch | TokenBatch:
        random, own = draw.random(), draw.index
        sentences, _ = drawn_pair(self.text, own, self.config.captions_averaged, random, self.config.wrong_candidates)
        kind = TokenBatch if isinstance(self.text, CaptionTokens) else Batch
        return kind(clip=drawn_clip(self.windows, own, self.config, random), **sentences)


def drawn_clip(windows: ClipWindows, row: int, config: DataConfig, random: np.random.Generator) -> Tensor:
    """A random window as a training sees it, (3, T, S, S) in [-1, 1]: mirrored and with noise where asked for.

    Raises:
        UserError: the file is damaged, or too short.
    """
    frames = windows.random(row, random)
    if config.flip and random.integers(2):
        frames = frames[:, :, ::-1]
    clip = to_signed(frames)
    if config.dequantisation:
        clip += torch.from_numpy(random.random(tuple(clip.shape), np.float32)) * DEQUANTISATION
    return clip


def demands(*, frames: int, stride: int = 0, captions: bool = True) -> Demands:
    """What `condgen data check` must find before training.

    Args:
        frames: of a window.
        stride: frames of the file from one to the next; 0: as far apart as fits.
        captions: whether every row must have sentences.
    """
    return Demands(
        fields={CLIP: Media.VIDEO},
        frames=needed(frames, stride),
        captions=captions,
        splits=(Split.TRAIN, Split.VALIDATION),
    )
