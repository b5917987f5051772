"""Oxford-102 flowers (Nilsback and Zisserman, 2008) as published, with captions that come apart from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from condgen.data.captioned_picture import CaptionedPicture
from condgen.errors import UserError

CLASSES = 102


def read_flowers(pictures: Path, labels: Path, captions: Mapping[str, tuple[str, ...]]) -> list[CaptionedPicture]:
    """All flowers; `category` is class_00001 to class_00102, as Reed et al. call them, for the set has no names.

    Args:
        pictures: the folder with image_00001.jpg and so on, or one that holds it as `jpg`.
        labels: imagelabels.mat.
        captions: by the pictures' names without ending; flowers without any get none.

    Raises:
        UserError: a file is missing, or not as published.
    """
    folder = pictures / "jpg" if (pictures / "jpg").is_dir() else pictures
    paths = sorted(folder.glob("image_*.jpg"))
    if not paths:
        raise UserError(f"{folder} has no image_00001.jpg; give the folder in which 102flowers.tgz was unpacked")
    numbers = _labels(labels)
    flowers = []
    for path in paths:
        index = path.stem.removeprefix("image_")
        if not index.isdecimal() or not 1 <= int(index) <= len(numbers):
            raise UserError(f"{path}: {labels} has {len(numbers)} labels, none for it; use the published files")
        category = f"class_{numbers[int(index) - 1]:05}"
        flowers.append(CaptionedPicture(path, f"{category}/{path.stem}", captions.get(path.stem, ()), category))
    return flowers


def _labels(path: Path) -> np.ndarray:
    """(N,) from 1, in the order of the pictures' numbers."""
    from scipy.io import loadmat

    if not path.is_file():
        raise UserError(f"there is no {path}; put imagelabels.mat there")
    try:
        labels = np.ravel(loadmat(path)["labels"]).astype(int)
    except Exception as problem:  # scipy raises what it likes for a damaged file
        raise UserError(f"{path} is not the published imagelabels.mat ({type(problem).__name__})") from None
    if not len(labels) or labels.min() < 1 or labels.max() > CLASSES:
        raise UserError(f"{path} is not the published imagelabels.mat: labels go from 1 to {CLASSES}")
    return labels
