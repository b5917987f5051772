"""Captions of published sets, which come apart from the pictures, as those of Reed et al. (CVPR 2016) for CUB-200-2011,
Oxford-102 flowers and MPII do.
"""

from __future__ import annotations

from pathlib import Path

from condgen.data.captioned_picture import REPLACEMENT, clean_captions, read_captions
from condgen.data.captioned_tables import SUFFIXES, captions_by_stem
from condgen.errors import UserError

TEXT_FOLDER = "text_c10"  # of Reed et al.: beside it lie lists and files of Torch


def published_captions(place: Path) -> dict[str, tuple[str, ...]]:
    """All captions of a set, by the names of the pictures without folder and ending.

    Args:
        place: a folder with a text file a picture (text_c10/<class>/<picture>.txt, or without text_c10, or without
            folders of classes), a caption a line; or a table with columns image and caption.

    Raises:
        UserError: there are none, or a file cannot be read.
    """
    if place.is_file() and place.suffix.lower() in SUFFIXES:
        captions = captions_by_stem(place)
    elif place.is_dir():
        texts = sorted(place.rglob("*.txt"))
        inside = [path for path in texts if TEXT_FOLDER in path.parts]
        captions = {path.stem: read_captions(path) for path in inside or texts}
    else:
        raise UserError(f"there is no folder or table of captions {place}")
    captions = {stem: clean_captions(map(_mended, lines)) for stem, lines in captions.items()}
    if not any(captions.values()):
        raise UserError(f"{place} has no captions; it needs {TEXT_FOLDER}/<class>/<picture>.txt, a caption a line")
    return captions


def _mended(caption: str) -> str:
    """Without control characters, and without the marks that an earlier decoder left: some of CUB's have both."""
    return "".join(" " if letter == REPLACEMENT or not letter.isprintable() else letter for letter in caption)
