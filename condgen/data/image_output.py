"""Arrays to image files, format by the name's ending, losing nothing of what `condgen.data.image` has read."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from condgen.data.files import write_atomically
from condgen.data.image import Picture, to_pillow
from condgen.errors import UserError

PNG_COMPRESSION = 3  # of 9: a third of the time of the usual 6 for 5 % more bytes


@dataclass(frozen=True)
class _Format:
    name: str  # Pillow's
    options: dict[str, object]
    alpha: bool = True
    largest_side: int = 2**31 - 1


_PNG = _Format("PNG", {"compress_level": PNG_COMPRESSION})
_JPEG = _Format("JPEG", {"quality": 95, "subsampling": 0}, alpha=False, largest_side=65500)
_WEBP = _Format("WEBP", {"quality": 95}, largest_side=16383)
_TIFF = _Format("TIFF", {"compression": "tiff_adobe_deflate"})
_FORMATS = {".png": _PNG, ".jpg": _JPEG, ".jpeg": _JPEG, ".webp": _WEBP, ".tif": _TIFF, ".tiff": _TIFF}
WRITABLE = tuple(_FORMATS)
"""The name endings that `write` knows, in lower case."""


def refuse_unwritable(path: Path | str, pixels: np.ndarray, *, alpha: bool, scale: int = 1) -> None:
    """Find out before the work whether `pixels`, enlarged by `scale`, can be written to a file of that name.

    Raises:
        UserError: the ending is unknown, or the format would lose the alpha channel or the bit depth, or is too small.
    """
    path = Path(path)
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        raise UserError(f"{path}: the ending must be one of {' '.join(WRITABLE)}")
    if alpha and not kind.alpha:
        raise UserError(f"{path}: {kind.name} cannot hold the transparency of the input; write .png")
    deep_enough = kind is _PNG or (kind is _TIFF and pixels.shape[2] == 1 and not alpha)
    if pixels.dtype == np.uint16 and not deep_enough:
        raise UserError(f"{path}: the 16 bits of the input cannot be kept there; write .png")
    height, width = (scale * side for side in pixels.shape[:2])
    if max(height, width) > kind.largest_side:
        raise UserError(f"{path}: {width}x{height} is too large for {kind.name}; write .png")


def write(picture: Picture, path: Path | str) -> None:
    """Write a file, its format by its name's ending; the name appears only when the whole file is on the disk.

    Raises:
        UserError: as `refuse_unwritable`; or the folder is missing or not writable, or the disk is full.
    """
    path = Path(path)
    refuse_unwritable(path, picture.pixels, alpha=picture.alpha is not None)
    kind = _FORMATS[path.suffix.lower()]
    file = io.BytesIO()  # if Pillow wrote to the disk itself, it would hide why the system refused
    if picture.pixels.dtype == np.uint16 and kind is _PNG:
        import png

        png.write_chunks(file, _deep_png_chunks(picture))
    else:
        metadata = {"icc_profile": picture.icc_profile, "exif": _exif_with_size(picture)}
        given = {name: value for name, value in metadata.items() if value}
        to_pillow(picture).save(file, kind.name, **kind.options, **given)
    write_atomically(path, file.getbuffer())


def _exif_with_size(picture: Picture) -> bytes:
    """EXIF also states the picture's size, where a camera wrote it."""
    if not picture.exif:
        return b""
    tags = Image.Exif()
    tags.load(picture.exif)
    if ExifTags.IFD.Exif not in tags:
        return picture.exif
    camera = tags.get_ifd(ExifTags.IFD.Exif)
    height, width = picture.pixels.shape[:2]
    for tag, extent in ((ExifTags.Base.ExifImageWidth, width), (ExifTags.Base.ExifImageHeight, height)):
        if tag in camera:
            camera[tag] = extent
    return tags.tobytes()


def _deep_png_chunks(picture: Picture) -> Iterator[tuple[bytes, bytes]]:
    """Pillow writes no 16-bit colour. Each row is stored as differences from its left neighbours (filter type 1)."""
    array = picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])
    height, width, channels = array.shape
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    yield b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    if picture.icc_profile:
        yield b"iCCP", b"ICC Profile\0\0" + zlib.compress(picture.icc_profile)
    if picture.exif:
        yield b"eXIf", _exif_with_size(picture).removeprefix(b"Exif\0\0")
    deflate = zlib.compressobj(PNG_COMPRESSION)
    for row in array:
        raw = row.astype(">u2").view(np.uint8).reshape(-1)
        filtered = raw.copy()
        filtered[2 * channels :] -= raw[: -2 * channels]
        if packed := deflate.compress(b"\1" + filtered.tobytes()):
            yield b"IDAT", packed
    yield b"IDAT", deflate.flush()
    yield b"IEND", b""
