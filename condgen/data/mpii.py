"""MPII Human Pose (Andriluka et al., 2014) as published: single people with 16 joints, with captions apart from it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from condgen.data.captioned_picture import CaptionedPicture, Point
from condgen.data.image import displayed_size
from condgen.errors import UserError

JOINTS = (
    "right ankle",
    "right knee",
    "right hip",
    "left hip",
    "left knee",
    "left ankle",
    "pelvis",
    "thorax",
    "upper neck",
    "head top",
    "right wrist",
    "right elbow",
    "right shoulder",
    "left shoulder",
    "left elbow",
    "left wrist",
)
"""By their numbers in the file, from 0."""

HEAD = "head"  # the centre of the head's rectangle, the 17th keypoint of GAWWN
HEIGHT = 200  # pixels, of a person of scale 1
MARGIN = 1.1  # GAWWN's, by which the square is larger


def read_mpii(annotations: Path, pictures: Path, captions: Mapping[str, tuple[str, ...]]) -> list[CaptionedPicture]:
    """The people of pictures with one person that stands apart, cut out as for GAWWN; `category` is what they do.

    The part is the square of side ceil(scale * 200 * 1.1) around the person, as far as the picture goes. Joints out of
    it, hidden or not labelled are None.

    Args:
        annotations: mpii_human_pose_v1_u12_1.mat.
        pictures: the folder of its pictures.
        captions: by the pictures' names without ending; people without any get none.

    Raises:
        UserError: a file is missing, or not as published.
    """
    release = _release(annotations)
    people = []
    try:
        acts, singles = _items(release.act), _items(release.single_person)
        for image, single, act in zip(_items(release.annolist), singles, acts, strict=True):
            if np.size(single) != 1 or not _text(act, "act_name"):
                continue
            person = _items(image.annorect)[int(np.ravel(single)[0]) - 1]
            path = pictures / _text(image.image, "name")
            points = _items(getattr(getattr(person, "annopoints", None), "point", ()))
            if points and np.size(getattr(person, "scale", ())) == 1:
                people.append(_person(person, points, path, captions.get(path.stem, ()), act))
    except (AttributeError, IndexError, TypeError, ValueError) as problem:
        raise UserError(f"{annotations} is not the published file of annotations: {problem}") from None
    if not people:
        raise UserError(f"{annotations} has no picture with a single person")
    return [person for person in people if person.crop is None or any((person.keypoints or {}).values())]


def square(x: float, y: float, scale: float, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom in pixels of the part around (x, y), clipped to a picture of this size."""
    side = math.ceil(scale * HEIGHT * MARGIN)
    left, top = (math.floor(centre - side / 2) for centre in (x, y))
    right, bottom = min(width, left + side), min(height, top + side)
    return max(0, left), max(0, top), right, bottom


def _person(person: Any, points: Iterable[Any], path: Path, captions: tuple[str, ...], act: Any) -> CaptionedPicture:
    size = (0, 0)
    with suppress(UserError):  # whoever copies the picture will say that it cannot be read
        size = displayed_size(path)
    part = square(float(person.objpos.x), float(person.objpos.y), float(person.scale), *size)
    left, top, right, bottom = part
    found: dict[str, Point] = {
        JOINTS[int(point.id)]: (float(point.x), float(point.y)) for point in points if _is_visible(point)
    }
    corners = [float(getattr(person, name)) for name in ("x1", "y1", "x2", "y2")]
    if any(corners):
        found[HEAD] = ((corners[0] + corners[2]) / 2, (corners[1] + corners[3]) / 2)
    keypoints = {
        name: (point[0] - left, point[1] - top)
        if (point := found.get(name)) and left <= point[0] < right and top <= point[1] < bottom
        else None
        for name in (*JOINTS, HEAD)
    }
    further = {"activities": _text(act, "cat_name")}
    category = _text(act, "act_name")
    return CaptionedPicture(
        path, path.stem, captions, category, None, keypoints, crop=part if any(size) else None, further=further
    )


def _is_visible(point: Any) -> bool:
    """Where nothing is said, which is so of heads and necks, it is."""
    value = np.ravel(getattr(point, "is_visible", ()))
    return not value.size or str(value[0]).strip() in ("1", "1.0", "True")


def _text(struct: Any, name: str) -> str:
    value = getattr(struct, name, "")
    return value.strip() if isinstance(value, str) else ""


def _items(value: Any) -> list[Any]:
    """What Matlab stores as a struct, a struct array or a cell array, as a list."""
    return list(np.atleast_1d(np.asarray(value, dtype=object)).ravel())


def _release(path: Path) -> Any:
    from scipy.io import loadmat

    if not path.is_file():
        raise UserError(f"there is no {path}; unpack mpii_human_pose_v1_u12_2.zip there")
    try:
        return loadmat(path, struct_as_record=False, squeeze_me=True)["RELEASE"]
    except Exception as problem:  # scipy raises what it likes for a damaged file
        raise UserError(f"{path} is not the published file of annotations ({type(problem).__name__})") from None
