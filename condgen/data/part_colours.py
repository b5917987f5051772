"""Features of pictures whose parts are marked: the colours of each part, for a joint embedding without any pretrained
network.

Sentences about birds, flowers or clothes mostly say which part has which colour. So: mean and deviation of the colours
around each keypoint in CIELAB, a histogram of those in the box, and the box's aspect ratio; standardised by the
training split, then its principal components, of one length.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from condgen.data.image import read_rgb
from condgen.data.locations import box_of, keypoint_names, keypoints_of, mirrored_pairs
from condgen.data.manifest import Manifest, Row, Split, write
from condgen.errors import UserError

FIELD = "features"
"""Of the new rows: the file with theirs."""

RADIUS = 0.05  # of the patch around a keypoint, of the box's longer side
JITTER = 0.02  # standard deviation by which the further views look beside a keypoint, of the same
BINS = 4  # of the histogram, along each of L, a and b
SCALE = 50.0  # of L, a and b, to about 1
NORM = 4.0  # length of a feature vector: sentences' vectors reach it soon


@dataclass(frozen=True)
class _Space:
    """Standardisation and principal components of the training split."""

    mean: np.ndarray
    deviation: np.ndarray
    components: np.ndarray  # (D, length), each over the fourth root of its variance: the small ones count for more

    @classmethod
    def fit(cls, colours: np.ndarray, length: int) -> _Space:
        mean, deviation = np.nanmean(colours, axis=0), np.nanstd(colours, axis=0) + 1e-6
        _, sizes, directions = np.linalg.svd(np.nan_to_num((colours - mean) / deviation), full_matrices=False)
        variance = np.square(sizes[:length]) / len(colours)
        return cls(mean, deviation, directions[:length].T / variance**0.25)

    def __call__(self, colours: np.ndarray) -> np.ndarray:
        """(views, D), nan where a part is not visible -> float32 (views, length)."""
        reduced = np.nan_to_num((colours - self.mean) / self.deviation) @ self.components
        return (NORM * reduced / np.linalg.norm(reduced, axis=1, keepdims=True).clip(1e-6)).astype(np.float32)


def add_part_colours(manifest: Path, output: Path, *, length: int = 64, views: int = 6, seed: int = 0) -> int:
    """Write a manifest whose rows name a file with features (views, length) each; the plain view is the first.

    Args:
        manifest: rows with box and keypoints.
        output: the new manifest, in the folder of the old one; the features go into a folder of its name.
        length: of a feature vector, and so of a sentence's.
        views: of each picture; those after the first look a little beside the keypoints.

    Returns:
        How many rows there are.

    Raises:
        UserError: rows without box or keypoints, an unreadable picture, or too few of the training split.
    """
    manifest, output = Path(manifest), Path(output)
    if output.resolve().parent != manifest.resolve().parent:
        raise UserError(f"{output}: pictures are named from the folder of {manifest}; write the new manifest there too")
    found = Manifest.read(manifest)
    parts, random = merged_parts(keypoint_names(found)), np.random.default_rng(seed)
    colours = [_views(row, parts, views, random) for row in found.all_rows]
    train = [own for own, row in zip(colours, found.all_rows, strict=True) if row.split is Split.TRAIN]
    dimensions = colours[0].shape[1]
    if len(train) * views < length or dimensions < length:
        raise UserError(
            f"{manifest}: {len(train)} training pictures with {dimensions} numbers of colour each are too few for "
            f"features of {length}; ask for shorter ones"
        )
    space = _Space.fit(np.concatenate(train), length)
    folder = output.with_name(f"{output.stem}_{FIELD}")
    folder.mkdir(exist_ok=True)
    rows = []
    for number, (own, row) in enumerate(zip(colours, found.all_rows, strict=True)):
        path = folder / f"{number:06}.npy"
        _save(path, space(own))
        rows.append({**row.fields, FIELD: f"{folder.name}/{path.name}"})
    write(output, rows)
    return len(rows)


def merged_parts(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Left and right parts as one: sentences do not say which eye is seen."""
    pairs = [(names[left], names[right]) for left, right in mirrored_pairs(names)]
    paired = {name for pair in pairs for name in pair}
    return [*pairs, *((name,) for name in names if name not in paired)]


def part_colours(lab: np.ndarray, row: Row, parts: Sequence[Sequence[str]], moved: np.ndarray) -> np.ndarray:
    """Numbers (6 a part, then BINS ** 3, then 1) of one picture; nan for parts that are not visible.

    Args:
        lab: its colours, float (H, W, 3) about 1.
        moved: (parts, 2) by which the patches lie beside the keypoints, as shares of the box's longer side.
    """
    x, y, width, height = box_of(row)
    side, keypoints, told = max(width, height), keypoints_of(row), []
    for names, beside in zip(parts, moved, strict=True):
        patches = [_patch(lab, np.add(keypoints[name], beside * side), side) for name in names if keypoints[name]]
        pixels = np.concatenate(patches) if patches else np.full((1, 3), np.nan)
        told += [pixels.mean(axis=0), pixels.std(axis=0)]
    box = lab[max(0, int(y)) : int(y + height) + 1, max(0, int(x)) : int(x + width) + 1].reshape(-1, 3)
    histogram, _ = np.histogramdd(box, bins=BINS, range=((0, 256 / SCALE), (-1.2, 1.2), (-1.2, 1.2)))
    return np.concatenate([*told, np.sqrt(histogram.ravel() / len(box)), [np.log(width / height)]])


def _views(row: Row, parts: Sequence[Sequence[str]], count: int, random: np.random.Generator) -> np.ndarray:
    lab = _lab(read_rgb(row.path("image")))
    moved = random.normal(0, JITTER, (count, len(parts), 2))
    moved[0] = 0
    return np.stack([part_colours(lab, row, parts, own) for own in moved])


def _patch(lab: np.ndarray, middle: np.ndarray, side: float) -> np.ndarray:
    """(N, 3), at least the one nearest pixel."""
    radius = max(1.5, RADIUS * side)
    columns, rows = (
        slice(min(max(0, int(place - radius)), extent - 1), max(1, int(place + radius) + 1))
        for place, extent in zip(middle, lab.shape[1::-1], strict=True)
    )
    return lab[rows, columns].reshape(-1, 3)


def _lab(pixels: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) of sRGB -> CIELAB over `SCALE`; L is 0 to 255 / SCALE."""
    stored = np.asarray(ImageCms.applyTransform(Image.fromarray(np.ascontiguousarray(pixels)), _transform()))
    signed = stored[..., 1:].view(np.int8)
    return np.concatenate([stored[..., :1].astype(np.float32), signed.astype(np.float32)], axis=2) / SCALE


@cache
def _transform() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")


def _save(path: Path, features: np.ndarray) -> None:
    content = io.BytesIO()
    np.save(content, features)
    temporary = path.with_suffix(".part")
    temporary.write_bytes(content.getvalue())
    os.replace(temporary, path)
