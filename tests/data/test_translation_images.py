"""Resizing, cropping and flipping as the papers do."""

import numpy as np
import pytest
from PIL import Image

from condgen.data.translation_images import TranslationDataConfig, read_picture, same_crop, scale_for
from condgen.errors import UserError


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)).save(path)
    return path


@pytest.mark.parametrize(
    ("resize", "keep_aspect", "shape"),
    [(0, False, (30, 50)), (20, False, (20, 20)), (20, True, (20, 33)), (60, True, (60, 100))],
)
def test_sizes(picture, resize, keep_aspect, shape):
    assert read_picture(picture, 3, resize, keep_aspect=keep_aspect).shape == (*shape, 3)
    assert read_picture(picture, 1, resize, keep_aspect=keep_aspect).shape == (*shape, 1)


def test_grey_is_luma(tmp_path):
    Image.new("RGB", (2, 2), (200, 100, 50)).save(tmp_path / "a.png")
    grey = read_picture(tmp_path / "a.png", 1)
    assert np.abs(grey.astype(float) - (0.299 * 200 + 0.587 * 100 + 0.114 * 50)).max() <= 0.5


def test_both_pictures_get_the_same_crop_and_flip():
    ramp = np.arange(20 * 30 * 3, dtype=np.uint16).reshape(20, 30, 3)
    low, high = (ramp % 256).astype(np.uint8), (ramp // 256).astype(np.uint8)
    seen = set()
    for seed in range(40):
        crops = same_crop([low, high], 8, np.random.default_rng(seed), flip=True, where="row")
        values = [((crop + 1) * 127.5).round().long() for crop in crops]
        joined = values[0] + 256 * values[1]
        assert joined.shape == (3, 8, 8)
        steps = (joined[0].diff(dim=1)).unique()
        assert len(steps) == 1  # one row's neighbours stay neighbours: +3, or -3 when mirrored
        seen.add(int(steps))
    assert seen == {3, -3}


def test_without_flip_nothing_is_mirrored():
    ramp = np.tile(np.arange(9, dtype=np.uint8)[None, :, None], (9, 1, 1))
    for seed in range(20):
        (crop,) = same_crop([ramp], 4, np.random.default_rng(seed), flip=False, where="row")
        assert (crop.diff(dim=2) > 0).all()


def test_what_cannot_be_cropped_is_said():
    small, other = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 9, 3), np.uint8)
    random = np.random.default_rng(0)
    with pytest.raises(UserError, match=r"here: 8x8 pixels are smaller than model.crop=16; raise data.resize"):
        same_crop([small], 16, random, flip=False, where="here")
    with pytest.raises(UserError, match="here: the pictures of the pair differ in size"):
        same_crop([small, other], 8, random, flip=False, where="here")


@pytest.mark.parametrize("wrong", [{"resize": -1}, {"cache_gigabytes": -1.0}, {"validation_images": 0}])
def test_impossible_configs(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TranslationDataConfig(**wrong)


@pytest.mark.parametrize(
    ("sides", "multiple", "chosen"),
    [
        ((70, 128), 64, (64, 72)),
        ((73, 128), 64, (64, 0)),  # crops of them as they are
        ((130, 140), 4, (128, 143)),
        ((40, 200), 64, (64, 72)),  # enlarged: the network takes no less
        ((9, 9), 4, (24, 27)),  # nor does the discriminator
        ((1000, 600), 4, (256, 0)),
    ],
)
def test_somebodys_pictures_are_learned_at_their_own_scale(tmp_path, sides, multiple, chosen):
    Image.new("RGB", sides).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    crop, resize, lines = scale_for([tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png"], multiple, 24, 64)
    assert (crop, resize) == chosen
    smallest = min(sides)
    assert any(f"model.crop={crop} in place of 64: the smallest picture has {smallest}" in line for line in lines) == (
        crop != 64
    )
    assert any(f"enlarged to {resize} pixels" in line for line in lines) == (smallest < crop)
