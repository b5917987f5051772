"""Oxford-102 flowers in their published layout."""

from __future__ import annotations

import pytest
from scipy.io import savemat

from condgen.data.oxford_flowers import read_flowers
from condgen.errors import UserError


def published(folder, labels):
    (folder / "jpg").mkdir(parents=True)
    for number in range(1, 4):
        (folder / f"jpg/image_{number:05}.jpg").write_bytes(b"a flower")
    savemat(folder / "imagelabels.mat", {"labels": [labels]})
    return folder


def test_flowers_have_the_classes_of_the_labels(tmp_path):
    folder = published(tmp_path, [77, 1, 102])
    for pictures in (folder, folder / "jpg"):
        flowers = read_flowers(pictures, folder / "imagelabels.mat", {"image_00002": ("a rose",)})
        assert [one.name for one in flowers] == [
            "class_00077/image_00001",
            "class_00001/image_00002",
            "class_00102/image_00003",
        ]
        assert [one.captions for one in flowers] == [(), ("a rose",), ()]
        assert flowers[0].path == folder / "jpg/image_00001.jpg"


@pytest.mark.parametrize(
    ("labels", "message"), [([1, 2], "has 2 labels, none for it"), ([1, 2, 103], "go from 1 to 102")]
)
def test_labels_that_do_not_fit_are_refused(tmp_path, labels, message):
    folder = published(tmp_path, labels)
    with pytest.raises(UserError, match=message):
        read_flowers(folder, folder / "imagelabels.mat", {})


def test_missing_and_damaged_files_are_one_line(tmp_path):
    folder = published(tmp_path, [1, 2, 3])
    with pytest.raises(UserError, match=r"has no image_00001\.jpg"):
        read_flowers(tmp_path / "none", folder / "imagelabels.mat", {})
    with pytest.raises(UserError, match=r"there is no .*other\.mat"):
        read_flowers(folder, folder / "other.mat", {})
    (folder / "imagelabels.mat").write_bytes(b"<html>")
    with pytest.raises(UserError, match=r"is not the published imagelabels\.mat"):
        read_flowers(folder, folder / "imagelabels.mat", {})
