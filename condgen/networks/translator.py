"""A picture through a translation network: any size, kind and depth in, the same size and depth out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from condgen.config import Precision
from condgen.data.image import Picture, from_tensor, read, to_tensor
from condgen.data.image_output import refuse_unwritable, write
from condgen.data.picture_kinds import Kind, in_its_kind
from condgen.data.translation_images import GREY, RGB
from condgen.errors import UserError
from condgen.networks.inference import InferenceNetwork, halo_of, why_not_in_tiles
from condgen.networks.translation import Generator
from condgen.runtime.device import choose_device, choose_precision, is_out_of_memory

SMALLEST_SIDE = 16  # pixels that the mirrored borders inside of every network can do with
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as training makes pictures grey


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How pictures are translated; what users may choose besides the model."""

    seed: int = 0  # of the noise; each picture starts from it, so that its result does not depend on those before
    noise: bool = True  # as in training: dropout on, batch norm by the picture's own statistics (Isola et al., 2017,
    # section 3.4); without: neither. Makes no difference to a network without dropout and batch norm
    longest_side: int = 0  # pixels: larger pictures are reduced to it before and enlarged after; 0: none is
    tile: int = 0  # pixels a side that are translated at a time, where that does not change the result; 0: all

    def __post_init__(self):
        for name in ("seed", "longest_side", "tile"):
            if not 0 <= getattr(self, name) < 2**31:
                raise UserError(f"{name} must be 0 or more and below 2^31, got {getattr(self, name)}")


class Translator:
    """A generator as a function of pictures.

    The size stays, to the pixel: borders are mirrored up to what the network takes and cut off after. Depth, alpha, ICC
    profile and EXIF are kept; a picture becomes grey or RGB as the generator makes it, and a profile for the other kind
    is then left out.

    The picture stays whole: a network with instance norm takes mean and variance over all of it, so that tiles would
    each get a colour of their own. Memory grows with the picture's area.

    Args:
        generator: copied; it may go on training.
        input_channels, output_channels: 3 RGB or 1 grey.
        settings: see `Settings`.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: of the convolutions; the output is in fp32 either way.

    Raises:
        UserError: there is no such device, or tiles would change the result.
    """

    def __init__(
        self,
        generator: Generator,
        input_channels: int,
        output_channels: int,
        settings: Settings,
        *,
        device: str = "auto",
        precision: Precision = Precision.AUTO,
    ):
        self._whole = why_not_in_tiles(generator, noise=settings.noise)
        if settings.tile and self._whole:
            raise UserError(f"tiles would change the result: {self._whole}; for less memory take --longest-side N")
        self.input_channels, self.output_channels, self.settings = input_channels, output_channels, settings
        self.device = choose_device(device)
        dtype = choose_precision(precision, self.device).dtype
        self._network = InferenceNetwork(generator, dtype, self.device, noise=settings.noise)
        self._multiple = generator.multiple
        self._halo = 0 if self._whole else halo_of(generator)

    def __call__(self, image: Kind | str | Path) -> Kind | Image.Image:
        """Translate one picture; returns what was given, of a path a Pillow image.

        Args:
            image: a Pillow image; an array (H, W) or (H, W, C) in uint8, uint16 or float in [0, 1], C = 1 grey, 3 RGB,
                2 or 4 with alpha last; a tensor (C, H, W) with the same contents; or a path.

        Raises:
            UserError: the file cannot be read, the picture has no such form, or memory does not suffice.
        """
        return in_its_kind(image, self.translated)

    def file(self, source: Path, target: Path) -> None:
        """Read, translate, write; the target appears whole or not at all.

        Raises:
            UserError: the source cannot be read or the target not written, as `condgen.data.image` says, or memory does
                not suffice.
        """
        picture = read(source)
        like = np.broadcast_to(self._like(picture.pixels), (*picture.pixels.shape[:2], self.output_channels))
        refuse_unwritable(target, like, alpha=picture.alpha is not None)
        try:
            made = self.translated(picture)
        except UserError as problem:
            raise UserError(f"{source}: {problem}") from None
        write(made, target)

    def translated(self, picture: Picture) -> Picture:
        """As `__call__`, of a picture as files are read."""
        pixels = self._translated_pixels(picture.pixels)
        same_kind = pixels.shape[2] == picture.pixels.shape[2]
        return Picture(pixels, picture.alpha, picture.icc_profile if same_kind else b"", picture.exif)

    def _like(self, pixels: np.ndarray) -> np.ndarray:
        """One pixel (1, 1, C) of the type and channels that the result will have."""
        return np.zeros((1, 1, self.output_channels), pixels.dtype)

    @torch.inference_mode()
    def _translated_pixels(self, pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[:2]
        try:
            sample = self._sample(pixels)
            reduced = _reduced(sample, self.settings.longest_side)
            made = self._made(reduced)
            if reduced.shape != sample.shape:
                made = _resized(made, (height, width))
            return from_tensor((made[0] + 1) / 2, like=self._like(pixels))
        except (MemoryError, RuntimeError) as problem:
            if not is_out_of_memory(problem):
                raise
        raise UserError(f"not enough memory for {width}x{height} pixels; {self._advice(max(height, width))}")

    def _advice(self, side: int) -> str:
        """What to do when memory runs out for a picture whose longer side has so many pixels."""
        if self._whole:
            half = min(side, self.settings.longest_side or side) // 2
            return f"there are no tiles, because {self._whole}; try --longest-side {half}"
        return f"try --tile {min(side, self.settings.tile or side) // 2}"

    def _sample(self, pixels: np.ndarray) -> Tensor:
        """(H, W, 1 or 3) -> (1, input_channels, H, W) in [-1, 1]."""
        values = to_tensor(pixels)
        if self.input_channels == GREY:
            weights = torch.tensor(LUMA) if pixels.shape[2] == RGB else torch.tensor([1.0, 0.0, 0.0])
            values = (values * weights[:, None, None]).sum(0, keepdim=True)
        return values[None] * 2 - 1

    def _made(self, sample: Tensor) -> Tensor:
        """(1, C, H, W) -> (1, C', H, W), any H and W."""
        height, width = sample.shape[-2:]
        rows, columns = (_mirrored(side, self._multiple) for side in (height, width))
        padded = sample[:, :, torch.from_numpy(rows)][..., torch.from_numpy(columns)]
        made = self._in_tiles(padded) if self.settings.tile else self._network(padded, self.settings.seed)
        top, left = (len(rows) - height) // 2, (len(columns) - width) // 2
        return made[..., top : top + height, left : left + width]

    def _in_tiles(self, sample: Tensor) -> Tensor:
        """Each tile with as much around it as it looks at, so that the result is that of the whole."""
        made = torch.empty(1, self.output_channels, *sample.shape[-2:])
        for top, bottom in self._spans(sample.shape[-2]):
            for left, right in self._spans(sample.shape[-1]):
                first, leftmost = max(0, top - self._halo), max(0, left - self._halo)
                part = self._network(sample[..., first : bottom + self._halo, leftmost : right + self._halo])
                part = part[..., top - first : bottom - first, left - leftmost : right - leftmost]
                made[..., top:bottom, left:right] = part
        return made

    def _spans(self, extent: int) -> Iterator[tuple[int, int]]:
        step = -(-self.settings.tile // self._multiple) * self._multiple
        return ((start, min(start + step, extent)) for start in range(0, extent, step))


def _mirrored(extent: int, multiple: int) -> np.ndarray:
    """Indices of `extent` values with as many mirrored ones at both ends as the network needs, even of a single one."""
    wanted = -(-max(extent, SMALLEST_SIDE) // multiple) * multiple
    before = (wanted - extent) // 2
    return np.pad(np.arange(extent), (before, wanted - extent - before), mode="reflect")


def _reduced(sample: Tensor, longest_side: int) -> Tensor:
    """(1, C, H, W), with its longer side at most `longest_side`; 0: as it is."""
    height, width = sample.shape[-2:]
    if not longest_side or max(height, width) <= longest_side:
        return sample
    scale = longest_side / max(height, width)
    return _resized(sample, (max(1, round(scale * height)), max(1, round(scale * width))))


def _resized(sample: Tensor, size: tuple[int, int]) -> Tensor:
    """(1, C, H, W) -> (1, C, *size), antialiased bicubic, in [-1, 1]."""
    return F.interpolate(sample, size, mode="bicubic", antialias=True, align_corners=False).clamp(-1, 1)
