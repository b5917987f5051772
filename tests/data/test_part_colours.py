from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from condgen.data.manifest import Manifest
from condgen.data.part_colours import add_part_colours, merged_parts, part_colours
from condgen.errors import UserError

SIZE = 40


def write(folder, count, *, split="train"):
    """Pictures whose left half is dark or bright, right half red or blue; a part in each."""
    random, rows = np.random.default_rng(0), []
    for number in range(count):
        pixels = np.zeros((SIZE, SIZE, 3), np.uint8)
        pixels[:, : SIZE // 2] = random.integers(20, 235)
        pixels[:, SIZE // 2 :, 2 * (number % 2)] = 200
        Image.fromarray(pixels).save(folder / f"{number}.png")
        keypoints = {"head": [10, 20], "left wing": [30, 20] if number else None, "right wing": None}
        rows.append({"split": split, "image": f"{number}.png", "box": [2, 2, 36, 36], "keypoints": keypoints})
    path = folder / "manifest.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_colours_of_each_part_by_hand(tmp_path):
    row = Manifest.read(write(tmp_path, 2)).all_rows[1]
    lab = np.zeros((SIZE, SIZE, 3))
    lab[:, 20:] = 1.0, -0.5, 0.25
    found = part_colours(lab, row, [("left wing", "right wing"), ("head",)], np.zeros((2, 2)))
    wing, head, histogram, aspect = np.split(found, [6, 12, 76])
    np.testing.assert_allclose(wing, [1.0, -0.5, 0.25, 0, 0, 0])
    np.testing.assert_allclose(head, 0)
    np.testing.assert_allclose(np.sort(histogram)[-2:] ** 2, [18 / 37, 19 / 37])  # columns 2 to 19, and 20 to 38
    assert aspect == 0


def test_left_and_right_are_one_part():
    assert merged_parts(["left eye", "beak", "right eye"]) == [("left eye", "right eye"), ("beak",)]


def test_features_beside_the_manifest_have_one_length_and_tell_colours_apart(tmp_path):
    manifest, output = write(tmp_path, 12), tmp_path / "parts.jsonl"
    assert add_part_colours(manifest, output, length=5, views=3) == 12
    rows = Manifest.read(output).all_rows
    features = np.stack([np.load(row.path("features")) for row in rows])
    assert features.shape == (12, 3, 5)
    assert features.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(features, axis=2), 4, rtol=1e-5)
    red, blue = features[2::2, 0].mean(0), features[1::2, 0].mean(0)
    own = np.linalg.norm(features[2::2, 0] - red, axis=1) < np.linalg.norm(features[2::2, 0] - blue, axis=1)
    assert own.all()
    again = tmp_path / "again.jsonl"
    add_part_colours(manifest, again, length=5, views=3)
    np.testing.assert_array_equal(np.load(Manifest.read(again).all_rows[3].path("features")), features[3])


@pytest.mark.parametrize(
    ("output", "length", "said"),
    [("parts.jsonl", 200, "too few for features of 200"), ("sub/parts.jsonl", 5, "write the new manifest there too")],
)
def test_what_cannot_be_is_refused(tmp_path, output, length, said):
    with pytest.raises(UserError, match=said):
        add_part_colours(write(tmp_path, 4), tmp_path / output, length=length)
