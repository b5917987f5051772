"""CUB-200-2011 in its published layout."""

from __future__ import annotations

import pytest

from condgen.data.cub import read_cub, readable
from condgen.errors import UserError

FILES = {
    "images.txt": "1 001.Black_footed_Albatross/A_1.jpg\n2 002.Auk/B_2.jpg\n",
    "classes.txt": "1 001.Black_footed_Albatross\n2 002.Auk\n",
    "image_class_labels.txt": "1 1\n2 2\n",
    "bounding_boxes.txt": "1 60.0 27.0 325.0 304.5\n2 1.0 2.0 3.0 4.0\n",
    "parts/parts.txt": "1 back\n2 left eye\n",
    "parts/part_locs.txt": "1 1 10.0 20.5 1\n1 2 0.0 0.0 0\n2 1 5.0 6.0 1\n2 2 7.0 8.0 1\n",
}


def published(folder, **changes):
    for name, text in (FILES | changes).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_birds_have_class_box_parts_and_captions(tmp_path):
    first, second = read_cub(published(tmp_path), {"B_2": ("an auk",)})
    assert first.path == tmp_path / "images/001.Black_footed_Albatross/A_1.jpg"
    assert first.name == "001.Black_footed_Albatross/A_1"
    assert first.box == (60.0, 27.0, 325.0, 304.5)
    assert first.keypoints == {"back": (10.0, 20.5), "left eye": None}
    assert second.keypoints == {"back": (5.0, 6.0), "left eye": (7.0, 8.0)}
    assert (first.captions, second.captions) == ((), ("an auk",))
    assert (first.category, first.further) == ("001.Black_footed_Albatross", {"image_id": 1})
    assert readable(first.category) == "Black footed Albatross"


def test_the_archives_folder_may_be_one_further_down(tmp_path):
    published(tmp_path / "CUB_200_2011")
    (tmp_path / "attributes.txt").write_text("beside it, in the archive\n")
    assert len(read_cub(tmp_path, {})) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bounding_boxes.txt": "1 60.0 27.0 325.0\n"}, r"bounding_boxes\.txt:1: .* is not as published"),
        ({"bounding_boxes.txt": "1 60.0 27.0 325.0 304.5\n"}, "bird 2 lacks a class, a box or parts"),
        ({"image_class_labels.txt": "1 1\n2 3\n"}, "bird 2 lacks a class"),
        ({"parts/part_locs.txt": "1 9 10.0 20.5 1\n"}, "part 9 of bird 1 is not as published"),
    ],
)
def test_what_is_not_as_published_is_one_line(tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        read_cub(published(tmp_path, **changes), {})


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"there is no .*classes\.txt; give the folder"):
        read_cub(tmp_path, {})
