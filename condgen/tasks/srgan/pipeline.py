"""Pictures in, pictures with `scale` times the side out, from a generator or a model folder."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from condgen.config import Precision
from condgen.data.image import Picture, from_tensor, read, to_tensor
from condgen.data.image_output import refuse_unwritable, write
from condgen.data.picture_kinds import Kind, in_its_kind
from condgen.errors import UserError
from condgen.runtime.device import choose_device, choose_precision, is_out_of_memory
from condgen.tasks.srgan.fast import TILE, Flow, fold, spans
from condgen.tasks.srgan.networks import Generator

if TYPE_CHECKING:
    from condgen.runtime.model_folder import ModelFolder
    from condgen.tasks.srgan.task import Config

TILE_ON_GPU = 1024
SMALLEST_TILE = 32


class Pipeline:
    """A trained generator as a callable.

    Grey comes out grey, 16 bits stay 16 bits, ICC profile and EXIF are kept, alpha is enlarged apart (bicubic);
    palette, CMYK and 1-bit pictures come out as `condgen.data.image` reads them. The output has exactly `scale` times
    the sides of the input. Beyond the output itself, memory grows with `tile` and the width, not with the height.

    Args:
        generator: taken as in eval mode and copied; it may go on training.
        config: the task's config that the generator was built from.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: of the convolutions; sums over the picture and the output are in fp32 either way.
        tile: a picture is computed in strips of as many low-resolution pixels as a square of this side has. The result
            does not depend on it. "auto" suits the device, and is halved, with a warning, when memory runs out.
    """

    def __init__(
        self,
        generator: Generator,
        config: Config,
        *,
        device: str = "auto",
        precision: Precision = Precision.AUTO,
        tile: int | str = "auto",
    ):
        self.generator, self.config, self.tile = generator, config, tile
        self.scale = generator.scale
        self.device = choose_device(device)
        self._network = fold(generator, choose_precision(precision, self.device).dtype).to(self.device)

    @classmethod
    def from_folder(cls, folder: ModelFolder, *, device: str = "auto", tile: int | str = "auto") -> Pipeline:
        """Raises UserError when the folder's weights do not fit its config."""
        from condgen.tasks.srgan.task import build_generator

        generator = build_generator(folder.config)
        folder.fill(generator, "generator")
        return cls(generator, folder.config, device=device, tile=tile)

    def __call__(self, image: Kind | str | Path) -> Kind | Image.Image:
        """Enlarge one picture; returns what was given, of a path a Pillow image.

        Args:
            image: a Pillow image; an array (H, W) or (H, W, C) in uint8, uint16 or float in [0, 1], C = 1 grey, 3 RGB,
                2 or 4 with alpha last; a tensor (C, H, W) with the same contents; or a path.

        Raises:
            UserError: the file cannot be read, the picture has no such form, or memory does not suffice for the tile.
        """
        return in_its_kind(image, self._enlarged)

    def upscale_file(self, source: Path, target: Path) -> None:
        """Read, enlarge, write; the target appears whole or not at all.

        Raises:
            UserError: the source cannot be read or the target not written, as `condgen.data.image` says; the latter is
                found out before the work where it can be.
        """
        picture = read(source)
        refuse_unwritable(target, picture.pixels, alpha=picture.alpha is not None, scale=self.scale)
        try:
            made = self._enlarged(picture)
        except UserError as problem:
            raise UserError(f"{source}: {problem}") from None
        write(made, target)

    def _enlarged(self, picture: Picture) -> Picture:
        alpha = None if picture.alpha is None else _enlarged_plane(picture.alpha, self.scale)
        return Picture(self._enlarged_pixels(picture.pixels), alpha, picture.icc_profile, picture.exif)

    def _enlarged_pixels(self, pixels: np.ndarray) -> np.ndarray:
        height, width, channels = pixels.shape
        made = np.empty((self.scale * height, self.scale * width, channels), pixels.dtype)
        tile = (TILE_ON_GPU if self.device.type == "cuda" else TILE) if self.tile == "auto" else int(self.tile)
        while not self._fill(made, pixels, tile):
            if self.tile != "auto" or tile <= SMALLEST_TILE:
                raise UserError(f"not enough memory for tile={tile}; take a smaller one, or cut the picture")
            tile //= 2
            logging.getLogger(__name__).warning("memory ran out: starting over with tile=%d", tile)
        return made

    def _fill(self, made: np.ndarray, pixels: np.ndarray, tile: int) -> bool:
        """Write each finished strip straight into `made`. False when memory ran out."""
        height, width = pixels.shape[:2]
        flow, done = Flow(self._network, width, tile), 0
        try:
            for top, bottom in spans(height, flow.rows):
                low = to_tensor(pixels[top:bottom])[None].to(self.device)
                high = flow.push(low, last=bottom == height)[0]
                made[done : done + high.shape[1]] = from_tensor((high + 1) / 2, like=pixels)
                done += high.shape[1]
        except (MemoryError, RuntimeError) as problem:
            if not is_out_of_memory(problem):
                raise
            return False
        return True


def _enlarged_plane(plane: np.ndarray, scale: int) -> np.ndarray:
    """(H, W) -> (scale H, scale W), bicubic."""
    size = (scale * plane.shape[1], scale * plane.shape[0])
    if plane.dtype == np.uint8:
        return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC))
    values = np.array(Image.fromarray(plane.astype(np.float32)).resize(size, Image.Resampling.BICUBIC))
    if plane.dtype.kind == "f":
        return values.clip(0, 1).astype(plane.dtype)
    return values.clip(0, np.iinfo(plane.dtype).max).round().astype(plane.dtype)
