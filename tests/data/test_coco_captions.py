"""COCO in its published layout."""

from __future__ import annotations

import json

import pytest

from condgen.data.coco_captions import read_coco
from condgen.data.manifest import Split
from condgen.errors import UserError

PERSON = {"id": 1, "name": "person"}
DOG = {"id": 18, "name": "dog"}
NAMED = {**PERSON, "keypoints": ["nose", "left_eye", "right_eye"]}


def thing(image, category, box, **more):
    return {"image_id": image, "category_id": category, "bbox": box, "area": box[2] * box[3], "iscrowd": 0, **more}


def published(root, part="train2017", keypoints=True):
    images = [{"id": number, "file_name": f"{number:012}.jpg"} for number in range(1, 5)]
    captions = [
        {"image_id": number, "caption": f" {text} of {number}\n"} for number in (1, 2, 3) for text in ("one", "two")
    ]
    boxes = [
        thing(1, 1, [10, 20, 30.5, 40]),
        thing(1, 18, [0, 0, 100, 90]),
        thing(2, 1, [1, 2, 3, 4]),
        thing(2, 1, [0, 0, 500, 500], iscrowd=1),
        thing(4, 1, [1, 2, 3, 4]),
    ]
    points = [
        thing(1, 1, [10, 20, 30.5, 40], keypoints=[11, 22, 2, 13, 24, 1, 0, 0, 0]),
        thing(2, 1, [1, 2, 3, 4], keypoints=[2, 3, 2, 0, 0, 0, 3, 3, 2]),
    ]
    files = {"captions": {"images": images, "annotations": captions}}
    files["instances"] = {"images": images, "annotations": boxes, "categories": [PERSON, DOG]}
    if keypoints:
        files["person_keypoints"] = {"images": images, "annotations": points, "categories": [NAMED]}
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    (root / part).mkdir()
    for image in images:
        (root / part / image["file_name"]).write_bytes(b"a picture")
    for name, content in files.items():
        (root / f"annotations/{name}_{part}.json").write_text(json.dumps(content))
    return root


def test_the_largest_object_of_each_picture_with_captions(tmp_path):
    root = published(published(tmp_path), "val2017")
    pictures = read_coco(root / "annotations", [root])
    assert [(one.further["image_id"], one.category, one.split) for one in pictures] == [
        (1, "dog", Split.TRAIN),
        (2, "person", Split.TRAIN),
        (1, "dog", Split.VALIDATION),
        (2, "person", Split.VALIDATION),
    ]
    dog, person = pictures[:2]
    assert (dog.box, dog.keypoints) == ((0.0, 0.0, 100.0, 90.0), None)
    assert (person.box, person.captions) == ((1.0, 2.0, 3.0, 4.0), ("one of 2", "two of 2"))
    assert person.keypoints == {"nose": (2.0, 3.0), "left eye": None, "right eye": (3.0, 3.0)}
    assert person.path == root / "train2017/000000000002.jpg"


def test_the_largest_object_of_one_category(tmp_path):
    root = published(tmp_path)
    first, _ = read_coco(root / "annotations", [root], "person")
    assert first.box == (10.0, 20.0, 30.5, 40.0)
    assert first.keypoints == {"nose": (11.0, 22.0), "left eye": None, "right eye": None}  # the second is hidden
    with pytest.raises(UserError, match="an object 'cat'"):
        read_coco(root / "annotations", [root], "cat")


def test_keypoints_are_optional_and_missing_files_are_named(tmp_path):
    root = published(tmp_path, keypoints=False)
    assert {one.keypoints for one in read_coco(root / "annotations", [root])} == {None}
    (root / "annotations/instances_train2017.json").write_text("{}")
    with pytest.raises(UserError, match=r"instances_train2017\.json is not as published: KeyError"):
        read_coco(root / "annotations", [root])
    (root / "annotations/instances_train2017.json").unlink()
    with pytest.raises(UserError, match=r"neither instances_train2017\.json nor person_keypoints_train2017\.json"):
        read_coco(root / "annotations", [root])
    with pytest.raises(UserError, match=r"no captions_\*\.json"):
        read_coco(root, [root])


def test_pictures_that_are_not_there_are_named(tmp_path):
    root = published(tmp_path)
    with pytest.raises(UserError, match=r"there is no train2017/000000000001\.jpg below .*elsewhere"):
        read_coco(root / "annotations", [tmp_path / "elsewhere"])
