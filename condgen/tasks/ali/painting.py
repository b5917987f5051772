"""What a user painted on a photo, as constraints for `condgen.latent.editing`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from condgen.data.image import fit, read, read_rgb, to_signed
from condgen.errors import UserError
from condgen.latent.editing import Constraint, oriented_gradients
from condgen.tasks.ali.networks import SIZE

SKETCH_WEIGHT = 5.0
"""Oriented gradients differ by hundredths where colours differ by units: the authors' 0.2 moves next to nothing."""

KEEP_WEIGHT = 1.0
"""Of what was not painted, which the paper leaves to the smoothness of z: here a bar above a 3 then made a blot."""


@dataclass(frozen=True, eq=False)
class Layer:
    """What was painted, cut and resized as the photo is."""

    colours: Tensor  # (C, 32, 32) in [-1, 1]
    opacity: Tensor  # (32, 32) in [0, 1], 0 where nothing was painted

    def over(self, pictures: Tensor) -> Tensor:
        """It laid on pictures (..., C, 32, 32) in [-1, 1]."""
        return pictures + self.opacity * (self.colours - pictures)

    def colouring(self) -> Constraint:
        """The picture shall have these colours where something was painted."""
        return Constraint(self.colours, self.opacity)

    def sketching(self) -> Constraint:
        """It shall have contours that run as the lines do, whose colour does not count."""
        lines = (2 * self.opacity - 1).expand(self.colours.shape)
        return Constraint(lines, self.opacity, features=oriented_gradients, weight=SKETCH_WEIGHT)


def keeping(picture: Tensor, layers: Sequence[Layer]) -> list[Constraint]:
    """What no layer covers shall look as it does in a picture (C, 32, 32); nothing, where they cover all."""
    uncovered = 1 - torch.stack([layer.opacity for layer in layers]).amax(0)
    return [Constraint(picture, uncovered, weight=KEEP_WEIGHT)] if uncovered.any() else []


def read_layer(path: Path, photo: Path, image_channels: int) -> Layer:
    """A file with transparency, painted on a photo.

    Args:
        path: of the same width and height as the photo.
        photo: what it belongs to.
        image_channels: of the model, 1 grey or 3 RGB.

    Raises:
        UserError: a file cannot be read, their sizes differ, or the layer is opaque everywhere or nowhere.
    """
    layer, (height, width) = read(path), read_rgb(photo).shape[:2]
    if layer.pixels.shape[:2] != (height, width):
        size = f"{layer.pixels.shape[1]}x{layer.pixels.shape[0]}"
        raise UserError(f"{path}: has {size} pixels and {photo} {width}x{height}; paint on a layer of the photo's size")
    if layer.alpha is None or layer.alpha.min() == np.iinfo(layer.alpha.dtype).max:
        raise UserError(f"{path}: is nowhere transparent; paint on a transparent layer above the photo, and save that")
    colours = np.broadcast_to(layer.pixels, (height, width, 3))
    painted = np.dstack([colours, layer.alpha])
    if painted.dtype == np.uint16:
        painted = (painted / 257).round().astype(np.uint8)
    fitted = fit(painted, SIZE)  # Pillow weights colours by their opacity
    if not fitted[..., 3].any():
        raise UserError(f"{path}: nothing is painted in the square in its middle, which is all that the model sees")
    image = Image.fromarray(fitted[..., :3]).convert("L" if image_channels == 1 else "RGB")
    pixels = torch.from_numpy(np.array(image)).view(SIZE, SIZE, image_channels)
    return Layer(to_signed(pixels.permute(2, 0, 1)), torch.tensor(fitted[..., 3]) / 255)
