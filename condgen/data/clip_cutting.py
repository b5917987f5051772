"""Videos to clips with a manifest: reduced, cropped to squares, cut into pieces and where the scene changes."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from condgen.data.captioned_picture import CaptionedFile
from condgen.data.files import sha256_of, writing
from condgen.data.manifest import Split, write
from condgen.data.preparation import MANIFEST, Prepared, unique_name, with_progress
from condgen.data.video import WHOLE, Video, open_video
from condgen.data.video_output import FASTEST, write_video
from condgen.errors import UserError

SUFFIX = ".mp4"
SHORTEST = 16  # frames: what most models here take
SMALLEST = 16  # pixels a side
USUAL_RATE = Fraction(25)  # frames a second, where a video does not say
SCENE_CHANGE = 12.0  # levels: 99 % of pairs of unrelated photos are farther apart, no pan by 5 % of a picture is
STILL = 1.0  # levels: less is the noise of compression


@dataclass(frozen=True)
class Take:
    """A video, or a part of it, of which all is true that `about` says."""

    about: CaptionedFile  # with a split
    start: int = 0  # first frame
    stop: int | None = None  # first frame after it; None: to the end


@dataclass(frozen=True, kw_only=True)
class Cut:
    """How clips are made of a video.

    Raises:
        UserError: a number is out of range.
    """

    size: int = 128  # pixels a side; smaller videos are not enlarged
    frames: int = 0  # of a clip: a scene gives one after the other, and what is left is dropped; 0: a scene is one
    # clip of 16 frames or more, and every 256 frames another, which is what training keeps in memory
    stride: int = 1  # frames of the video from one that is kept to the next
    scene_change: float = 0  # levels by which the colours of two kept frames differ on average where a scene ends; 0:
    # never, and stills stay; see `colour_distance`

    def __post_init__(self):
        if self.size < SMALLEST or self.stride < 1 or min(self.frames, self.scene_change) < 0:
            raise UserError(
                f"cutting needs {SMALLEST} or more pixels, a stride of 1 or more, and nothing negative; got size "
                f"{self.size}, stride {self.stride}, frames {self.frames} and scene change {self.scene_change:g}"
            )

    @property
    def shortest(self) -> int:
        return self.frames or SHORTEST

    @property
    def longest(self) -> int:
        return self.frames or WHOLE

    def parts(self, frame: np.ndarray, following: np.ndarray) -> bool:
        """Whether a scene ends between the two."""
        return bool(self.scene_change) and colour_distance(frame, following) > self.scene_change

    def takes(self, frames: Sequence[np.ndarray]) -> bool:
        """Whether they are a clip: enough of them, and, where scenes are told apart, not all the same."""
        return len(frames) >= self.shortest and not (self.scene_change and _is_still(frames))


@dataclass(frozen=True)
class CutClips(Prepared):
    """What `cut_clips` made. Of `left_out`, so many could not be read; the others hold no clip."""

    unreadable: int = 0


class _UnreadableError(Exception):
    """Of a video, as apart from an error in writing a clip."""


@dataclass(frozen=True)
class _Made:
    rows: tuple[dict[str, Any], ...] = ()
    problem: str = ""
    is_unreadable: bool = False


def colour_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Mean distance of the sorted levels of each channel: the earth mover's distance of the histograms, mean of three.

    Where things lie does not count, hence motion hardly does: of two frames of one scene the distance is small, even
    where pixels are compared with others by a fast pan.

    Args:
        first, second: uint8 (H, W, 3), of one size.
    """
    sorted_levels = (np.sort(frame.reshape(-1, 3), axis=0).astype(np.int16) for frame in (first, second))
    return float(np.abs(np.subtract(*sorted_levels)).mean())


def cut_clips(takes: Sequence[Take], output: Path, cut: Cut) -> CutClips:
    """Write the clips of all takes as mp4 below `output`, and the manifest, last.

    A row has the captions, class and further fields of its take, the video's name as `source`, and as `start` the
    frame of it that is the clip's first. A video that cannot be read to the end of its take gives no clip at all.

    Args:
        takes: whose splits know of each other: no two share what must not be in two splits.

    Raises:
        UserError: no clip is left for training or a split that had takes, a video lies where the result goes, or
            `output` cannot be written.
    """
    _refuse_own_files(takes, output)
    taken: set[str] = set()
    names = [unique_name(f"{take.about.split}/{take.about.name}", taken) for take in takes]
    with writing(output):
        (output / MANIFEST).unlink(missing_ok=True)  # of an earlier run, whose files are about to be replaced
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # decoding, scaling and encoding run side by side in threads
            made = pool.map(partial(_make, output=output, cut=cut), takes, names)
            made = list(with_progress(made, "cutting videos", len(takes)))
    left_out = tuple(one.problem for one in made if one.problem)
    rows = {split: [row for one in made for row in one.rows if row["split"] == split] for split in Split}
    for split in [Split.TRAIN, *(take.about.split for take in takes)]:
        if not rows[split]:
            raise UserError(f"no clips are left for {split}{f': {left_out[0]}' if left_out else ''}")
    write(output / MANIFEST, itertools.chain.from_iterable(rows.values()))
    counts = {split: len(some) for split, some in rows.items() if some}
    unreadable = sum(one.is_unreadable for one in made)
    return CutClips(output / MANIFEST, counts, left_out, what="clips", sources="videos", unreadable=unreadable)


def _refuse_own_files(takes: Sequence[Take], output: Path) -> None:
    """Nobody's only copy is written over."""
    own = {(output / split).resolve() for split in Split}
    for take in takes:
        if not own.isdisjoint(take.about.path.resolve().parents):
            raise UserError(f"{take.about.path} lies where {output} would be written; choose another output folder")


def _make(take: Take, name: str, *, output: Path, cut: Cut) -> _Made:
    """Write the clips of a take, whose names begin with `name`; their rows, or why there are none."""
    rows: list[dict[str, Any]] = []
    try:
        for start, frames, rate in _pieces(take, cut):
            file = f"{name}_{start:05}{SUFFIX}"
            (output / file).parent.mkdir(parents=True, exist_ok=True)
            write_video(output / file, frames, frames_per_second=rate)
            rows.append(_row(take.about, output, file, start))
    except _UnreadableError as problem:
        for row in rows:
            (output / row["clip"]).unlink()
        return _Made(problem=str(problem), is_unreadable=True)
    if not rows:
        moving = " in which something moves" * bool(cut.scene_change)
        step = f", every {cut.stride}th of the video" * (cut.stride > 1)
        return _Made(problem=f"{take.about.path}: holds no clip of {cut.shortest} frames{step}{moving}; it is not used")
    return _Made(tuple(rows))


def _row(about: CaptionedFile, output: Path, file: str, start: int) -> dict[str, Any]:
    row: dict[str, Any] = {"split": str(about.split), "clip": file, "sha256": sha256_of(output / file)}
    row["captions"] = list(about.captions)
    if about.category:
        row["class"] = about.category
    return row | {"source": about.path.name, "start": start} | dict(about.further)


def _pieces(take: Take, cut: Cut) -> Iterator[tuple[int, list[np.ndarray], Fraction]]:
    """First frame, frames (side, side, 3) and rate of each clip.

    Raises:
        _UnreadableError: the video is missing, damaged, cut short, or too small.
    """
    try:
        with open_video(take.about.path) as video:
            rate = min((video.frames_per_second or USUAL_RATE) / cut.stride, Fraction(FASTEST))
            piece: list[np.ndarray] = []
            start = take.start
            for number, frame in _squares(video, take, cut):
                if piece and (len(piece) == cut.longest or cut.parts(piece[-1], frame)):
                    if cut.takes(piece):
                        yield start, piece, rate
                    piece = []
                start = number if not piece else start
                piece.append(frame)
            if cut.takes(piece):
                yield start, piece, rate
    except UserError as problem:
        raise _UnreadableError(str(problem)) from None


def _squares(video: Video, take: Take, cut: Cut) -> Iterator[tuple[int, np.ndarray]]:
    """Number and pixels (side, side, 3) of each frame that is kept; the side is even, as mp4 wants it."""
    side = min(cut.size, *video.size) // 2 * 2
    if side < SMALLEST:
        raise UserError(f"{video.path}: {'x'.join(map(str, video.size))} pixels are too few to make a clip of; drop it")
    last = None if take.stop is None else len(range(take.start, take.stop, cut.stride))
    kept = itertools.islice(video.frames(take.start, cut.stride), last)
    for number, frame in zip(itertools.count(take.start, cut.stride), kept, strict=False):
        image = ImageOps.fit(Image.fromarray(frame), (side, side), Image.Resampling.BICUBIC)
        yield number, np.asarray(image)


def _is_still(frames: Sequence[np.ndarray]) -> bool:
    """Whether all frames are as the first, such as those of a title."""
    first = frames[0].astype(np.int16)
    return all(float(np.abs(frame - first).mean()) < STILL for frame in frames)
