"""Drifting textures: grey, of low contrast, periodic, moving evenly; drawn ones or pieces of photos."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from condgen.data.drifting_textures import CONTRAST, DRIFT, MIDDLE, Pattern, drifting, photo_tile, random_tile
from condgen.errors import UserError


def tile_of(pattern, size=32, seed=0):
    return random_tile(pattern, size, np.random.default_rng(seed))


@pytest.mark.parametrize("pattern", Pattern)
def test_textures_are_seen_and_periodic(pattern):
    tile = tile_of(pattern)
    assert tile.shape == (64, 64)
    assert abs(tile).max() <= 1
    assert tile.std() > 0.3
    steps = np.abs(np.diff(tile, axis=0)).max(axis=0)
    assert (np.abs(tile[0] - tile[-1]) <= 1.5 * steps.max()).all()  # across the seam no more than inside
    assert not np.allclose(tile, tile_of(pattern, seed=1))


def test_the_look_does_not_depend_on_the_size():
    small, large = (tile_of(Pattern.CLOUDY, size) for size in (32, 64))
    np.testing.assert_allclose(small, large[::2, ::2], atol=0.05)


def test_a_texture_drifts_evenly_and_keeps_its_lightness():
    for seed in range(20):
        ground = drifting(tile_of(Pattern.CLOUDY), 32, 16, np.random.default_rng(seed))
        assert ground.shape == (16, 32, 32)
        assert MIDDLE[0] - CONTRAST[1] <= ground.min() <= ground.max() <= MIDDLE[1] + CONTRAST[1]
        assert np.ptp(ground) > 5


def test_the_drift_is_a_shift_of_the_picture():
    ramp = np.tile(np.linspace(-1, 1, 64), (64, 1))  # to the right, brighter by 2 / 63 a pixel
    steps = []
    for seed in range(200):
        ground = drifting(ramp, 32, 16, np.random.default_rng(seed))
        change = np.diff(ground[:, 0], axis=0)
        slope = np.median(np.diff(ground[0, 0]))
        steps.append(np.median(change) / slope)  # pixels in a frame, along x
        np.testing.assert_allclose(np.median(change, axis=1), np.median(change), atol=1e-6)
    assert np.abs(steps).max() <= DRIFT * 32 / 15 + 1e-9
    assert np.std(steps) > 0.2
    assert min(steps) < 0 < max(steps)


def test_a_photo_becomes_periodic_by_mirrors(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (80, 100, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    tile = photo_tile(tmp_path / "photo.png", 16)
    assert tile.shape == (64, 64)
    np.testing.assert_array_equal(tile, tile[::-1])
    np.testing.assert_array_equal(tile, tile[:, ::-1])
    assert tile.std() > 0.3


def test_a_photo_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"none")
    with pytest.raises(UserError, match=r"bad\.png"):
        photo_tile(tmp_path / "bad.png", 16)
