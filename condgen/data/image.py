"""Image files to arrays with nothing lost: grey, 16 bit, alpha, ICC profile and EXIF come along (back: image_output).

    in the file               read as
    grey, RGB                 the same, 8 bits; 16 bits from PNG, and grey also from TIFF and PGM
    alpha, or one transparent colour   `alpha`, apart from the colours
    palette                   RGB, the only form that can be enlarged
    1 bit                     grey of 0 and 255
    CMYK                      RGB: through its own profile to sRGB where it has one, else by Pillow's formula
    EXIF rotation             applied to the pixels, and the tag then removed

Refused in one line: animations and files of several pages (which one is meant?), 32-bit and floating point, and 16-bit
colour in TIFF and PPM, which Pillow would cut to 8 bits in silence.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from condgen.data.files import opened
from condgen.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

_DECODERS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM")  # JPEG also opens MPO, a camera's with previews
_DESCRIPTIVE_TIFF_TAGS = (270, 271, 272, 305, 306, 315, 33432, ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)


@dataclass(frozen=True, eq=False)
class Picture:
    """An upright picture and what a file made from it must keep."""

    pixels: np.ndarray  # (H, W, 3) RGB or (H, W, 1) grey, uint8 or uint16; inside pipelines also float32 in [0, 1]
    alpha: np.ndarray | None = None  # (H, W), of the same type
    icc_profile: bytes = b""
    exif: bytes = b""  # without rotation


def to_signed(pixels: np.ndarray | Tensor) -> Tensor:
    """uint8 -> float32 in [-1, 1]: an array (..., H, W, C) becomes (C, ..., H, W), a tensor keeps its shape."""
    if isinstance(pixels, np.ndarray):
        import torch

        pixels = torch.from_numpy(np.array(pixels)).movedim(-1, 0)  # a copy: mirrored ones run backwards
    return pixels.float() / 127.5 - 1


def read(path: Path | str) -> Picture:
    """Read one image file.

    Raises:
        UserError: missing, unreadable, empty, damaged, no image, too large, several frames, or a refused kind.
    """
    content = _content(Path(path))
    with _decoding(path):
        image = _opened(content)
        frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        if frames > 1:
            raise UserError(f"is an animation or has pages, {frames} in all; save the one you mean as PNG")
        _refuse_deep_colour(image)
        if _is_16_bit_png(content) and (image.mode != "I;16" or image.has_transparency_data):
            return _read_deep_png(content, image)
        return from_pillow(image)


def read_rgb(path: Path | str) -> np.ndarray:
    """Colours only, as training sees them: uint8 (H, W, 3); alpha is dropped, of an animation the first frame is taken.

    Raises:
        UserError: as `read`.
    """
    content = _content(Path(path))
    with _decoding(path):
        pixels = from_pillow(_opened(content)).pixels
    if pixels.dtype == np.uint16:
        pixels = ((pixels.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3))


def displayed_size(path: Path) -> tuple[int, int]:
    """Width and height as `read_rgb` gives them, from the file's head. Raises UserError where it cannot be read."""
    try:
        with Image.open(path) as image:
            is_turned = _orientation_and_exif(image)[0] >= 5
            return image.size[::-1] if is_turned else image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise UserError(f"{path}: cannot be read as an image; run `condgen data check`") from None


def from_pillow(image: Image.Image) -> Picture:
    """A Pillow image as a `Picture`: upright, in grey or RGB.

    Raises:
        UserError: the image's mode cannot be kept.
    """
    orientation, exif = _orientation_and_exif(image)
    image, icc_profile = _in_grey_or_rgb(image)
    array = np.asarray(image)
    if image.mode.startswith("I"):
        if array.min() < 0 or array.max() > 65535:
            raise UserError("has 32 bits per pixel; convert it to 16-bit PNG")
        array = array.astype(np.uint16)
    return _upright(array.reshape(*array.shape[:2], -1), orientation, icc_profile, exif)


def refuse_no_pillow_mode(picture: Picture) -> None:
    """Raises UserError for 16 bits with colours or alpha, for which Pillow has no mode."""
    if picture.pixels.dtype == np.uint16 and (picture.pixels.shape[2] == 3 or picture.alpha is not None):
        raise UserError("Pillow has no 16-bit colour; go from file to file, or from array to array")


def to_pillow(picture: Picture) -> Image.Image:
    """The reverse of `from_pillow`; grey of 16 bits gives mode `I;16`. Raises UserError as `refuse_no_pillow_mode`."""
    refuse_no_pillow_mode(picture)
    pixels, alpha = picture.pixels, picture.alpha
    if alpha is not None:
        pixels = np.concatenate([pixels, alpha[..., None]], axis=2)
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    if picture.icc_profile:
        image.info["icc_profile"] = picture.icc_profile
    if picture.exif:
        image.info["exif"] = picture.exif
    return image


def fit(pixels: np.ndarray, size: int) -> np.ndarray:
    """uint8 (H, W, 3) -> (size, size, 3): the largest square in the middle, resized (antialiased bicubic)."""
    if pixels.shape[:2] == (size, size):
        return pixels
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(ImageOps.fit(picture, (size, size), Image.Resampling.BICUBIC))


def to_tensor(pixels: np.ndarray) -> Tensor:
    """(H, W, 1 or 3), uint8, uint16 or float in [0, 1] -> float32 (3, H, W) in [0, 1]; grey is repeated."""
    import torch

    values = torch.from_numpy(np.array(pixels, np.float32, order="C")).permute(2, 0, 1)
    if pixels.dtype.kind == "u":
        values /= np.iinfo(pixels.dtype).max
    return values.expand(3, -1, -1)


def from_tensor(image: Tensor, like: np.ndarray) -> np.ndarray:
    """(3, H, W), nominally in [0, 1] -> (H, W, C) with `like`'s type and channels: clamped, rounded, grey the mean."""
    import torch

    image = image.float().clamp(0, 1)
    if like.shape[2] == 1:
        image = image.mean(dim=0, keepdim=True)
    image = image.permute(1, 2, 0)
    if like.dtype.kind == "u":
        image = (image * np.iinfo(like.dtype).max).round()
    if like.dtype == np.uint8:
        image = image.to(torch.uint8)  # on the device: a quarter of the bytes to copy
    return image.cpu().numpy().astype(like.dtype, copy=False)


def _content(path: Path) -> bytes:
    with opened(path, "an image") as file:
        try:
            return file.readall()
        except OSError as problem:
            raise UserError(f"{path}: cannot be read ({problem.strerror}); check the disk") from None


@contextmanager
def _decoding(path: Path | str) -> Iterator[None]:
    """Whatever goes wrong inside becomes one line that names the file."""
    try:
        yield
    except UserError as problem:
        raise UserError(f"{path}: {problem}") from None
    except UnidentifiedImageError:
        raise UserError(f"{path}: is no image, is damaged, or of a kind that is not read; convert it to PNG") from None
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise UserError(f"{path}: claims more than {limit} pixels, the limit for safety; cut it into parts") from None
    except MemoryError:
        raise
    except Exception as problem:  # decoders raise OSError, SyntaxError, ValueError, struct.error, ... for damage
        reason = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise UserError(f"{path}: is damaged or cut short ({reason}); copy or download it again") from None


def _opened(content: bytes) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large pictures and of odd metadata
        return Image.open(io.BytesIO(content), formats=_DECODERS)


def _refuse_deep_colour(image: Image.Image) -> None:
    """Pillow cuts 16-bit colour to 8 bits in silence; for PNG there is a way around."""
    deep = False
    if image.format == "TIFF":
        bits = image.tag_v2.get(258, (8,))  # BitsPerSample, one a channel
        deep = len(bits) > 1 and max(bits) > 8
    elif image.format == "PPM" and image.mode == "RGB" and not isinstance(image.tile[0].args, str):
        deep = image.tile[0].args[-1] > 255
    if deep:
        raise UserError("16-bit colour is read from PNG only; convert it to a 16-bit PNG")


def _is_16_bit_png(content: bytes) -> bool:
    return content.startswith(b"\x89PNG") and content[24:25] == b"\x10"  # the header chunk always comes first


def _read_deep_png(content: bytes, image: Image.Image) -> Picture:
    import torch
    from torchvision.io import ImageReadMode, decode_image

    image.load()  # the chunks behind the pixels can hold EXIF
    orientation, exif = _orientation_and_exif(image)
    encoded = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    array = decode_image(encoded, ImageReadMode.UNCHANGED).permute(1, 2, 0).numpy()
    return _upright(array, orientation, image.info.get("icc_profile") or b"", exif)


def _orientation_and_exif(image: Image.Image) -> tuple[int, bytes]:
    """EXIF orientation (1 to 8), and the other tags. Damaged tags are left out: they do not spoil the picture."""
    try:
        tags = image.getexif()
        orientation = tags.get(ExifTags.Base.Orientation, 1)
        kept = Image.Exif()  # the image's own stays as it is
        if image.format == "TIFF":  # there, EXIF also says where the pixels lie in the file
            for tag in _DESCRIPTIVE_TIFF_TAGS:
                if tag in tags:
                    kept[tag] = tags.get_ifd(tag) if tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo) else tags[tag]
        elif len(tags):
            kept.load(tags.tobytes())
        kept.pop(ExifTags.Base.Orientation, None)
        return orientation if orientation in range(1, 9) else 1, kept.tobytes() if len(kept) else b""
    except Exception:
        return 1, b""


def _in_grey_or_rgb(image: Image.Image) -> tuple[Image.Image, bytes]:
    """In mode L, LA, RGB, RGBA, I or I;16, and the ICC profile where it still holds."""
    image.load()
    icc_profile = image.info.get("icc_profile") or b""
    if image.mode == "CMYK":
        return _cmyk_to_srgb(image, icc_profile), b""
    if image.mode in ("1", "L") and image.has_transparency_data:
        return image.convert("LA"), icc_profile
    if image.has_transparency_data and image.mode not in ("LA", "La"):
        return image.convert("RGBA"), icc_profile
    target = {"1": "L", "La": "LA", "P": "RGB", "RGBX": "RGB", "YCbCr": "RGB"}.get(image.mode, image.mode)
    if target not in ("L", "LA", "RGB", "RGBA", "I") and not target.startswith("I;16"):
        raise UserError(f"pictures of Pillow's mode {image.mode} are not read; convert it to PNG")
    return image.convert(target) if target != image.mode else image, icc_profile


def _cmyk_to_srgb(image: Image.Image, icc_profile: bytes) -> Image.Image:
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        return ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):  # no profile, or not one of CMYK
        return image.convert("RGB")


def _upright(array: np.ndarray, orientation: int, icc_profile: bytes, exif: bytes) -> Picture:
    """From (H, W, C) with alpha in the last of 2 or 4 channels, as it lies in the file."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    colours = array.shape[2] - (array.shape[2] + 1) % 2
    alpha = array[..., colours] if array.shape[2] > colours else None
    return Picture(array[..., :colours], alpha, icc_profile, exif)
