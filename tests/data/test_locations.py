"""Boxes and keypoints under crops and mirroring, against places worked out by hand."""

from pathlib import Path

import numpy as np
import pytest

from condgen.data.locations import (
    MINIMUM_EXTENT,
    WHOLE,
    Location,
    Window,
    box_of,
    keypoint_names,
    keypoints_of,
    location_of,
    mirrored_pairs,
)
from condgen.data.manifest import Manifest, Row
from condgen.errors import UserError

NO_KEYPOINTS = np.zeros((0, 3))
BIRD = [
    *("back", "beak", "belly", "breast", "crown", "forehead", "left eye", "left leg", "left wing"),
    *("nape", "right eye", "right leg", "right wing", "tail", "throat"),
]


def row(**fields):
    return Row(fields, Path("m.jsonl"), 7)


def boxed(*box):
    return Location(np.array(box, float), NO_KEYPOINTS)


@pytest.mark.parametrize(
    ("box", "kept"),
    [  # the window is the middle half of the picture: 0.25 to 0.75
        ((0.3, 0.4, 0.2, 0.1), (0.1, 0.3, 0.4, 0.2)),  # inside: moved and enlarged twice
        ((0.0, 0.25, 0.5, 0.5), (0.0, 0.0, 0.5, 1.0)),  # cut at the left: the extent shrinks, too
        ((0.5, 0.5, 0.5, 0.5), (0.5, 0.5, 0.5, 0.5)),  # cut at the right and below
        ((0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 1.0, 1.0)),
        ((0.0, 0.5, 0.26, 0.1), (0.0, 0.5, MINIMUM_EXTENT, 0.2)),  # 0.02 of it left: widened, inside
        ((0.499, 0.5, 0.002, 0.1), (0.5 - MINIMUM_EXTENT / 2, 0.5, MINIMUM_EXTENT, 0.2)),  # about its middle
        ((0.8, 0.25, 0.1, 0.25), (1 - MINIMUM_EXTENT, 0.0, MINIMUM_EXTENT, 0.5)),  # nothing left: at the border
    ],
)
def test_a_box_is_cut_to_the_window(box, kept):
    cropped = boxed(*box).cropped(Window(0.25, 0.25, 0.5, 0.5)).box
    np.testing.assert_allclose(cropped, kept, atol=1e-12)


@pytest.mark.parametrize(
    ("box", "seen"),
    [((0.7, 0.7, 0.2, 0.2), True), ((0.75, 0.3, 0.2, 0.2), False), ((0.3, 0.0, 0.2, 0.25), False), (WHOLE, True)],
)
def test_what_a_window_shows(box, seen):
    assert boxed(*box).seen_in(Window(0.25, 0.25, 0.5, 0.5)) is seen


def test_keypoints_outside_of_the_window_are_not_visible():
    keypoints = np.array([[0.5, 0.3, 1], [0.2, 0.5, 1], [0.5, 0.8, 1], [0.75, 0.25, 1], [0, 0, 0]])
    cropped = Location(WHOLE, keypoints).cropped(Window(0.25, 0.25, 0.5, 0.5)).keypoints
    np.testing.assert_allclose(cropped, [[0.5, 0.1, 1], [0, 0, 0], [0, 0, 0], [1, 0, 1], [0, 0, 0]], atol=1e-12)


def test_mirroring_swaps_left_and_right():
    names = ["beak", "left eye", "right eye"]
    location = Location(np.array([0.1, 0.2, 0.3, 0.4]), np.array([[0.5, 0.1, 1], [0.25, 0.2, 1], [0, 0, 0]]))
    mirrored = location.mirrored(mirrored_pairs(names))
    np.testing.assert_allclose(mirrored.box, [0.6, 0.2, 0.3, 0.4])
    np.testing.assert_allclose(mirrored.keypoints, [[0.5, 0.1, 1], [0, 0, 0], [0.75, 0.2, 1]])
    back = mirrored.mirrored(mirrored_pairs(names))
    np.testing.assert_allclose(back.box, location.box)
    np.testing.assert_allclose(back.keypoints, location.keypoints)


def test_pairs_are_found_by_the_words_left_and_right():
    assert mirrored_pairs(BIRD) == [(6, 10), (7, 11), (8, 12)]
    assert mirrored_pairs(["right_knee", "Left_Knee", "bright spot", "bleft spot", "left ear", "top"]) == [(0, 1)]
    assert mirrored_pairs(["left", "right", "right corner, upper", "left corner, upper"]) == [(0, 1), (2, 3)]
    assert mirrored_pairs([]) == []


def test_a_row_in_fractions():
    fields = {"box": [-10, 10, 60, 20.5], "keypoints": {"tail": None, "beak": [20, 41], "eye": [101, 1]}}
    location = location_of(row(**fields), (100, 50), names=["beak", "tail", "eye"], with_box=True)
    np.testing.assert_allclose(location.box, [-0.1, 0.2, 0.6, 0.41])
    np.testing.assert_allclose(location.keypoints, [[0.2, 0.82, 1], [0, 0, 0], [1.01, 0.02, 1]])
    cut = location.cropped(Window(*WHOLE))
    np.testing.assert_allclose(cut.box, [0, 0.2, 0.5, 0.41])
    np.testing.assert_allclose(cut.keypoints, [[0.2, 0.82, 1], [0, 0, 0], [0, 0, 0]])
    plain = location_of(row(), (100, 50), names=(), with_box=False)
    np.testing.assert_array_equal(plain.box, WHOLE)
    assert plain.keypoints.shape == (0, 3)


@pytest.mark.parametrize(
    "box", [[1, 2, 3], "1 2 3 4", [1, 2, 3, "4"], [1, 2, 3, True], [1, 2, 3, float("nan")], None, [1, 2, 0, 4]]
)
def test_what_is_no_box(box):
    with pytest.raises(UserError, match=r"m.jsonl:7: box .* (is not four numbers|has no extent); write \[x, y, width"):
        box_of(row(box=box))


@pytest.mark.parametrize("keypoints", [[[1, 2]], {"beak": [1]}, {"beak": 3}, {"beak": [1, 2, 1]}, {"beak": [1, "2"]}])
def test_what_are_no_keypoints(keypoints):
    with pytest.raises(UserError, match=r"m.jsonl:7: keypoint.*; write .*\[x, y\]"):
        keypoints_of(row(keypoints=keypoints))


def test_a_keypoint_that_the_row_does_not_state():
    with pytest.raises(UserError, match=r"m.jsonl:7: no keypoint 'tail'; write null"):
        location_of(row(keypoints={"beak": [1, 2]}), (9, 9), names=["beak", "tail"], with_box=False)


def test_the_schema_is_that_of_the_first_row_with_keypoints():
    rows = (row(image="a.png"), row(keypoints={"b": None, "a": [1, 2]}), row(keypoints={"c": None}))
    assert keypoint_names(Manifest(Path("m.jsonl"), rows)) == ("b", "a")
    assert keypoint_names(Manifest(Path("m.jsonl"), rows[:1])) == ()
