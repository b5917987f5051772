"""Labelled pictures to a folder with a manifest: what the scripts of data_prep/ for them share."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from condgen.data.files import writing
from condgen.data.image import fit, read_rgb
from condgen.data.manifest import Split, write
from condgen.data.preparation import IMAGES, MANIFEST, PNG_COMPRESSION, Photo, Prepared, find_photos, with_progress
from condgen.errors import UserError

Pictures = Iterable[tuple[np.ndarray, str]]
"""uint8 (H, W), grey, or (H, W, 3), and the label."""


def write_pictures(splits: Mapping[Split, Pictures], output: Path, left_out: Sequence[str] = ()) -> Prepared:
    """Write PNG files below `output` and the manifest, last; `left_out` may grow meanwhile.

    Raises:
        UserError: a split has no picture, or `output` cannot be written.
    """
    rows = {}
    for split, pictures in splits.items():
        with writing(output):
            rows[split] = [_written(pixels, label, split, n, output) for n, (pixels, label) in enumerate(pictures)]
        if not rows[split]:
            reason = f": {left_out[0]}" if left_out else ""
            raise UserError(f"no picture is left for {split}{reason}")
    ordered = [row for split in Split for row in rows.get(split, ())]
    write(output / MANIFEST, ordered)
    counts = {split: len(rows[split]) for split in Split if split in rows}
    return Prepared(output / MANIFEST, counts, tuple(left_out), sources="pictures")


def find_classes(folder: Path, *, output: Path | None = None) -> dict[str, list[Photo]]:
    """The pictures of a folder with one sub-folder a class, by the sub-folders' names, sorted.

    Raises:
        UserError: the folder is missing, has no sub-folders, or one of them has no pictures.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    inside = (path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith("."))
    own = {output.resolve(), (output / IMAGES).resolve()} if output is not None else set()
    classes = [path for path in inside if path.resolve() not in own]
    if not classes:
        raise UserError(f"{folder} has no sub-folders; it needs one a class, e.g. {folder / 'cat' / '1.png'}")
    return {path.name: find_photos([path], output=output) for path in classes}


def read_pictures(
    photos: Mapping[str, Sequence[Photo]], size: int, seen: dict[str, Path], left_out: list[str], *, repeats: bool
) -> Pictures:
    """Decode the photos of each class, cut to the square in the middle.

    Args:
        photos: by class.
        size: pixels a side, to which larger squares are reduced.
        seen: hashes of the pictures so far, with their files; grows.
        left_out: grows by a line on each file that cannot be decoded, or that has been seen.
        repeats: whether a picture that has been seen is taken all the same.
    """
    jobs = [(label, photo.path) for label, some in photos.items() for photo in some]
    for label, path in with_progress(jobs, "reading pictures", len(jobs)):
        try:
            pixels = np.ascontiguousarray(read_rgb(path))
        except UserError as problem:
            left_out.append(str(problem))
            continue
        contents = hashlib.sha256(f"{pixels.shape} ".encode() + pixels.tobytes()).hexdigest()
        if contents in seen and not repeats:
            left_out.append(f"{path}: the same picture as {seen[contents]}")
            continue
        seen.setdefault(contents, path)
        pixels = fit(pixels, min(size, *pixels.shape[:2]))
        is_grey = (pixels == pixels[..., :1]).all()
        yield (pixels[..., 0] if is_grey else pixels), label


def _written(pixels: np.ndarray, label: str, split: Split, number: int, output: Path) -> dict[str, str]:
    content = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(content, "PNG", compress_level=PNG_COMPRESSION)
    name = f"{IMAGES}/{split}/{label.replace('/', '-')}/{number:05}.png"  # a class of Fashion-MNIST is T-shirt/top
    path = output / name
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True)
    path.write_bytes(content.getbuffer())
    sha256 = hashlib.sha256(content.getbuffer()).hexdigest()
    return {"split": str(split), "image": name, "label": label, "sha256": sha256}
