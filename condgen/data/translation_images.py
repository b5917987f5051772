"""Pictures as the translation tasks read them: resized, cropped, flipped (Isola et al., 2017, section 6.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from condgen.data.image import displayed_size, read_rgb, to_signed
from condgen.errors import UserError, refuse_below

GREY, RGB = 1, 3  # channels
JITTER = 286 / 256  # pictures before the crop over the crop (Isola et al., 2017, section 6.2)
SMALLEST_CROP = 16  # pixels a side; below it the generators' mirrored borders are wider than what they mirror
LARGEST_CROP = 256  # that somebody's own pictures are learned at, the papers'


@dataclass(frozen=True, kw_only=True)
class TranslationDataConfig:
    """What both translation tasks ask about their pictures; each adds where the manifest lies."""

    resize: int = 286  # pixels a side before the crop; 0: pictures stay as they are
    keep_aspect: bool = False  # resize the shorter side; the papers stretch both
    flip: bool = True  # left and right, half of the draws
    cache_gigabytes: float = 4.0  # decoded pictures kept in memory
    validation_images: int = 16  # how many of the validation split a report during training looks at

    def __post_init__(self):
        if self.resize < 0:
            raise ValueError(f"resize must be 0 or more pixels, got {self.resize}")
        refuse_below(self, 0, "cache_gigabytes")
        refuse_below(self, 1, "validation_images")


def scale_for(paths: Iterable[Path], multiple: int, least: int, crop: int) -> tuple[int, int, list[str]]:
    """At what scale to learn somebody's pictures: crop, size before it (0: as they are), and lines on what was chosen.

    Their own, because what is learned at one scale is wrong at another.

    Args:
        paths: of training pictures; those that cannot be read, which the data check finds, are passed over.
        multiple: of the crop, for the generator.
        least: that the discriminator can judge.
        crop: that the model was trained with.
    """
    sides = []
    for path in paths:
        with suppress(UserError):
            sides += displayed_size(path)
    smallest = min(sides, default=crop)
    chosen = max(-(-max(least, SMALLEST_CROP) // multiple), min(smallest, LARGEST_CROP) // multiple) * multiple
    jittered, lines = round(JITTER * chosen), []
    if chosen != crop:
        lines.append(f"model.crop={chosen} in place of {crop}: the smallest picture has {smallest} pixels a side")
    if smallest < chosen:
        lines.append(f"pictures are enlarged to {jittered} pixels to learn from: give larger ones if there are any")
    return chosen, jittered if smallest < jittered else 0, lines


def read_picture(path: Path, channels: int, resize: int = 0, *, keep_aspect: bool = False) -> np.ndarray:
    """A picture as uint8 (h, w, channels).

    Args:
        channels: 3, or 1: luma by 0.299, 0.587, 0.114.
        resize: pixels a side (of the shorter side with `keep_aspect`), antialiased bicubic; 0: as it is.

    Raises:
        UserError: the file is missing or damaged.
    """
    image = Image.fromarray(read_rgb(path))
    if channels == GREY:
        image = image.convert("L")
    if resize:
        image = image.resize(_target(image.size, resize, keep_aspect), Image.Resampling.BICUBIC)
    array = np.asarray(image)
    return array.reshape(*array.shape[:2], channels)


def _target(size: tuple[int, int], side: int, keep_aspect: bool) -> tuple[int, int]:
    if not keep_aspect:
        return side, side
    short = min(size)
    width, height = (max(side, round(extent * side / short)) for extent in size)
    return width, height


def same_crop(
    pictures: Sequence[np.ndarray], side: int, random: np.random.Generator, *, flip: bool, where: str
) -> list[Tensor]:
    """The same random square of pictures of one size, all flipped or none: (h, w, C) uint8 -> (C, side, side).

    Raises:
        UserError: they are smaller than the crop, or differ in size; `where` is named in front.
    """
    height, width = pictures[0].shape[:2]
    if any(picture.shape[:2] != (height, width) for picture in pictures):
        raise UserError(f"{where}: the pictures of the pair differ in size; see `condgen data check`")
    if min(height, width) < side:
        raise UserError(f"{where}: {width}x{height} pixels are smaller than model.crop={side}; raise data.resize")
    top, left = int(random.integers(height - side + 1)), int(random.integers(width - side + 1))
    mirrored = flip and bool(random.integers(2))
    cut = [picture[top : top + side, left : left + side] for picture in pictures]
    return [to_signed(part[:, ::-1] if mirrored else part) for part in cut]
