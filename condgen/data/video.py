"""Videos to frames, one by one in constant memory (back: video_output). Frames are uint8 (H, W, 3), upright, RGB.

    file                            read as
    mp4, mov, m4v, webm, mkv, avi   every frame that is shown, turned as the file says; sound is left out
    GIF                             whole frames, each put onto those before; white where they are transparent
    PNG, JPEG, WebP, BMP            a film strip: squares from left to right or top to bottom; a square is one frame
    a folder                        a frame a picture, frame2 before frame10

Files are recognised by their content, not their names. They are read from the first frame to the last without seeking,
and frames are counted by decoding them: what headers say is often wrong. Of a variable frame rate, each frame counts
once, however long it is shown. Pixels count as square. A file that is damaged or cut short is refused in one line.
"""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from condgen.data import gif
from condgen.data.files import opened
from condgen.data.image import read_rgb
from condgen.data.picture_frames import folder_frames, folder_pictures, split_strip, strip_frames, strip_size
from condgen.data.video_stream import Pace, opened_stream
from condgen.errors import UserError

WHOLE = 256  # frames: a clip of so many is decoded once and kept, 3 MB at 64 pixels; of a longer one each window

_Loads = Iterator[Callable[[], np.ndarray]]


@dataclass(eq=False)
class Video:
    """An open video, read once from its beginning to its end."""

    path: Path
    size: tuple[int, int]  # width and height of the frames
    frames_per_second: Fraction | None  # of a variable rate the mean; None: the file does not say
    stated_frames: int = 0  # by the header, which can be wrong; 0: it does not say
    has_sound: bool = False
    pixel_shape: Fraction = Fraction(1)  # width over height of a pixel, which is not used: pixels count as square
    pace: Pace = field(default_factory=Pace)  # of the frames that have been read
    _loads: _Loads | None = None

    def __iter__(self) -> Iterator[np.ndarray]:
        return self.frames()

    def frames(self, start: int = 0, stride: int = 1) -> Iterator[np.ndarray]:
        """Frames start, start + stride, ..., uint8 (H, W, 3); the others are not brought into colours.

        Raises:
            UserError: the file is damaged or cut short.
        """
        with _told(self.path):
            for load in itertools.islice(self._once(), start, None, stride):
                yield load()

    def count(self) -> int:
        """How many frames there are, as `count_frames`. Raises UserError as `frames`."""
        with _told(self.path):
            return sum(1 for _ in self._once())

    def _once(self) -> _Loads:
        loads, self._loads = self._loads, None
        if loads is None:
            raise RuntimeError(f"{self.path} has been read; open it again")
        return loads


@contextmanager
def open_video(path: Path | str) -> Iterator[Video]:
    """Open a video file, a GIF, a film strip, or a folder of frames.

    Raises:
        UserError: missing, unreadable, empty, no video, damaged, cut short, or no film strip by its sides.
    """
    path = Path(path)
    with ExitStack() as stack:
        with _told(path):
            video = _opened(path, stack)
        yield video


def read_clip(path: Path | str, *, size: int, count: int, start: int = 0, stride: int = 1) -> np.ndarray:
    """Frames start, start + stride, ... at a model's size.

    Args:
        size: of the shorter side after scaling (antialiased bicubic); the longer one is cropped in the middle.
        count: how many frames.

    Returns:
        uint8 (count, size, size, 3).

    Raises:
        UserError: as `open_video` and `Video.frames`; or there are too few frames.
    """
    clip = np.empty((count, size, size, 3), np.uint8)
    with open_video(path) as video:
        done = 0
        for frame in itertools.islice(video.frames(start, stride), count):
            clip[done] = _square(frame, size)
            done += 1
    if done < count:
        needed = start + (count - 1) * stride + 1
        raise UserError(f"{path}: has fewer than {needed} frames; take a longer clip, or fewer frames")
    return clip


def count_frames(path: Path | str) -> int:
    """How many frames there are: by decoding them, but of film strips by their sides, of folders by their files.

    Raises:
        UserError: as `open_video` and `Video.frames`.
    """
    with open_video(path) as video:
        return video.count()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Errors name the file, unless they name one in it."""
    try:
        yield
    except UserError as problem:
        is_told = str(problem).startswith((f"{path}: ", f"{path}{os.sep}"))
        raise UserError(str(problem) if is_told else f"{path}: {problem}") from None


def _opened(path: Path, stack: ExitStack) -> Video:
    if path.is_dir():
        return _folder(path)
    file = stack.enter_context(io.BufferedReader(opened(path, "a video")))
    shown = gif.delays(file) if file.peek(6)[:6] in gif.MAGIC else []
    size = None if shown else strip_size(file)
    if size is not None:
        return _strip(path, size)
    file.seek(0)
    stream = stack.enter_context(opened_stream(file))
    return Video(
        path,
        stream.size,
        gif.mean_rate(shown) if shown else stream.frames_per_second,
        len(shown) or stream.stated_frames,
        stream.has_sound,
        stream.pixel_shape,
        stream.pace,
        _loads=stream.loads,
    )


def _folder(path: Path) -> Video:
    pictures = folder_pictures(path)
    height, width = read_rgb(pictures[0]).shape[:2]
    return Video(path, (width, height), None, _loads=folder_frames(pictures, (width, height)))


def _strip(path: Path, size: tuple[int, int]) -> Video:
    count, side = strip_frames(*size), min(size)
    frames: list[np.ndarray] = []

    def load(number: int) -> np.ndarray:
        if not frames:  # not decoded before, so that a strip is counted by its header
            frames.extend(split_strip(read_rgb(path)))
        return frames[number]

    return Video(path, (side, side), None, _loads=((lambda number=number: load(number)) for number in range(count)))


def _square(frame: np.ndarray, size: int) -> np.ndarray:
    height, width = frame.shape[:2]
    if height == width == size:
        return frame
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    return np.asarray(Image.fromarray(frame).resize((size, size), Image.Resampling.BICUBIC, box=box))
