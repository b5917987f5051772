"""Captioned pictures, with a box or named keypoints where a task asks for them, and what does not fit each of them.

    {"split": "train", "image": "a.png", "captions": ["a large red triangle", ...], "class": "red triangle",
     "box": [12, 30.5, 100, 80], "keypoints": {"top": [62, 30.5], "left corner": null, ...}}

Boxes and keypoints: see `locations`. A wrong sentence, and its place, comes from a row that shares no sentence and
is, if both have one, of another class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from condgen.data import loading
from condgen.data.captions import CaptionTokens, CaptionVectors, drawn_pair, refuse_averaged_tokens
from condgen.data.check import Demands
from condgen.data.decoded import DecodedCache
from condgen.data.image import displayed_size, to_signed
from condgen.data.loading import Draw
from condgen.data.locations import Location, Window, keypoint_names, location_of, mirrored_pairs
from condgen.data.manifest import Split
from condgen.data.media import Media
from condgen.data.translation_images import RGB, read_picture
from condgen.errors import UserError, refuse_below

__all__ = [
    "Batch",
    "DataConfig",
    "Dataset",
    "LocatedBatch",
    "TokenBatch",
    "demands",
    "keypoint_names",
    "mirrored_pairs",
]

CROPS = 10  # drawn before the one that has the box in its middle is taken


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Captioned pictures in a manifest."""

    manifest: str = "data/captioned/manifest.jsonl"
    resize: int = 0  # pixels a side of the whole picture, stretched, before the crop: 150 for 128 (Reed et al., 2016b),
    # 76 for 64 (2016a); 0: to the model's size, so that nothing is cut off
    flip: bool = True  # left and right, half of the draws; not for sentences that say which side something is on
    captions_averaged: int = 4  # so many sentence vectors of a picture, fewer where it has fewer (Reed et al., 2016b)
    cache_gigabytes: float = 4.0  # resized pictures kept in memory
    validation_images: int = 16  # how many of the validation split a report during training looks at

    def __post_init__(self):
        if self.resize < 0:
            raise ValueError(f"resize must be 0 or more pixels, got {self.resize}")
        refuse_below(self, 0, "cache_gigabytes")
        refuse_below(self, 1, "captions_averaged", "validation_images")


@dataclass(frozen=True, eq=False)
class LocatedBatch(loading.Batch):
    """Pictures and places; the sentences are added by what they are: vectors or tokens."""

    image: Tensor  # (B, 3, S, S) in [-1, 1]
    box: Tensor  # (B, 4) x, y, width, height in fractions; the whole picture where the task takes no box
    keypoints: Tensor  # (B, K, 3) x, y in fractions, visible (1 or 0); K = 0 where the task takes none
    wrong_box: Tensor  # (B, 4), of the row with the wrong sentence
    wrong_keypoints: Tensor  # (B, K, 3), likewise


@dataclass(frozen=True, eq=False)
class Batch(LocatedBatch):
    """With sentence vectors."""

    text: Tensor  # (B, width)
    wrong_text: Tensor  # (B, width), of a row of another class


@dataclass(frozen=True, eq=False)
class TokenBatch(LocatedBatch):
    """With sentences for an encoder that learns along."""

    codes: Tensor  # (B, L) int64
    mask: Tensor  # (B, L) bool: True where there is a token
    wrong_codes: Tensor  # (B, L), of a row of another class
    wrong_mask: Tensor  # (B, L)


class Dataset(TorchDataset):
    """Random crops of captioned pictures, boxes and keypoints cropped and mirrored along.

    Args:
        text: the sentences of the rows, as vectors (items are `Batch`) or as tokens (`TokenBatch`).
        size: pixels a side of the crops.
        keypoints: names of those that a batch has, in its order; empty: none.
        with_box: whether rows have a box; else the box is the whole crop.

    Raises:
        UserError: the config does not fit the size or the tokens.
    """

    def __init__(
        self,
        config: DataConfig,
        text: CaptionVectors | CaptionTokens,
        *,
        size: int,
        keypoints: Sequence[str] = (),
        with_box: bool = False,
    ):
        if 0 < config.resize < size:
            raise UserError(
                f"data.resize={config.resize} is smaller than the model's {size} pixels; set {size} or more, or 0"
            )
        refuse_averaged_tokens(text, config.captions_averaged)
        self.config, self.text, self.size, self.with_box = config, text, size, with_box
        self.rows = text.captions.rows
        self.keypoints = tuple(keypoints)
        self.side = config.resize or size  # pixels, of the picture before the crop
        self._pairs = mirrored_pairs(self.keypoints)
        self._cache = DecodedCache[int](config.cache_gigabytes)
        self._locations: dict[int, Location] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, draw: Draw) -> Batch | TokenBatch:
        random, own = draw.random(), draw.index
        sentences, wrong = drawn_pair(self.text, own, self.config.captions_averaged, random)
        left, top = self._corner(self._location(own), random)
        mirrored = self.config.flip and bool(random.integers(2))
        (picture,) = self._cache.get(own, lambda: self._read(own))
        crop = picture[top : top + self.size, left : left + self.size]
        window = self._window(left, top)
        box, keypoints = self._located(own, window, mirrored)
        wrong_box, wrong_keypoints = self._located(wrong, window, mirrored)
        kind = TokenBatch if isinstance(self.text, CaptionTokens) else Batch
        return kind(
            image=to_signed(crop[:, ::-1] if mirrored else crop),
            box=box,
            keypoints=keypoints,
            wrong_box=wrong_box,
            wrong_keypoints=wrong_keypoints,
            **sentences,
        )

    def _located(self, row: int, window: Window, mirrored: bool) -> tuple[Tensor, Tensor]:
        location = self._location(row).cropped(window)
        if mirrored:
            location = location.mirrored(self._pairs)
        return torch.from_numpy(location.box).float(), torch.from_numpy(location.keypoints).float()

    def _corner(self, location: Location, random: np.random.Generator) -> tuple[int, int]:
        """Left and top of a crop that has something of the box, pixels."""
        room = self.side - self.size
        for _ in range(CROPS):
            left, top = (int(place) for place in random.integers(room + 1, size=2))
            if location.seen_in(self._window(left, top)):
                return left, top
        middle = (location.box[:2] + location.box[2:] / 2) * self.side - self.size / 2
        left, top = (int(place) for place in np.clip(np.round(middle), 0, room))
        return left, top

    def _window(self, left: int, top: int) -> Window:
        return Window(left / self.side, top / self.side, self.size / self.side, self.size / self.side)

    def _location(self, row: int) -> Location:
        """In fractions of the whole picture; computed once."""
        if row not in self._locations:
            located = self.with_box or self.keypoints
            size = displayed_size(self.rows[row].path("image")) if located else (1, 1)
            self._locations[row] = location_of(self.rows[row], size, names=self.keypoints, with_box=self.with_box)
        return self._locations[row]

    def _read(self, row: int) -> tuple[np.ndarray]:
        return (read_picture(self.rows[row].path("image"), RGB, self.side),)


def demands(*, keypoints: Sequence[str] = (), with_box: bool = False) -> Demands:
    """What `condgen data check` must find before training.

    Args:
        keypoints: names that every row must state.
        with_box: whether every row must have a box.
    """
    return Demands(
        fields={"image": Media.IMAGE},
        captions=True,
        box=with_box,
        keypoints=tuple(keypoints),
        splits=(Split.TRAIN, Split.VALIDATION),
    )
