"""Image files to arrays, and everything that can be wrong with one."""

from __future__ import annotations

import errno
import io
import os
import struct
import zlib

import numpy as np
import png
import pytest
import torch
from PIL import ExifTags, Image, ImageCms, ImageOps

from condgen.data import image as images
from condgen.data.image import (
    Picture,
    fit,
    from_pillow,
    from_tensor,
    read,
    read_rgb,
    to_signed,
)
from condgen.data.image_output import write
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


def test_other_modes_come_out_as_documented(tmp_path):
    rgb = Image.fromarray(gradient(16, 16))
    palette = rgb.quantize(16)
    palette.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read(tmp_path / "palette.png").pixels, np.asarray(palette.convert("RGB")))
    palette.save(tmp_path / "clear.png", transparency=0)
    assert {0, 255} == set(np.unique(read(tmp_path / "clear.png").alpha))
    rgb.save(tmp_path / "keyed.png", transparency=rgb.getpixel((4, 3)))
    assert read(tmp_path / "keyed.png").alpha[3, 4] == 0
    bits = noise(9, 9) > 127
    Image.fromarray(bits).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(read(tmp_path / "bits.png").pixels[..., 0], bits * np.uint8(255))
    (tmp_path / "deep.pgm").write_bytes(b"P5 2 1 65535\n" + struct.pack(">2H", 7, 65535))
    assert read(tmp_path / "deep.pgm").pixels.dtype == np.uint16
    assert read(tmp_path / "deep.pgm").pixels.tolist() == [[[7], [65535]]]


@pytest.mark.parametrize("profile", [None, PROFILE, b"no profile"])
def test_cmyk_comes_out_as_rgb(tmp_path, profile):
    cyan = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    cyan.save(tmp_path / "a.tif", icc_profile=profile)
    made = read(tmp_path / "a.tif")
    assert made.pixels[4, 4].tolist() == [0, 255, 255]
    assert made.icc_profile == b""


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["RGB", "LA"])
def test_exif_rotation_is_applied_and_forgotten(tmp_path, orientation, mode):
    stored = Image.fromarray(noise(4, 6, len(mode)))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation], exif[ExifTags.Base.Model] = orientation, "box"
    stored.save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as opened:
        wanted = ImageOps.exif_transpose(opened)
        assert images.displayed_size(tmp_path / "a.png") == wanted.size
        made = read(tmp_path / "a.png")
        np.testing.assert_array_equal(np.asarray(images.to_pillow(made)), np.asarray(wanted))
        from_pillow(opened)
        assert opened.getexif()[ExifTags.Base.Orientation] == orientation  # the caller's image is not touched
    write(made, tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as opened:
        assert dict(opened.getexif()) == {ExifTags.Base.Model: "box"}


def test_16_bit_colour_is_rotated_too(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    stored = picture(3, False, np.uint16, exif=exif.tobytes())
    write(stored, tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png").pixels, np.rot90(stored.pixels, -1))


def test_damaged_exif_does_not_spoil_the_picture(tmp_path):
    Image.fromarray(gradient(8, 8)).save(tmp_path / "a.jpg", exif=b"Exif\0\0not tags at all")
    assert read(tmp_path / "a.jpg").pixels.shape == (8, 8, 3)


def test_a_camera_jpeg_with_previews_is_a_photo(tmp_path):
    photo = Image.fromarray(gradient(16, 16))
    photo.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[photo.resize((4, 4))])
    assert read(tmp_path / "a.jpg").pixels.shape == (16, 16, 3)


def encoded(image: Image.Image, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, **options)
    return file.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b"\0"))]
    file = io.BytesIO()
    png.write_chunks(file, [*chunks, (b"IEND", b"")])
    return file.getvalue()


def tiff_of_16_bit_rgb() -> bytes:
    """One pixel."""
    tags = [(256, 3, 1, 1), (257, 3, 1, 1), (258, 3, 3, 122), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 128)]
    tags += [(277, 3, 1, 3), (278, 3, 1, 1), (279, 4, 1, 6)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    header = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    return header.ljust(122, b"\0") + struct.pack("<6H", 16, 16, 16, 1, 2, 3)


NOISE = Image.fromarray(noise(64, 64, 3))
BAD = {
    "empty": (b"", "is empty"),
    "text named .jpg": (b"just some words", "is no image"),
    "a web page": (b"<html><body>quota</body></html>", "is no image"),
    "truncated PNG": (encoded(NOISE, format="PNG")[:2000], "damaged or cut short"),
    "truncated JPEG": (encoded(NOISE, format="JPEG")[:1000], "damaged or cut short"),
    "truncated 16-bit PNG": (None, "damaged or cut short"),
    "bomb": (png_claiming(40000, 40000), "claims more than"),
    "animation": (encoded(NOISE, format="GIF", save_all=True, append_images=[NOISE.rotate(90)]), "2 in all"),
    "pages": (encoded(NOISE, format="TIFF", save_all=True, append_images=[NOISE.rotate(90)]), "2 in all"),
    "32-bit float": (encoded(Image.new("F", (4, 4)), format="TIFF"), "mode F"),
    "32-bit integer": (encoded(Image.new("I", (4, 4), 70000), format="TIFF"), "32 bits"),
    "16-bit TIFF": (tiff_of_16_bit_rgb(), "16-bit colour is read from PNG only"),
    "16-bit PPM": (b"P6 1 1 65535\n" + bytes(6), "16-bit colour is read from PNG only"),
}


@pytest.mark.parametrize(("content", "words"), BAD.values(), ids=BAD)
def test_a_bad_file_is_one_line(tmp_path, content, words):
    path = tmp_path / "photo.jpg"
    if content is None:
        write(Picture(noise(64, 64, 3, dtype=np.uint16)), tmp_path / "a.png")
        content = (tmp_path / "a.png").read_bytes()[:2000]
    path.write_bytes(content)
    with pytest.raises(UserError, match=words) as caught:
        read(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "; " in text  # how to mend it
    assert "\n" not in text


def test_missing_folder_and_forbidden(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="no such file"):
        read(tmp_path / "missing.png")
    with pytest.raises(UserError, match="is a folder"):
        read(tmp_path)

    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UserError, match="is a pipe or a device"):
        read(tmp_path / "pipe.png")

    def forbidden(path, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    (tmp_path / "a.png").touch()
    monkeypatch.setattr("builtins.open", forbidden)
    with pytest.raises(UserError, match="cannot be read \\(Permission denied\\)"):
        read(tmp_path / "a.png")


def test_read_rgb_is_8_bit_colour_whatever_the_file(tmp_path):
    write(Picture(np.array([[[0], [128], [65535]]], np.uint16)), tmp_path / "a.png")
    assert read_rgb(tmp_path / "a.png").tolist() == [[[0] * 3, [0] * 3, [255] * 3]]
    wanted = picture(3, True)
    write(wanted, tmp_path / "b.png")
    np.testing.assert_array_equal(read_rgb(tmp_path / "b.png"), wanted.pixels)
    (tmp_path / "c.jpg").write_bytes(BAD["truncated JPEG"][0])
    with pytest.raises(UserError, match="damaged"):
        read_rgb(tmp_path / "c.jpg")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tensors_keep_every_value(dtype):
    values = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(-1, 1, 1)
    tensor = images.to_tensor(values)
    assert tensor.shape == (3, len(values), 1)
    assert (float(tensor.min()), float(tensor.max())) == (0.0, 1.0)
    np.testing.assert_array_equal(from_tensor(tensor, like=values), values)
    beyond = torch.tensor([-0.5, 1.5]).view(1, 2, 1).expand(3, 2, 1)
    assert from_tensor(beyond, like=values).ravel().tolist() == [0, np.iinfo(dtype).max]


def test_tensor_rounds_to_the_nearest_level_and_grey_is_the_mean():
    tensor = torch.tensor([100.4, 100.6, 102.0]).view(3, 1, 1) / 255
    assert from_tensor(tensor, like=np.zeros((1, 1, 3), np.uint8)).tolist() == [[[100, 101, 102]]]
    assert from_tensor(tensor, like=np.zeros((1, 1, 1), np.uint8)).tolist() == [[[101]]]
    made = from_tensor(tensor, like=np.zeros((1, 1, 3), np.float32))
    assert made.dtype == np.float32
    np.testing.assert_allclose(made.ravel() * 255, [100.4, 100.6, 102.0], rtol=1e-5)


def test_other_sizes_are_cut_to_the_middle_and_resized_without_aliasing():
    pixels = np.zeros((8, 24, 3), np.uint8)
    pixels[:, 8:16] = 100
    pixels[:, 8:16:2] = 200  # of the middle square every other column: its mean is 150
    made = fit(pixels, 4)
    assert made.shape == (4, 4, 3)
    assert np.abs(made[:, 1:3].astype(int) - 150).max() <= 12
    whole = np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8)
    assert fit(whole, 4) is whole


def test_signed_values_have_the_channels_first():
    frames = np.zeros((2, 4, 5, 3), np.uint8)
    frames[1, 2, 3, 0] = 255
    clip = to_signed(frames[:, :, ::-1])
    assert clip.shape == (3, 2, 4, 5)
    assert (clip[0, 1, 2, 1], clip.sum()) == (1, 2 - clip.numel())
    assert torch.equal(to_signed(torch.tensor([[0, 255]], dtype=torch.uint8)), torch.tensor([[-1.0, 1.0]]))
