"""Pictures in the forms that callers have: changed as one kind, given back as they came."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from condgen.data.image import Picture, from_pillow, read, refuse_no_pillow_mode, to_pillow
from condgen.data.translation_images import GREY, RGB
from condgen.errors import UserError

Kind = TypeVar("Kind", Image.Image, np.ndarray, Tensor)


def in_its_kind(image: Kind | str | Path, change: Callable[[Picture], Picture]) -> Kind | Image.Image:
    """Change a picture; returns the same kind, of a path a Pillow image.

    Args:
        image: a Pillow image; an array (H, W) or (H, W, C) in uint8, uint16 or float in [0, 1], C = 1 grey, 3 RGB, 2 or
            4 with alpha last; a tensor (C, H, W) with the same contents; or a path.
        change: it as files are read -> what becomes of it.

    Raises:
        UserError: the file cannot be read, or the picture has no such form.
    """
    match image:
        case str() | Path():
            picture = read(image)
            refuse_no_pillow_mode(picture)
            return to_pillow(change(picture))
        case Image.Image():
            return to_pillow(change(from_pillow(image)))
        case Tensor():
            array = _changed_array(image.detach().movedim(0, -1).cpu().numpy(), change)
            return torch.from_numpy(array).movedim(-1, 0).to(image.device)
        case np.ndarray():
            return _changed_array(image, change)
    raise UserError(f"a picture is a path, a Pillow image, an array or a tensor, not {type(image).__name__}")


def _changed_array(array: np.ndarray, change: Callable[[Picture], Picture]) -> np.ndarray:
    channels = array.shape[2] if array.ndim == 3 else 1
    known_type = array.dtype in (np.uint8, np.uint16) or array.dtype.kind == "f"
    if array.ndim not in (2, 3) or not array.size or not 1 <= channels <= 4 or not known_type:
        raise UserError(
            f"an array {array.shape} of {array.dtype} is no picture; give (H, W), (H, W, C) or, as a tensor, "
            "(C, H, W), C = 1 to 4, in uint8, uint16 or float"
        )
    colours = RGB if channels >= RGB else GREY
    stack = array.reshape(*array.shape[:2], channels)
    made = change(Picture(stack[..., :colours], stack[..., colours] if channels > colours else None))
    result = made.pixels if made.alpha is None else np.dstack([made.pixels, made.alpha])
    return result[..., 0] if array.ndim == 2 and result.shape[2] == GREY else result
