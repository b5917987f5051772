"""Video files (mp4, mov, m4v, webm, mkv, avi, GIF) decoded by FFmpeg's libraries, which come with PyAV.

Frames are taken in the order in which they are shown, from the first to the last that the decoder gives, without
seeking; what the header says about their number is not relied upon.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from condgen.data.video_bytes import refuse_cut
from condgen.errors import UserError

if TYPE_CHECKING:
    import av
    from av.video.reformatter import VideoReformatter

_DEMUXERS = "mov,matroska,avi,gif"  # by FFmpeg's names; some of the others open further files or addresses
_SHORTFALL = 0.1  # of the stated duration of a Matroska file: times in it are not exact


@dataclass
class Pace:
    """How far apart the frames are that have been read, in seconds."""

    shortest: Fraction | None = None
    longest: Fraction | None = None
    end: Fraction = Fraction(0)  # when the last one ends

    def add(self, interval: Fraction) -> None:
        self.shortest = interval if self.shortest is None else min(self.shortest, interval)
        self.longest = interval if self.longest is None else max(self.longest, interval)

    @property
    def is_variable(self) -> bool:
        """Whether the frame rate changes by more than the rounding of times: 30 a second are 3, 3, 4 hundredths."""
        return self.longest is not None and self.longest - self.shortest > (self.longest + self.shortest) / 4


@dataclass(frozen=True, eq=False)
class Stream:
    """The first video stream of a file."""

    loads: Iterator[Callable[[], np.ndarray]]  # of each frame what makes uint8 (H, W, 3) of it
    size: tuple[int, int]  # width and height, upright
    frames_per_second: Fraction | None
    stated_frames: int  # 0: the header does not say
    has_sound: bool
    pixel_shape: Fraction  # width over height of a pixel
    pace: Pace


@contextmanager
def opened_stream(file: BinaryIO) -> Iterator[Stream]:
    """Open a video file and decode its first frame.

    Raises:
        UserError: without the path, missing bytes, no video, no frames, damaged.
    """
    import av

    refuse_cut(file)
    options = {"format_whitelist": _DEMUXERS}
    try:
        container = av.open(file, container_options=options, metadata_errors="replace")
    except av.FFmpegError:
        raise UserError("is no video, is damaged, or of a kind that is not read; convert it to mp4") from None
    with container:
        stream = _moving_pictures(container)
        pace, reformatter = Pace(), av.video.reformatter.VideoReformatter()
        frames = _frames(container, stream, pace)
        first = next(frames, None)
        if first is None:
            raise UserError("holds no frames; copy or export it again")
        matrix = _display_matrix(first)
        upright = partial(_upright, reformatter=reformatter, matrix=matrix)
        width, height = (first.height, first.width) if _lies_on_side(matrix) else (first.width, first.height)
        yield Stream(
            loads=(partial(upright, frame) for frame in itertools.chain([first], frames)),
            size=(width, height),
            frames_per_second=stream.average_rate or None,
            stated_frames=stream.frames,
            has_sound=bool(container.streams.audio),
            pixel_shape=stream.sample_aspect_ratio or Fraction(1),
            pace=pace,
        )


@contextmanager
def _decoding() -> Iterator[None]:
    """Whatever the decoder says inside becomes one line, without the path."""
    import av

    try:
        yield
    except av.FFmpegError as problem:
        reason = str(problem.strerror or problem).splitlines()[0]
        raise UserError(f"is damaged or cut short ({reason}); copy or download it again") from None


def _frames(container: av.container.InputContainer, stream: av.VideoStream, pace: Pace) -> Iterator[av.VideoFrame]:
    stream.codec_context.thread_count = 1  # files are read side by side; of small clips, threads take half of the time
    size, before = None, None
    with _decoding():
        for number, frame in enumerate(container.decode(stream)):  # to the end: what the decoder holds back comes, too
            size = size or (frame.width, frame.height)
            if frame.is_corrupt:
                raise UserError(f"is damaged at frame {number}; copy or download it again")
            if (frame.width, frame.height) != size:
                text = f"changes from {size[0]}x{size[1]} to {frame.width}x{frame.height} at frame {number}"
                raise UserError(f"{text}; cut it there, or convert it to one size")
            if frame.pts is not None:
                begin = frame.pts * frame.time_base
                if before is not None:
                    pace.add(begin - before)
                before, pace.end = begin, begin + (frame.duration or 0) * frame.time_base
            yield frame
    _refuse_early_end(container, stream, pace)


def _refuse_early_end(container: av.container.InputContainer, stream: av.VideoStream, pace: Pace) -> None:
    """In Matroska, what is damaged is passed over up to the end of the file, without a word."""
    if not container.format.name.startswith("matroska"):
        return
    stated = _stated_seconds(container, stream)
    if stated and float(pace.end + 2 * (pace.longest or 0)) < (1 - _SHORTFALL) * stated:
        raise UserError(
            f"is damaged or cut short, it ends after {float(pace.end):.2f} of {stated:.2f} s; copy or download it again"
        )


def _stated_seconds(container: av.container.InputContainer, stream: av.VideoStream) -> float:
    """How long a Matroska video is by its header; 0 where it does not say."""
    if clock := re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", "")):
        hours, minutes, seconds = map(float, clock.groups())
        return 3600 * hours + 60 * minutes + seconds
    is_alone = len(container.streams) == 1  # else it is that of the longest of them
    return (container.duration or 0) / 10**6 if is_alone else 0.0


def _moving_pictures(container: av.container.InputContainer) -> av.VideoStream:
    """The first video stream that is no cover of a record."""
    from av.stream import Disposition

    streams = (one for one in container.streams.video if not one.disposition & Disposition.attached_pic)
    stream = next(streams, None)
    if stream is None:
        raise UserError("holds no video stream; name a file with a picture track")
    if stream.codec_context is None:
        raise UserError("is compressed in a way that is not known, or is damaged; convert it to mp4")
    return stream


def _display_matrix(frame: av.VideoFrame) -> np.ndarray:
    """(2, 2): where a step to the right and a step down lead on the screen; phones turn their films by it."""
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return np.eye(2, dtype=np.int32)
    return np.frombuffer(bytes(data), np.int32).reshape(3, 3)[:2, :2]


def _lies_on_side(matrix: np.ndarray) -> bool:
    steps = np.abs(matrix.astype(np.int64))
    return bool(steps[0, 1] + steps[1, 0] > steps[0, 0] + steps[1, 1])


def _upright(frame: av.VideoFrame, *, reformatter: VideoReformatter, matrix: np.ndarray) -> np.ndarray:
    is_opaque = not any(component.is_alpha for component in frame.format.components)
    with _decoding():
        form = "rgb24" if is_opaque else "rgba"
        pixels = reformatter.reformat(frame, format=form, threads=1).to_ndarray()  # 30 times as fast as with threads
    if not is_opaque:
        pixels = _on_white(pixels)
    right, down = matrix[0, 0], matrix[1, 1]
    if _lies_on_side(matrix):
        pixels = pixels.swapaxes(0, 1)
        right, down = matrix[1, 0], matrix[0, 1]
    if right < 0:
        pixels = pixels[:, ::-1]
    if down < 0:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _on_white(pixels: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 4) -> (H, W, 3)."""
    alpha = pixels[..., 3:].astype(np.uint32)
    return ((alpha * pixels[..., :3] + (255 - alpha) * 255 + 127) // 255).astype(np.uint8)
