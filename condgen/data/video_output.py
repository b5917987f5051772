"""Frames to video files, kind by the name's ending (back: video).

    .mp4          H.264, which every player shows: an odd side is made even by repeating the last row or column
    .webm         VP9
    .gif          one palette for the clip: without loss up to 256 colours, else dithered
    .png          a film strip from top to bottom, without loss: frames must be square
    none          a folder of pictures 00001.png, 00002.png, ..., without loss

A file appears under its name when it is whole, or not at all. GIFs and film strips are put together in memory; of the
others, one frame is there at a time.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image

from condgen.data import gif
from condgen.data.files import reason
from condgen.data.image import Picture
from condgen.data.image_output import write
from condgen.errors import UserError

if TYPE_CHECKING:
    import av

SLOWEST, FASTEST = 0.01, 1000  # frames a second
FASTEST_GIF = 50  # likewise: browsers slow down what is faster

_BT709 = 1  # matrix, primaries and transfer of the colours by the number of ITU-T H.273: players guess wrong without
_FRAME_NAME = "{:05d}.png"
_OWN_FRAME = re.compile(r"\d{5,}\.png")


@dataclass(frozen=True)
class _Encoding:
    container: str  # by FFmpeg's names, as are all of these
    codec: str
    pixels: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)
    even: bool = False


_GIF, _STRIP = ".gif", ".png"
_ENCODINGS = {
    ".mp4": _Encoding("mp4", "libx264", options={"crf": "14", "preset": "medium"}, even=True),
    ".webm": _Encoding("webm", "libvpx-vp9", options={"crf": "16", "b": "0", "deadline": "good", "cpu-used": "3"}),
    _GIF: _Encoding("gif", "gif", "pal8"),
}
WRITABLE = (*_ENCODINGS, _STRIP)
"""The name endings that `write_video` knows, in lower case; a name without ending is a folder."""


def refuse_unwritable(path: Path | str, *, frames_per_second: Fraction | float = 1) -> None:
    """Find out before the work whether a file of that name can be written.

    Raises:
        UserError: the ending is unknown, the rate is none that the kind of file can have, there is no such folder, or
            a folder of that name holds other things than frames.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix and suffix not in WRITABLE and not path.is_dir():
        known = " ".join(WRITABLE)
        raise UserError(f"{path}: the ending must be one of {known}; or none, for a folder of frames")
    fastest = FASTEST_GIF if suffix == _GIF else FASTEST
    if not SLOWEST <= frames_per_second <= fastest:
        text = f"{path}: {float(frames_per_second):g} frames a second; choose {SLOWEST} to {fastest}"
        raise UserError(f"{text}, or write .mp4" if fastest < frames_per_second <= FASTEST else text)
    if not path.parent.is_dir():
        raise UserError(f"{path}: there is no folder {path.parent}; create it first")
    if path.is_dir() and not all(_OWN_FRAME.fullmatch(name) for name in os.listdir(path)):
        raise UserError(f"{path}: is a folder that holds other things than frames; name a new one")


def write_video(path: Path | str, frames: Iterable[np.ndarray], *, frames_per_second: Fraction | float) -> None:
    """Write a video, every frame once, its kind by the name's ending; an existing file or folder of frames is replaced.

    Args:
        frames: one or more, uint8 (H, W, 3) of one size.
        frames_per_second: how fast they are shown; film strips and folders do not keep it.

    Raises:
        UserError: as `refuse_unwritable`; or frames of a strip are not square or too many, the folder is not writable,
            or the disk is full; what was at `path` then stays.
        ValueError: there are no frames, or they are of another type or of several sizes.
    """
    path, frames = Path(path), _checked(frames)
    refuse_unwritable(path, frames_per_second=frames_per_second)
    rate = Fraction(frames_per_second).limit_denominator(1001)
    if path.suffix.lower() not in WRITABLE or path.is_dir():
        _write_folder(path, frames)
    elif path.suffix.lower() == _STRIP:
        _write_strip(path, frames)
    else:
        with _appearing(path) as file:
            _encode(file, frames, _ENCODINGS[path.suffix.lower()], rate)


def _checked(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise ValueError("a video needs a frame")
    for frame in itertools.chain([first], frames):
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or frame.shape != first.shape:
            raise ValueError(f"frames are uint8 (H, W, 3) of one size, got {frame.dtype} {frame.shape}")
        yield frame


def _encode(file: BinaryIO, frames: Iterator[np.ndarray], encoding: _Encoding, rate: Fraction) -> None:
    import av

    is_gif = encoding.container == "gif"
    encodable = _in_palette(frames) if is_gif else _in_yuv(frames, encoding)
    first = next(encodable)
    with av.open(file, "w", format=encoding.container) as container:
        stream = container.add_stream(encoding.codec, rate=rate, options=encoding.options)
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, encoding.pixels
        context = stream.codec_context
        context.thread_count = 1  # the same bytes on every machine
        if not is_gif:
            context.colorspace = context.color_primaries = context.color_trc = _BT709
            context.color_range = av.video.reformatter.ColorRange.MPEG
        for frame in itertools.chain([first], encodable):
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _in_yuv(frames: Iterator[np.ndarray], encoding: _Encoding) -> Iterator[av.VideoFrame]:
    from av import VideoFrame
    from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

    reformatter = VideoReformatter()
    for pixels in frames:
        if encoding.even:
            pixels = np.pad(pixels, ((0, pixels.shape[0] % 2), (0, pixels.shape[1] % 2), (0, 0)), "edge")
        yield reformatter.reformat(
            VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24"),
            format=encoding.pixels,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )


def _in_palette(frames: Iterator[np.ndarray]) -> Iterator[av.VideoFrame]:
    from av import VideoFrame

    indices, colours = gif.quantised(list(frames))
    palette = np.concatenate([np.full((gif.COLOURS, 1), 255, np.uint8), colours], axis=1)  # opaque
    for index in indices:
        yield VideoFrame.from_ndarray((np.ascontiguousarray(index), palette), format="pal8")


def _write_strip(path: Path, frames: Iterator[np.ndarray]) -> None:
    strip: list[np.ndarray] = []
    for frame in frames:
        height, width = frame.shape[:2]
        if height != width:
            text = f"frames of {width}x{height} make no film strip, whose frames are squares"
            raise UserError(f"{path}: {text}; write .mp4, .gif or a folder")
        strip.append(frame)
        if len(strip) * height * width > (Image.MAX_IMAGE_PIXELS or np.inf):
            raise UserError(f"{path}: more than {len(strip) - 1} frames are too many for a film strip; write .mp4")
    write(Picture(np.concatenate(strip)), path)


def _write_folder(path: Path, frames: Iterator[np.ndarray]) -> None:
    """Beside its place; an earlier one is moved away, then deleted."""
    made, old = (path.with_name(f".{secrets.token_hex(6)}.part") for _ in range(2))
    try:
        with _system_told(path):
            made.mkdir()
        for number, frame in enumerate(frames, start=1):
            write(Picture(frame), made / _FRAME_NAME.format(number))
        with _system_told(path):
            if path.is_dir():
                path.replace(old)
            made.replace(path)
    except BaseException:
        if old.exists() and not path.exists():
            old.replace(path)
        raise
    finally:
        for folder in (made, old):
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _appearing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to and read from, which becomes `path` when the block ends without an exception."""
    temporary = path.with_name(f".{secrets.token_hex(6)}.part")
    try:
        with _system_told(path):
            with open(temporary, "x+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):  # renamed by then, if all went well
            temporary.unlink()


@contextlib.contextmanager
def _system_told(path: Path) -> Iterator[None]:
    """What the system or the encoder refuses becomes one line."""
    import av

    try:
        yield
    except OSError as problem:  # the encoder's report of what the system refused is of this kind, too
        raise UserError(f"{path}: cannot be written: {reason(problem)}") from None
    except av.FFmpegError as problem:
        raise UserError(f"{path}: cannot be encoded ({problem.strerror}); choose another ending or size") from None
