"""What the image encoder is shown of a row: crops of its picture, or one of the vectors that it brings along."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor, from_numpy

from condgen.data.decoded import DecodedCache
from condgen.data.files import opened
from condgen.data.image import read_rgb, to_signed
from condgen.data.locations import box_of
from condgen.data.manifest import Row
from condgen.data.translation_images import same_crop
from condgen.errors import UserError
from condgen.tasks.joint_embedding.config import ImageEncoderConfig, ImageEncoderKind

FEATURES = "features"
"""Field that names a row's .npy file: (D,), or (views, D) of several crops and flips, the plain view first."""

Box = tuple[float, float, float, float]


class Views:
    """Views of rows, as the encoder takes them: (3, size, size) in [-1, 1], or (D,) where features are given.

    Args:
        width: length of a sentence's vector, which features must have, too.
        cache_gigabytes: of resized pictures or features kept in memory.
    """

    def __init__(self, config: ImageEncoderConfig, rows: Sequence[Row], *, width: int, cache_gigabytes: float = 0):
        self.config, self.rows, self.width = config, rows, width
        self._given = config.kind is ImageEncoderKind.FEATURES
        self._cache = DecodedCache[int](cache_gigabytes)

    def random(self, row: int, random: np.random.Generator, *, flip: bool) -> Tensor:
        """A random one; pictures are mirrored half of the time with `flip`.

        Raises:
            UserError: a file is missing, damaged, or has features of another length.
        """
        whole = self._whole(row)
        if self._given:
            return from_numpy(whole[random.integers(len(whole))])
        return same_crop([whole], self.config.size, random, flip=flip, where=self.rows[row].where)[0]

    def plain(self, row: int) -> Tensor:
        """The one that is judged by: the middle of the picture, or the first of the given features.

        Raises:
            UserError: as above.
        """
        whole = self._whole(row)
        return from_numpy(whole[0]) if self._given else middle(whole, self.config.size)

    def _whole(self, row: int) -> np.ndarray:
        (whole,) = self._cache.get(row, lambda: (self._read(self.rows[row]),))
        return whole

    def _read(self, row: Row) -> np.ndarray:
        if self._given:
            return read_features(row, self.width)
        box = box_of(row) if self.config.crop_to_box else None
        return read_picture(row.path("image"), self.config.whole, box)


def read_picture(path: Path, side: int, box: Box | None = None) -> np.ndarray:
    """A picture stretched to a square, antialiased bicubic: uint8 (side, side, 3).

    Args:
        box: x, y, width, height in pixels: only the square around it is taken, as far as the picture goes.

    Raises:
        UserError: the file is missing or damaged.
    """
    picture = Image.fromarray(read_rgb(path))
    region = (0, 0, *picture.size) if box is None else _square_around(box, picture.size)
    return np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC, box=region))


def middle(picture: np.ndarray, side: int) -> Tensor:
    """uint8 (h, w, 3) -> its middle, (3, side, side) in [-1, 1]."""
    top, left = ((extent - side) // 2 for extent in picture.shape[:2])
    return to_signed(picture[top : top + side, left : left + side])


def read_features(row: Row, width: int) -> np.ndarray:
    """A row's features, float32 (views, width).

    Raises:
        UserError: the file is missing, damaged, or has vectors of another length.
    """
    path = row.path(FEATURES)
    with opened(path, "an array") as file:
        try:
            features = np.atleast_2d(np.load(file, allow_pickle=False)).astype(np.float32)
        except (ValueError, EOFError, OSError, TypeError):
            raise UserError(f"{path}: is no array of numbers; save it with numpy.save as (D,) or (views, D)") from None
    if features.ndim != 2 or not len(features) or not np.isfinite(features).all():
        raise UserError(f"{path}: holds {features.shape}, not finite numbers (D,) or (views, D); make it again")
    if features.shape[1] != width:
        raise UserError(
            f"{path}: its features are {features.shape[1]} long and sentences' vectors {width}; set "
            f"model.text.width={features.shape[1]}, or make features of that length"
        )
    return features


def _square_around(box: Box, size: tuple[int, int]) -> Box:
    """Left, top, right, bottom of the square around a box, moved and cut to lie in the picture."""
    side = max(box[2:])
    low = [_begin(start + extent / 2, side, whole) for start, extent, whole in zip(box[:2], box[2:], size, strict=True)]
    return (*low, *(min(start + side, whole) for start, whole in zip(low, size, strict=True)))


def _begin(centre: float, side: float, whole: float) -> float:
    return max(0.0, min(centre - side / 2, whole - side))
