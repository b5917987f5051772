"""From folders of photos to a folder with a manifest: what the scripts of data_prep/ share."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import random
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from condgen.data.files import sha256_of, writing
from condgen.data.image import read_rgb
from condgen.data.manifest import Split, write
from condgen.data.media import SUFFIXES, Look, Media, look_at
from condgen.errors import UserError

IMAGES, MANIFEST = "images", "manifest.jsonl"  # what a prepared folder holds
GROUND_TRUTH = ("GTmod12", "HR", "GT", "original")  # folders of benchmarks, best first: cut to a multiple of the scale
PNG_COMPRESSION = 3  # of 9: twice as fast to write as the default, a few per cent larger


@dataclass(frozen=True)
class Photo:
    """A photo as it was found."""

    path: Path
    name: str  # folder/stem, unique, its name in the prepared folder


@dataclass(frozen=True)
class Cut:
    """Overlapping sub-images in place of large photos: decoding 2K photos for one crop would dominate the loading.

    The defaults are BasicSR's for DIV2K (scripts/data_preparation/extract_subimages.py).
    """

    size: int = 480  # pixels a side
    step: int = 240

    def __post_init__(self):
        if self.size < 1 or not 1 <= self.step <= self.size:
            raise UserError(f"sub-images need 1 <= step <= size, got size {self.size} and step {self.step}")

    def boxes(self, width: int, height: int) -> list[tuple[int, int, int, int]]:
        """(left, top, right, bottom) of the sub-images, which cover the photo; one box if it is small enough whole."""
        if max(width, height) < self.size + self.step:
            return [(0, 0, width, height)]
        tops, lefts = self._starts(height), self._starts(width)
        return [(x, y, min(x + self.size, width), min(y + self.size, height)) for y in tops for x in lefts]

    def _starts(self, length: int) -> list[int]:
        last = max(length - self.size, 0)
        starts = list(range(0, last + 1, self.step))
        return starts if starts[-1] == last else [*starts, last]


@dataclass(frozen=True)
class Prepared:
    """What `prepare` made."""

    manifest: Path
    rows: Mapping[Split, int]
    left_out: tuple[str, ...]  # one line each: which file, and why
    what: str = "pictures"  # a row each
    sources: str = "photos"

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {split}" for split, count in self.rows.items())
        return f"{self.manifest}: {counts} {self.what}, {len(self.left_out)} {self.sources} left out"


def find_photos(folders: Sequence[Path], *, output: Path | None = None) -> list[Photo]:
    """All photos below the folders, sorted; hidden files and earlier results in `output` are passed over.

    Raises:
        UserError: a folder is missing or has no photos.
    """
    photos: list[Photo] = []
    names: set[str] = set()
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"there is no folder {folder}")
        found = [path for path in sorted(folder.rglob("*")) if _is_photo(path, folder, output)]
        if not found:
            raise UserError(f"{folder} has no photos; put some there, {', '.join(sorted(SUFFIXES[Media.IMAGE]))}")
        for path in found:
            inside = PurePosixPath(folder.resolve().name, path.relative_to(folder).with_suffix("").as_posix())
            photos.append(Photo(path, unique_name(str(inside), names)))
    return photos


def find_ground_truth(folder: Path, scale: int, *, output: Path | None = None) -> list[Photo]:
    """The high-resolution pictures of a benchmark folder in one of its usual layouts.

    image_SRF_4/*_HR.png (`scale` chooses the folder); a folder GTmod12, HR, GT or original, with x4 below it or not;
    else all pictures but those in folders named LR....

    Raises:
        UserError: the folder is missing, or has no such pictures.
    """
    photos = find_photos([folder], output=output)
    parts = {photo: [part.lower() for part in photo.path.relative_to(folder).parts[:-1]] for photo in photos}

    def below(name: str, among: Sequence[Photo]) -> list[Photo]:
        return [photo for photo in among if name.lower() in parts[photo]]

    if any(part.startswith("image_srf_") for folders in parts.values() for part in folders):
        photos = below(f"image_SRF_{scale}", photos)
    if marked := [photo for photo in photos if photo.path.stem.upper().endswith("_HR")]:
        photos = marked
    else:
        photos = next((some for name in GROUND_TRUTH if (some := below(name, photos))), photos)
        photos = below(f"x{scale}", photos) or photos
        photos = [photo for photo in photos if not any(part.startswith("lr") for part in parts[photo])]
    if not photos:
        raise UserError(f"{folder} has no high-resolution pictures for scale {scale} in a layout that is known here")
    return photos


def split_photos(photos: Sequence[Photo], fraction: float, seed: int) -> dict[Split, list[Photo]]:
    """A seeded random part for validation (at least one photo unless 0), the rest for training.

    Raises:
        UserError: nothing would be left to train on.
    """
    if not 0 <= fraction < 1:
        raise UserError(f"the validation fraction must lie in [0, 1), got {fraction}")
    count = max(1, round(fraction * len(photos))) if fraction else 0
    if count >= len(photos):
        raise UserError(f"{len(photos)} photos are too few to keep some for validation; give a validation folder")
    chosen = set(random.Random(seed).sample(range(len(photos)), count))
    return {
        Split.TRAIN: [photo for index, photo in enumerate(photos) if index not in chosen],
        Split.VALIDATION: [photos[index] for index in sorted(chosen)],
    }


def prepare(
    photos: Mapping[Split, Sequence[Photo]], output: Path, *, cut: Cut | None = None, minimum_size: int = 1
) -> Prepared:
    """Copy photos (training photos cut, if asked for) below `output` and write the manifest, last.

    Left out are files that cannot be decoded, training photos under `minimum_size` pixels a side, and training photos
    whose pixels equal those of a validation or an earlier training photo: after cutting, a check could not see it.

    Raises:
        UserError: a split that had photos has none left, or `output` cannot be written.
    """
    names: set[str] = set()  # folders of two splits may have one name
    wanted = [
        (split, replace(photo, name=unique_name(photo.name, names)))
        for split in sorted(photos, key=_last_if_train)
        for photo in photos[split]
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        good, left_out = _sift(wanted, pool, minimum_size)
        for split in photos:
            if photos[split] and not any(split == kept for kept, _ in good):
                raise UserError(f"no photo is left for {split}; {photos[split][0].path} and all others were left out")
        with writing(output):
            pictures = pool.map(lambda one: _make(one[1], output, cut if one[0] == Split.TRAIN else None), good)
            made = list(zip(good, with_progress(pictures, "writing pictures", len(good)), strict=True))
    rows = {
        split: [{"split": str(split), **row} for (kept, _), some in made if kept == split for row in some]
        for split in Split
    }
    write(output / MANIFEST, [row for split in rows.values() for row in split])
    return Prepared(output / MANIFEST, {split: len(some) for split, some in rows.items() if some}, left_out)


def _last_if_train(split: Split) -> bool:
    return split == Split.TRAIN


def _sift(
    wanted: Sequence[tuple[Split, Photo]], pool: ThreadPoolExecutor, minimum_size: int
) -> tuple[list[tuple[Split, Photo]], tuple[str, ...]]:
    """The photos to keep, and a line for each that is left out."""
    good, left_out = [], []
    seen: dict[str, Photo] = {}
    for (split, photo), look in zip(wanted, pool.map(_look, wanted), strict=True):
        if reason := _reason_against(look, split, minimum_size, seen):
            left_out.append(f"{photo.path}: {reason}")
        else:
            seen.setdefault(look.contents, photo)
            good.append((split, photo))
    return good, tuple(left_out)


def with_progress(things: Iterable, label: str, count: int) -> Iterable:
    """With a progress bar where somebody looks: a large set takes minutes."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(things, label, count, console=console, disable=not console.is_terminal)


def drawn_rows(
    make: Callable[[tuple[Split, int]], dict[str, Any]], counts: Mapping[Split, int], jobs: int, label: str
) -> list[dict[str, Any]]:
    """What `make`, which can be pickled, returns for each split and number, drawn by so many processes; in order."""
    numbered = [(split, number) for split, count in counts.items() for number in range(count)]
    with ExitStack() as stack:
        each = map
        if jobs > 1:  # fresh processes: to fork one that has threads may hang
            pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"))
            each = partial(stack.enter_context(pool).map, chunksize=64)
        return list(with_progress(each(make, numbered), label, len(numbered)))


def _is_photo(path: Path, folder: Path, output: Path | None) -> bool:
    inside = path.relative_to(folder)
    if path.suffix.lower() not in SUFFIXES[Media.IMAGE] or any(part.startswith(".") for part in inside.parts):
        return False
    return path.is_file() and (output is None or (output / IMAGES).resolve() not in path.resolve().parents)


def unique_name(name: str, taken: set[str]) -> str:
    """The name, or name-2, name-3, ... where it is taken: a.jpg beside a.png, or two folders of one name."""
    candidates = (name if number == 1 else f"{name}-{number}" for number in range(1, len(taken) + 2))
    free = next(candidate for candidate in candidates if candidate not in taken)
    taken.add(free)
    return free


def _look(one: tuple[Split, Photo]) -> Look:
    return look_at(one[1].path, Media.IMAGE)


def _reason_against(look: Look, split: Split, minimum_size: int, seen: Mapping[str, Photo]) -> str:
    """Why a photo is left out; empty: it is not."""
    if not look.size:
        return look.problems[0].text
    if split == Split.TRAIN and min(look.size) < minimum_size:
        return f"{look.size[0]}x{look.size[1]} pixels, smaller than {minimum_size}"
    if split == Split.TRAIN and look.contents in seen:
        return f"the same picture as {seen[look.contents].path}"
    return ""


def _make(photo: Photo, output: Path, cut: Cut | None) -> list[dict[str, Any]]:
    """Write one photo's pictures; their rows without the split."""
    return [
        {"image": path.relative_to(output).as_posix(), "sha256": sha256_of(path), "source": photo.name}
        for path in _pictures(photo, output, cut)
    ]


def _pictures(photo: Photo, output: Path, cut: Cut | None) -> Iterator[Path]:
    from PIL import Image

    target = output / IMAGES / photo.name
    target.parent.mkdir(parents=True, exist_ok=True)
    pixels = read_rgb(photo.path) if cut is not None else None
    boxes = cut.boxes(pixels.shape[1], pixels.shape[0]) if pixels is not None else []
    if len(boxes) < 2:
        path = target.with_name(target.name + photo.path.suffix.lower())
        shutil.copyfile(photo.path, path)
        yield path
        return
    for number, (left, top, right, bottom) in enumerate(boxes, start=1):
        path = target.with_name(f"{target.name}_s{number:03}.png")
        part = np.ascontiguousarray(pixels[top:bottom, left:right])
        Image.fromarray(part).save(path, compress_level=PNG_COMPRESSION)
        yield path


def save_png(pixels: np.ndarray, path: Path) -> str:
    """Write uint8 (H, W, 3) as a PNG file, with its folder; its SHA-256."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG", compress_level=PNG_COMPRESSION)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.getbuffer())
    return hashlib.sha256(content.getbuffer()).hexdigest()
