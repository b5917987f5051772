"""A folder of Moving Shapes clips with their manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from condgen.data.drifting_textures import Pattern, drifting, photo_tile, random_tile
from condgen.data.files import writing
from condgen.data.manifest import Split, write
from condgen.data.moving_shapes import ALL, Attributes, MovingShape, draw, random_shapes, sentence, unseen_attributes
from condgen.data.preparation import MANIFEST, Prepared, drawn_rows, find_photos, save_png
from condgen.errors import UserError

SMALLEST_SIZE = 32  # pixels a side: below it a small circle cannot be told from a square
FEWEST_FRAMES = 8  # with fewer, three frames do not show a zigzag's wave
MOST_OBJECTS = 2
CLIPS = "clips"
VIDEOS, TEXTS, LABELS = "videos", "text_annotations", "labels"  # folders of the published loader


class Version(StrEnum):
    """The paper's two sets."""

    BLACK = "1"
    TEXTURED = "2"  # the ground drifts, so that motion alone does not tell the shape from it


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """How clips are drawn.

    Raises:
        UserError: a number is out of range, or there are textures for a black ground.
    """

    size: int = 64  # pixels a side
    frames: int = 16
    seed: int = 0
    version: Version = Version.BLACK
    objects: int = 1
    unseen: float = 0  # share of the 360 combinations that are in the test alone
    textures: Path | None = None  # a folder of photos; None draws textures
    published_layout: bool = False

    def __post_init__(self):
        if self.size < SMALLEST_SIZE or self.frames < FEWEST_FRAMES or not 1 <= self.objects <= MOST_OBJECTS:
            raise UserError(
                f"drawing needs {SMALLEST_SIZE} pixels a side, {FEWEST_FRAMES} frames and 1 or {MOST_OBJECTS} objects; "
                f"got {self.size}, {self.frames} and {self.objects}"
            )
        if self.textures is not None and self.version is Version.BLACK:
            raise UserError(f"a black ground takes no textures; ask for version {Version.TEXTURED}, or leave them out")


def draw_moving_shapes(
    output: Path, drawing: Drawing, *, train: int, validation: int, test: int, jobs: int = 1
) -> Prepared:
    """Draw clips into a folder, as PNG strips of frames from top to bottom, with their manifest, written last.

    A row has one of `captions`, its `class`, the words `shape`, `colour`, `size`, `motion`, `direction`, and `seen`:
    whether training has the combination. Of two shapes, `second` holds the words of the other, and `seen` is of both.
    A clip depends on how it is drawn, its split and number alone.

    With `published_layout`, each split is a folder with `videos`, `text_annotations` and `labels`, as the authors'
    loader reads it: a text is the sentence without a line's end, which would become part of the last word; a label is
    five integers for each shape, see `Attributes.label`.

    Args:
        train, validation, test: clips of each split.
        jobs: processes that draw.

    Raises:
        UserError: a number is out of range, a texture cannot be read, or the folder cannot be written.
    """
    if min(train, validation, test, jobs) < 1:
        raise UserError("drawing needs a clip for each split, and a process")
    counts = {Split.TRAIN: train, Split.VALIDATION: validation, Split.TEST: test}
    make = partial(
        _row,
        output=output,
        drawing=drawing,
        unseen=unseen_attributes(drawing.unseen, drawing.seed),
        photos=() if drawing.textures is None else tuple(photo.path for photo in find_photos([drawing.textures])),
    )
    with writing(output):
        rows = drawn_rows(make, counts, jobs, "drawing clips")
    write(output / MANIFEST, rows)
    return Prepared(output / MANIFEST, counts, (), what="clips", sources="clips")


def random_clip(
    random: np.random.Generator, drawing: Drawing, among: Sequence[Attributes] = ALL, photos: Sequence[Path] = ()
) -> tuple[np.ndarray, list[MovingShape]]:
    """A clip, uint8 (T, size, size, 3), and what it shows.

    Args:
        among: combinations to choose from.
        photos: textures; without, they are drawn.
    """
    shapes = random_shapes(random, drawing.objects, drawing.frames, among)
    ground = None
    if drawing.version is Version.TEXTURED:
        if photos:
            tile = photo_tile(photos[random.integers(len(photos))], drawing.size)
        else:
            tile = random_tile(list(Pattern)[random.integers(len(Pattern))], drawing.size, random)
        ground = drifting(tile, drawing.size, drawing.frames, random)
    return draw(shapes, drawing.size, ground), shapes


def _row(
    one: tuple[Split, int], output: Path, drawing: Drawing, unseen: frozenset[Attributes], photos: Sequence[Path]
) -> dict[str, Any]:
    """Draw a clip into its file; its row."""
    split, number = one
    random = np.random.default_rng((drawing.seed, list(Split).index(split), number))
    among = ALL if split is Split.TEST else [some for some in ALL if some not in unseen]
    clip, shapes = random_clip(random, drawing, among, photos)
    shown = [one.attributes for one in shapes]
    caption = sentence(shown, article=str(random.choice(["A", "a"])))
    folder = PurePosixPath(split, VIDEOS) if drawing.published_layout else PurePosixPath(CLIPS, split)
    file = folder / f"{number:06}.png"
    sha256 = save_png(clip.reshape(-1, drawing.size, 3), output / file)
    if drawing.published_layout:
        for place, text in _annotations(shown, caption):
            path = output / split / place / f"{number:06}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    row = {"split": str(split), "clip": str(file), "sha256": sha256, "captions": [caption]}
    row["class"] = " and ".join(sorted(one.name for one in shown))  # whichever is named first
    row |= _words(shown[0])
    if len(shown) > 1:
        row["second"] = _words(shown[1])
    return row | {"seen": unseen.isdisjoint(shown)}


def _words(one: Attributes) -> Mapping[str, str]:
    return {name: str(value) for name, value in asdict(one).items()}


def _annotations(shown: Sequence[Attributes], caption: str) -> Iterator[tuple[str, str]]:
    yield TEXTS, caption
    yield LABELS, ",".join(str(number) for one in shown for number in one.label)
