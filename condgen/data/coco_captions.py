"""COCO (Lin et al., 2014) as published: captions, boxes of objects and keypoints of people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from condgen.data.captioned_picture import Box, CaptionedPicture, Point, clean_captions
from condgen.data.manifest import Split
from condgen.data.pair_folders import SPLITS
from condgen.errors import UserError

CAPTIONS, INSTANCES, KEYPOINTS = "captions_", "instances_", "person_keypoints_"  # how names of files begin
VISIBLE = 2  # of 0: not labelled, 1: labelled but hidden, 2: visible


@dataclass(frozen=True)
class _Object:
    category: str
    box: Box
    area: float
    keypoints: Mapping[str, Point | None] | None


def read_coco(annotations: Path, roots: Sequence[Path], category: str = "") -> list[CaptionedPicture]:
    """A row for each picture that has captions and an object: its largest, by area.

    Keypoints are those of the object where person_keypoints_*.json has some, by the names there ("left_eye" as
    "left eye"); of other objects none is visible.

    Args:
        annotations: a folder with captions_train2017.json, captions_val2017.json and instances_* or
            person_keypoints_* of the same endings; what begins with train trains, val validates.
        roots: folders that hold train2017/, val2017/ and so on, or the pictures themselves.
        category: of the objects, such as person; empty: any.

    Raises:
        UserError: a file is missing or not as published, or no object is of the category.
    """
    parts = sorted(path.stem.removeprefix(CAPTIONS) for path in annotations.glob(f"{CAPTIONS}*.json"))
    if not parts:
        raise UserError(f"{annotations} has no captions_*.json; unpack annotations_trainval2017.zip there")
    pictures = [picture for part in parts for picture in _part(annotations, roots, part, category)]
    if not pictures:
        raise UserError(f"{annotations}: no picture has captions and an object{f' {category!r}' * bool(category)}")
    return pictures


def _part(annotations: Path, roots: Sequence[Path], part: str, category: str) -> Iterable[CaptionedPicture]:
    path = annotations / f"{CAPTIONS}{part}.json"
    captions: dict[int, list[str]] = {}
    told = _read(path)
    try:
        for one in told["annotations"]:
            captions.setdefault(one["image_id"], []).append(one["caption"])
        files = {image["id"]: image["file_name"] for image in told["images"]}
    except (KeyError, TypeError) as problem:
        raise UserError(f"{path} is not as published: {problem!r} is missing or of another kind") from None
    objects = _objects(annotations, part, category)
    split = SPLITS.get(part.rstrip("0123456789"), Split.TRAIN)
    folder = _folder(roots, part, next(iter(files.values()), ""))
    for number, name in files.items():
        if number in objects and (lines := clean_captions(captions.get(number, ()))):
            thing = objects[number]
            yield CaptionedPicture(
                folder / name,
                Path(name).stem,
                lines,
                thing.category,
                thing.box,
                thing.keypoints,
                split=split,
                further={"image_id": number},
            )


def _objects(annotations: Path, part: str, category: str) -> dict[int, _Object]:
    """The largest object of each picture."""
    paths = [path for start in (INSTANCES, KEYPOINTS) if (path := annotations / f"{start}{part}.json").is_file()]
    if not paths:
        raise UserError(f"{annotations} has neither {INSTANCES}{part}.json nor {KEYPOINTS}{part}.json")
    largest: dict[int, _Object] = {}
    for path in paths:
        table = _read(path)
        try:
            kinds = {kind["id"]: kind for kind in table["categories"]}
            for one in table["annotations"]:
                kind = kinds[one["category_id"]]
                if one.get("iscrowd") or (category and kind["name"] != category):
                    continue
                thing = _object(one, kind)
                known = largest.get(one["image_id"])
                # the same person again, in the file of keypoints
                if known is None or thing.area > known.area or (thing.box == known.box and thing.keypoints):
                    largest[one["image_id"]] = thing
        except (KeyError, TypeError, ValueError) as problem:
            raise UserError(f"{path} is not as published: {problem!r} is missing or of another kind") from None
    return largest


def _object(one: Mapping[str, Any], kind: Mapping[str, Any]) -> _Object:
    x, y, width, height = map(float, one["bbox"])
    names, values = kind.get("keypoints"), one.get("keypoints")
    keypoints: dict[str, Point | None] | None = None
    if names and values:
        points = zip(values[0::3], values[1::3], values[2::3], strict=True)
        keypoints = {
            name.replace("_", " "): (float(right), float(down)) if visible == VISIBLE else None
            for name, (right, down, visible) in zip(names, points, strict=True)
        }
    return _Object(kind["name"], (x, y, width, height), float(one["area"]), keypoints)


def _folder(roots: Sequence[Path], part: str, name: str) -> Path:
    candidates = [root / inside for root in roots for inside in (part, f"images/{part}", "images", "")]
    for folder in candidates:
        if (folder / name).is_file():
            return folder
    raise UserError(f"there is no {part}/{name} below {' or '.join(map(str, roots))}; unpack {part}.zip there")


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise UserError(f"{path} cannot be read: {problem}; unpack the archive again") from None
