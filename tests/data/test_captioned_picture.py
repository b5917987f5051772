"""Captions, boxes and keypoints as they come, and one schema for all."""

from __future__ import annotations

from pathlib import Path

import pytest

from condgen.data.captioned_picture import (
    CaptionedPicture,
    clean_captions,
    parsed_box,
    parsed_keypoints,
    read_captions,
    with_schema,
)
from condgen.errors import UserError


def picture(**known):
    return CaptionedPicture(Path("a.png"), "a", **known)


def test_captions_are_cleaned_and_keep_their_order():
    lines = ["  a  red\tbird ", "", "a blue bird", "a red bird", "   "]
    assert clean_captions(lines) == ("a red bird", "a blue bird")


def test_a_text_file_has_a_caption_a_line_and_must_be_utf_8(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffein Vögelchen\r\nzwei\n".encode())
    assert read_captions(path) == ("ein Vögelchen", "zwei")
    path.write_bytes("Vögelchen".encode("latin-1"))
    with pytest.raises(UserError, match=r"a\.txt: is no text in UTF-8; save it as UTF-8"):
        read_captions(path)


@pytest.mark.parametrize(
    "value", [None, [1, 2, 3], [1, 2, 3, "4"], [1, 2, 3, True], "1,2,3,4", [1, 2, 3, float("nan")]]
)
def test_what_is_no_box(value):
    with pytest.raises(ValueError, match="box is not four numbers"):
        parsed_box(value)


def test_keypoints_are_pairs_null_or_triples_of_which_the_last_says_whether_it_is_seen():
    given = {"beak": [1, 2.5], "tail": None, "left eye ": [3, 4, 1], "crown": [5, 6, 0], "nape": [7, 8, 2]}
    assert parsed_box([1, 2, 3, 4.5]) == (1.0, 2.0, 3.0, 4.5)
    assert parsed_keypoints(given) == {
        "beak": (1.0, 2.5),
        "tail": None,
        "left eye": (3.0, 4.0),
        "crown": None,
        "nape": (7.0, 8.0),
    }


@pytest.mark.parametrize("value", [{}, [1, 2], {"beak": [1]}, {"beak": "1,2"}, {"beak": [1, None]}])
def test_what_are_no_keypoints(value):
    with pytest.raises(ValueError, match="keypoint"):
        parsed_keypoints(value)


def test_all_get_the_same_keypoints_in_the_same_order():
    some = [picture(keypoints={"tail": (1.0, 2.0)}), picture(), picture(keypoints={"beak": None, "tail": (3.0, 4.0)})]
    first, second, third = (one.keypoints for one in with_schema(some))
    assert [*first] == [*second] == [*third] == ["tail", "beak"]
    assert (first, second) == ({"tail": (1.0, 2.0), "beak": None}, {"tail": None, "beak": None})
    assert third == {"tail": (3.0, 4.0), "beak": None}
    assert with_schema([picture()])[0].keypoints is None
