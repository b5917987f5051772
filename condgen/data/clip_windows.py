"""Which frames of a clip are shown, read at a model's size and kept in memory.

A window of T frames takes every `stride`-th frame. As far apart as fits, stride = max(1, available // T), and a random
start where that leaves room, is the loader of Balaji et al. (2019), "Conditional GAN with Discriminative Filter
Generation for Text-to-Video Synthesis".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from condgen.data.decoded import DecodedCache
from condgen.data.manifest import Row
from condgen.data.video import WHOLE, count_frames, read_clip
from condgen.errors import UserError

CLIP = "clip"  # the field of a row that names its file


@dataclass(frozen=True)
class Spacing:
    """How windows lie in a clip."""

    stride: int  # frames from one to the next
    slack: int  # frames: windows start at 0 ... slack; negative: the clip is too short by so many

    @classmethod
    def fit(cls, available: int, frames: int, stride: int = 0) -> Spacing:
        """Args: `stride` 0 means as far apart as fits."""
        stride = stride or max(1, available // frames)
        return cls(stride, available - needed(frames, stride))


class ClipWindows:
    """Windows of the clips of some rows.

    Args:
        rows: with a field `clip`.
        size: pixels a side; frames are scaled by their short side and cropped in the middle.
        frames: of a window.
        stride: frames of the file from one to the next; 0: as far apart as fits.
        cache_gigabytes: of decoded clips.
    """

    def __init__(self, rows: Sequence[Row], *, size: int, frames: int, stride: int = 0, cache_gigabytes: float = 4.0):
        self.rows, self.size, self.frames, self.stride = rows, size, frames, stride
        self._cache = DecodedCache[int](cache_gigabytes)
        self._counts: dict[int, int] = {}

    def random(self, row: int, random: np.random.Generator) -> np.ndarray:
        """uint8 (T, S, S, 3) from a random start. Raises UserError: the file is damaged, or too short."""
        return self._window(row, lambda slack: int(random.integers(slack + 1)))

    def middle(self, row: int) -> np.ndarray:
        """uint8 (T, S, S, 3), as much before as after it: always the same. Raises UserError: as `random`."""
        return self._window(row, lambda slack: slack // 2)

    def _window(self, row: int, start_of: Callable[[int], int]) -> np.ndarray:
        path = self.rows[row].path(CLIP)
        if row not in self._counts:
            self._counts[row] = count_frames(path)
        available = self._counts[row]
        spacing = Spacing.fit(available, self.frames, self.stride)
        if spacing.slack < 0:
            least = needed(self.frames, spacing.stride)
            raise UserError(f"{path}: {available} frames, the model takes {least} or more; take the row out")
        start = start_of(spacing.slack)
        if available > WHOLE:
            return read_clip(path, size=self.size, count=self.frames, start=start, stride=spacing.stride)
        (whole,) = self._cache.get(row, lambda: (read_clip(path, size=self.size, count=available),))
        return whole[start :: spacing.stride][: self.frames]


def needed(frames: int, stride: int = 0) -> int:
    """Frames that a clip must have for a window of `frames`."""
    return (frames - 1) * max(1, stride) + 1
