"""What a data check sees of videos: what is odd about one, and whether there is enough of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from condgen.data.findings import File, Finding
from condgen.data.media import Problem

if TYPE_CHECKING:
    from condgen.data.video import Video

LONGEST = 2.0  # times the shorter side: of longer frames, the crop to a square leaves less than half
NOT_SQUARE = 0.02  # how far from 1 the shape of a pixel is before it can be seen


class Watcher:
    """Watches one video, frame after frame, in constant memory."""

    def __init__(self, video: Video):
        self.frames = 0
        self._video = video
        self._hash = hashlib.sha256("{}x{} ".format(*video.size).encode())
        self._first: np.ndarray | None = None
        self._moves = False

    def see(self, frame: np.ndarray) -> None:
        """The next uint8 (H, W, 3)."""
        self.frames += 1
        self._hash.update(np.ascontiguousarray(frame))
        if self._first is None:
            self._first = frame
        self._moves = self._moves or not np.array_equal(frame, self._first)

    @property
    def contents(self) -> str:
        """Hash of what was seen: the same for a lossless copy, in whatever kind of file."""
        return self._hash.hexdigest()

    def problems(self) -> Iterator[Problem]:
        """Once everything has been seen; what cannot be read at all has been refused by then."""
        video = self._video
        if self.frames < video.stated_frames:
            text = f"{self.frames} frames, its header says {video.stated_frames}"
            yield Problem(text, "those that are there are used; copy it again, if some are missing", is_error=False)
        if self.frames > 1 and not self._moves:
            yield Problem(f"all {self.frames} frames are the same", "take the row out, if not meant", is_error=False)
        if video.pace.is_variable:
            shortest, longest = (f"{1000 * float(gap):.0f}" for gap in (video.pace.shortest, video.pace.longest))
            text = f"variable frame rate, {shortest} to {longest} ms from frame to frame"
            yield Problem(text, "each frame counts once; convert it to one rate, if the pace matters", is_error=False)
        if video.has_sound:
            yield Problem("has sound", "it is left out", is_error=False)
        yield from self._shape_problems()

    def _shape_problems(self) -> Iterator[Problem]:
        width, height = self._video.size
        if abs(self._video.pixel_shape - 1) > NOT_SQUARE:
            text = f"its pixels are {float(self._video.pixel_shape):.2f} times as wide as high"
            yield Problem(text, "they count as square; convert it to square pixels, if not meant", is_error=False)
        if max(width, height) > LONGEST * min(width, height):
            share = min(width, height) / max(width, height)
            text = f"{width}x{height}, of which the square in the middle is {share:.0%}"
            yield Problem(text, "the rest is not seen; cut it to what matters, if not meant", is_error=False)


def length_findings(file: File, least: int) -> Iterator[Finding]:
    """A video with fewer frames than a model takes."""
    if 0 < file.look.frames < least:
        text = f"{file.look.frames} frame{'s' * (file.look.frames > 1)}, fewer than {least}"
        yield file.finding(Problem(text, "take the row out, or train on fewer frames"))
