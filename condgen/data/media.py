"""What kinds of file a manifest's fields can name, and a full look at one file of each kind."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Media(StrEnum):
    IMAGE = "image"


SUFFIXES = {Media.IMAGE: frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".gif"})}
"""How names of files of a kind end, in lower case."""


@dataclass(frozen=True)
class Problem:
    """Something about one file, in words, with what to do about it."""

    text: str
    fix: str
    is_error: bool = True


@dataclass(frozen=True)
class Look:
    """What a file turned out to be. Empty where it could not be decoded."""

    problems: tuple[Problem, ...] = ()
    sha256: str = ""  # of the file
    contents: str = ""  # hash of what was decoded: the same for a lossless copy in another format
    size: tuple[int, ...] = field(default=())  # width and height in pixels, as displayed


def look_at(path: Path, kind: Media) -> Look:
    """Read and decode the whole file. Never raises for a bad file: that is what `problems` are for."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Look((Problem("missing", "put the file there, or take the row out"),))
    except OSError as problem:
        return Look((Problem(f"cannot be read: {problem.strerror}", "check its permissions and the disk"),))
    if not content:
        return Look((Problem("empty, 0 bytes", "copy the file again, or take the row out"),))
    return _DECODERS[kind](content, hashlib.sha256(content).hexdigest())


def _look_at_image(content: bytes, sha256: str) -> Look:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(content))
            frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)  # MPO: a phone's photo and previews
            image.load()
            image = ImageOps.exif_transpose(image)
    except UnidentifiedImageError:
        return Look((Problem("not an image", "convert it to PNG, or take the row out"),), sha256)
    except Image.DecompressionBombError:
        return Look((Problem("more pixels than Pillow accepts", "cut or shrink the picture"),), sha256)
    except Exception as problem:  # decoders raise OSError, SyntaxError, struct.error, ... for damage
        text = f"damaged: {str(problem).splitlines()[0] if str(problem) else type(problem).__name__}"
        return Look((Problem(text, "copy the file again, or take the row out"),), sha256)
    problems = []
    if frames > 1:
        problems.append(Problem(f"{frames} frames", "only the first is used; store the others as files", False))
    if image.mode in ("P", "1", "L", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode in ("RGBA", "LA") and image.getchannel("A").getextrema()[0] < 255:
        problems.append(Problem("partly transparent", "transparency is dropped; paint the background first", False))
    if image.mode == "RGBA" and image.getchannel("A").getextrema()[0] == 255:
        image = image.convert("RGB")
    described = f"{image.mode} {image.size} ".encode()
    return Look(tuple(problems), sha256, hashlib.sha256(described + image.tobytes()).hexdigest(), image.size)


_DECODERS: dict[Media, Callable[[bytes, str], Look]] = {Media.IMAGE: _look_at_image}
