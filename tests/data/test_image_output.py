"""Pictures to files and back: what a format keeps, what is refused, and that nothing half-written stays."""

from __future__ import annotations

import errno
import os

import numpy as np
import png
import pytest
from PIL import ExifTags, Image, ImageCms

from condgen.data.image import Picture, read
from condgen.data.image_output import refuse_unwritable, write
from condgen.errors import UserError

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(*shape: int, dtype=np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def gradient(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (height + width)], axis=2).astype(np.uint8)


def picture(channels: int, alpha: bool, dtype=np.uint8, **kept: bytes) -> Picture:
    values = noise(7, 5, channels + 1, dtype=dtype)
    return Picture(values[..., :channels], values[..., channels] if alpha else None, **kept)


def assert_same(made: Picture, wanted: Picture) -> None:
    assert made.pixels.dtype == wanted.pixels.dtype
    np.testing.assert_array_equal(made.pixels, wanted.pixels)
    assert (made.alpha is None) == (wanted.alpha is None)
    if wanted.alpha is not None:
        np.testing.assert_array_equal(made.alpha, wanted.alpha)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_png_keeps_everything(tmp_path, channels, alpha, dtype):
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "A. Painter"
    wanted = picture(channels, alpha, dtype, icc_profile=PROFILE, exif=exif.tobytes())
    write(wanted, tmp_path / "a.png")
    made = read(tmp_path / "a.png")
    assert_same(made, wanted)
    assert made.icc_profile == PROFILE
    with Image.open(tmp_path / "a.png") as opened:
        assert opened.getexif()[ExifTags.Base.Artist] == "A. Painter"
    deep = dtype == np.uint16
    assert png.Reader(str(tmp_path / "a.png")).read()[3]["bitdepth"] == (16 if deep else 8)


@pytest.mark.parametrize(
    ("name", "channels", "alpha", "dtype"),
    [("a.tif", 3, True, np.uint8), ("a.tiff", 1, False, np.uint8), ("a.tif", 1, False, np.uint16)],
)
def test_tiff_keeps_everything(tmp_path, name, channels, alpha, dtype):
    wanted = picture(channels, alpha, dtype, icc_profile=PROFILE)
    write(wanted, tmp_path / name)
    assert_same(made := read(tmp_path / name), wanted)
    assert made.icc_profile == PROFILE


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.webp"])
def test_lossy_formats_stay_near_and_keep_the_profile(tmp_path, name):
    wanted = Picture(gradient(32, 48), icc_profile=PROFILE)
    write(wanted, tmp_path / name)
    made = read(tmp_path / name)
    assert np.abs(made.pixels.astype(int) - wanted.pixels).mean() < 2
    assert made.icc_profile == PROFILE


def test_exif_states_the_new_size_and_no_tiff_layout(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "maker"
    exif.get_ifd(ExifTags.IFD.Exif).update({ExifTags.Base.ExifImageWidth: 1, ExifTags.Base.ExifImageHeight: 2})
    Image.fromarray(gradient(8, 9)).save(tmp_path / "a.tif", exif=exif.tobytes())
    write(read(tmp_path / "a.tif"), tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as opened:
        tags = opened.getexif()
        assert tags[ExifTags.Base.Make] == "maker"
        assert ExifTags.Base.StripOffsets not in tags
        camera = tags.get_ifd(ExifTags.IFD.Exif)
        assert (camera[ExifTags.Base.ExifImageWidth], camera[ExifTags.Base.ExifImageHeight]) == (9, 8)


@pytest.mark.parametrize(
    ("name", "channels", "alpha", "dtype", "words"),
    [
        ("a.xyz", 3, False, np.uint8, "the ending must be one of .png"),
        ("a", 3, False, np.uint8, "the ending must be one of .png"),
        ("a.jpg", 3, True, np.uint8, "transparency"),
        ("a.jpg", 1, False, np.uint16, "16 bits"),
        ("a.tif", 3, False, np.uint16, "16 bits"),
        ("a.webp", 3, False, np.uint16, "16 bits"),
    ],
)
def test_what_a_format_would_lose_is_refused(tmp_path, name, channels, alpha, dtype, words):
    with pytest.raises(UserError, match=words):
        write(picture(channels, alpha, dtype), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_sides_that_a_format_cannot_hold_are_found_out_before():
    strip = np.zeros((1, 20000, 3), np.uint8)
    refuse_unwritable("a.png", strip, alpha=False, scale=4)
    with pytest.raises(UserError, match="80000x4 is too large for JPEG"):
        refuse_unwritable("a.jpg", strip, alpha=False, scale=4)


def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"old")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"a\.png: cannot be written: the disk is full; free some space"):
        write(picture(3, False), tmp_path / "a.png")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.png", b"old")]


def test_writing_into_no_folder_is_one_line(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        write(picture(3, False), tmp_path / "missing" / "a.png")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written: Not a directory"):
        write(picture(3, False), tmp_path / "file" / "a.png")


def test_new_files_have_the_usual_permissions(tmp_path):
    write(picture(3, False), tmp_path / "a.png")
    (tmp_path / "b").touch()
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "b").stat().st_mode
