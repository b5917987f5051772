"""The reduction of super-resolution, against its formula."""

from __future__ import annotations

import numpy as np
import pytest

from condgen.data.downscaling import bicubic_downscale, crop_to_multiple
from condgen.errors import UserError


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_crop_to_multiple():
    pixels = noise(11, 9, 3)
    np.testing.assert_array_equal(crop_to_multiple(pixels, 4), pixels[:8, :8])
    with pytest.raises(UserError, match="9x3 pixels cannot be reduced 4 times"):
        crop_to_multiple(pixels[:3], 4)


def cubic(x: float) -> float:
    """Keys (1981), a = -0.5."""
    x = abs(x)
    if x < 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_bicubic_downscale_is_antialiased_with_a_half(factor):
    pixels = np.kron(noise(6, 6, 3), np.ones((factor, factor, 1), np.uint8))  # blocks: strong edges
    side = len(pixels)
    weights = np.array(
        [[cubic((source + 0.5) / factor - target - 0.5) for source in range(side)] for target in range(side // factor)]
    )
    weights /= weights.sum(axis=1, keepdims=True)
    wanted = np.einsum("ty,yxc->txc", weights, pixels)
    wanted = np.einsum("sx,txc->tsc", weights, wanted).clip(0, 255)
    # Pillow rounds (and clips) between the passes
    assert np.abs(bicubic_downscale(pixels, factor) - wanted).max() <= 1.5
    with pytest.raises(ValueError, match="not a multiple"):
        bicubic_downscale(pixels[1:], factor)
