"""Caltech-UCSD Birds-200-2011 (Wah et al., 2011) as published, with captions that come apart from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from condgen.data.captioned_picture import CaptionedPicture, Point
from condgen.errors import UserError

IMAGES, CLASSES, LABELS = "images.txt", "classes.txt", "image_class_labels.txt"
BOXES, PARTS, PART_LOCATIONS = "bounding_boxes.txt", "parts/parts.txt", "parts/part_locs.txt"
ARCHIVE = "CUB_200_2011"  # the folder in the archive, which has a file beside it
PICTURES = "images"


def read_cub(source: Path, captions: Mapping[str, tuple[str, ...]]) -> list[CaptionedPicture]:
    """All birds, in the order of images.txt; `category` is the class's folder, such as 001.Black_footed_Albatross.

    Args:
        source: the folder with images.txt, or that in which the archive was unpacked.
        captions: by the pictures' names without folder and ending; birds without any get none.

    Raises:
        UserError: a file is missing, or a line is not as published.
    """
    folder = source if (source / IMAGES).is_file() else source / ARCHIVE
    classes = dict(_lines(folder / CLASSES, 2))
    labels = dict(_lines(folder / LABELS, 2))
    boxes = {number: box for number, *box in _lines(folder / BOXES, 5)}
    keypoints = _keypoints(folder)
    pictures = []
    for number, name in _lines(folder / IMAGES, 2):
        try:
            category, (x, y, width, height) = classes[labels[number]], map(float, boxes[number])
            own = keypoints[number]
        except (KeyError, ValueError):
            raise UserError(
                f"{folder}: bird {number} lacks a class, a box or parts; unpack the archive again"
            ) from None
        stem = Path(name).stem
        pictures.append(
            CaptionedPicture(
                folder / PICTURES / name,
                f"{category}/{stem}",
                captions.get(stem, ()),
                category,
                (x, y, width, height),
                own,
                further={"image_id": int(number)},
            )
        )
    return pictures


def readable(folder: str) -> str:
    """001.Black_footed_Albatross -> Black footed Albatross."""
    return folder.partition(".")[2].replace("_", " ") or folder


def _keypoints(folder: Path) -> dict[str, dict[str, Point | None]]:
    """By image; all have all parts, in the order of parts.txt."""
    names = {number: " ".join(words) for number, *words in _lines(folder / PARTS)}
    keypoints: dict[str, dict[str, Point | None]] = {}
    for image, part, x, y, visible in _lines(folder / PART_LOCATIONS, 5):
        own = keypoints.setdefault(image, dict.fromkeys(names.values()))
        try:
            own[names[part]] = (float(x), float(y)) if visible == "1" else None
        except (KeyError, ValueError):
            raise UserError(f"{folder / PART_LOCATIONS}: part {part} of bird {image} is not as published") from None
    return keypoints


def _lines(path: Path, count: int = 0) -> Iterator[list[str]]:
    """The words of each line, of which there are `count`; 0: any number from 2."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise UserError(f"there is no {path}; give the folder in which CUB_200_2011.tgz was unpacked") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise UserError(f"{path} cannot be read: {problem}; unpack the archive again") from None
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if words and (len(words) < 2 or (count and len(words) != count)):
            raise UserError(f"{path}:{number}: {line[:40]!r} is not as published; unpack the archive again")
        if words:
            yield words
