"""What is given comes back; what is refused is tested where the pipelines are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from condgen.data.image import Picture
from condgen.data.picture_kinds import in_its_kind


def inverted(picture):
    """All colours and the alpha."""
    largest = np.iinfo(picture.pixels.dtype).max
    return Picture(largest - picture.pixels, None if picture.alpha is None else largest - picture.alpha)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 2), (5, 7, 3), (5, 7, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_arrays_and_tensors(shape, dtype):
    given = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape, dtype)
    made = in_its_kind(given, inverted)
    assert made.dtype == dtype
    np.testing.assert_array_equal(made, np.iinfo(dtype).max - given)
    if len(shape) == 3:
        tensor = in_its_kind(torch.from_numpy(given).movedim(-1, 0), inverted)
        np.testing.assert_array_equal(tensor.movedim(0, -1).numpy(), made)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_pillow_and_files(tmp_path, mode):
    given = Image.new(mode, (7, 5), tuple(range(10, 10 + 10 * len(mode), 10)))
    given.save(tmp_path / "a.png")
    for made in (in_its_kind(given, inverted), in_its_kind(tmp_path / "a.png", inverted)):
        assert made.mode == mode
        np.testing.assert_array_equal(np.asarray(made), 255 - np.asarray(given))
