"""What kinds of file a manifest's fields can name, and a full look at one file of each kind."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from condgen.errors import UserError

if TYPE_CHECKING:
    from PIL import Image


class Media(StrEnum):
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"


SUFFIXES = {
    Media.IMAGE: frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".gif"}),
    Media.AUDIO: frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff"}),
    Media.VIDEO: frozenset({".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".gif", ".png", ".jpg", ".jpeg"}),
}
"""How names of files of a kind end, in lower case; pictures count as videos, too: as film strips."""


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
    contents: str = ""  # hash of what was decoded: as training sees it: the same for a lossless copy
    size: tuple[int, ...] = field(default=())  # width and height in pixels, as displayed (EXIF); samples of a channel
    sample_rate: int = 0  # Hz, of audio
    channels: int = 0  # of audio
    frames: int = 0  # of a video
    frame_rate: Fraction | None = None  # frames a second of a video; None: not said

    @property
    def is_picture(self) -> bool:
        """Whether it is one that could be decoded."""
        return len(self.size) == 2 and not self.frames


def look_at(path: Path, kind: Media) -> Look:
    """Read and decode the whole file. Never raises for a bad file: that is what `problems` are for."""
    try:
        kind_of_file = path.stat().st_mode  # ahead of opening, which waits for ever at a pipe without a writer
        if not stat.S_ISREG(kind_of_file) and not stat.S_ISDIR(kind_of_file):
            return Look((Problem("a pipe or a device", "write it to a file"),))
        if stat.S_ISDIR(kind_of_file) and kind is Media.VIDEO:
            return Look((Problem("a folder", "write its frames to one file, as the scripts of data_prep/ do"),))
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return Look((Problem("missing", "put the file there, or take the row out"),))
    except OSError as problem:
        return Look((Problem(f"cannot be read: {problem.strerror}", "check its permissions and the disk"),))
    if not size:
        return Look((Problem("empty, 0 bytes", "copy the file again, or take the row out"),))
    try:
        return _LOOKS[kind](path, sha256)
    except UserError as problem:
        text, _, fix = str(problem).removeprefix(f"{path}: ").partition("; ")
        return Look((Problem(text, fix or "take the row out"),), sha256)


def _look_at_image(path: Path, sha256: str) -> Look:
    """Through the reader that training uses: what passes here is read there."""
    import numpy as np
    from PIL import Image

    from condgen.data.image import read_rgb

    try:
        pixels = np.ascontiguousarray(read_rgb(path))
        with Image.open(path) as image:
            problems = tuple(_image_notes(image))
    except Image.DecompressionBombError as problem:
        raise UserError(str(problem)) from None
    height, width = pixels.shape[:2]
    contents = hashlib.sha256(f"{width}x{height} ".encode() + pixels.tobytes()).hexdigest()
    return Look(problems, sha256, contents, (width, height))


def _look_at_audio(path: Path, sha256: str) -> Look:
    """Likewise, and block after block: recordings can be longer than memory."""
    from condgen.data.audio import Reader
    from condgen.data.check_audio import Listener

    with Reader(path) as reader:
        form = reader.form
        listener = Listener(form)
        for block in reader.blocks():
            listener.hear(block)
    problems = tuple(listener.problems())
    return Look(problems, sha256, listener.contents, (listener.frames,), form.sample_rate, form.channels)


def _look_at_video(path: Path, sha256: str) -> Look:
    """Likewise, frame after frame."""
    from condgen.data.check_videos import Watcher
    from condgen.data.video import open_video

    with open_video(path) as video:
        watcher = Watcher(video)
        for frame in video:
            watcher.see(frame)
        problems = tuple(watcher.problems())
    return Look(
        problems, sha256, watcher.contents, video.size, frames=watcher.frames, frame_rate=video.frames_per_second
    )


def _image_notes(image: Image.Image) -> Iterator[Problem]:
    frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)  # MPO: a phone's photo and previews
    if frames > 1:
        yield Problem(f"{frames} frames", "only the first is used; store the others as files", is_error=False)
    elif image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema()[0] < 255:
        yield Problem("partly transparent", "transparency is dropped; paint the background first", is_error=False)


_LOOKS: dict[Media, Callable[[Path, str], Look]] = {
    Media.IMAGE: _look_at_image,
    Media.AUDIO: _look_at_audio,
    Media.VIDEO: _look_at_video,
}
