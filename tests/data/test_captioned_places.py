"""Boxes and keypoints that some pictures lack, that are called otherwise there, or that lie outside."""

from __future__ import annotations

import pytest
from PIL import Image

from condgen.data.captioned_picture import CaptionedPicture
from condgen.data.captioned_places import place_findings


def pictures(folder, *places):
    """12 x 8 pixels each, in lines 2, 3, ... of a table."""
    made = []
    for line, place in enumerate(places, 2):
        path = folder / f"{line}.png"
        Image.new("RGB", (12, 8)).save(path)
        made.append(CaptionedPicture(path, path.stem, (f"number {line}",), line=line, **place))
    return made


def found(folder, *places):
    findings = place_findings(pictures(folder, *places))
    assert all(finding.is_error and finding.fix for finding in findings)
    assert all(finding.file == str(folder / f"{finding.line}.png") for finding in findings)
    return [(finding.line, finding.problem) for finding in findings]


BOX, TAIL = {"box": (1.0, 1.0, 5.0, 5.0)}, {"keypoints": {"tail": (1.0, 2.0)}}


def test_all_pictures_have_a_place_or_none(tmp_path):
    assert found(tmp_path, {}, {}) == found(tmp_path, BOX, BOX) == found(tmp_path, BOX | TAIL, BOX | TAIL) == []
    assert found(tmp_path, BOX, {}, BOX, {}) == [(3, "2 of 4 pictures have no box; this is the first")]
    assert found(tmp_path, {}, TAIL, TAIL) == [(2, "1 of 3 pictures have no keypoints; this is the first")]


def test_names_that_some_pictures_lack_are_errors_at_the_first_of_the_few(tmp_path):
    right, wrong = {"keypoints": {"beak": None, "tail": (1.0, 2.0)}}, {"keypoints": {"beek": None, "tail": (1.0, 2.0)}}
    assert found(tmp_path, right, right, right) == []
    assert found(tmp_path, right, right, wrong, wrong, right) == [
        (4, "keypoint 'beak' is in 3 of 5 pictures; this is the first without it"),
        (4, "keypoint 'beek' is in 2 of 5 pictures; this is the first with it"),
    ]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ({"box": (1.0, 1.0, 5.0, 0.0)}, "box [1.0, 1.0, 5.0, 0.0] has no extent"),
        ({"box": (20.0, 1.0, 5.0, 5.0)}, "box [20.0, 1.0, 5.0, 5.0] lies outside of the picture, 12x8"),
        ({"keypoints": {"tail": (1.0, 9.0)}}, "all keypoints lie outside of the picture, 12x8: 'tail' at [1.0, 9.0]"),
    ],
)
def test_what_cannot_be_learned_from_is_said_of_its_row(tmp_path, bad, problem):
    good = BOX if "box" in bad else TAIL
    assert found(tmp_path, good, bad) == [(3, problem)]
    made = pictures(tmp_path, good, {"box": (8.0, 4.0, 9.0, 9.0)} if "box" in bad else TAIL)
    made[0].path.write_bytes(b"no picture")  # said when it is decoded
    assert place_findings(made) == []  # a box may reach over the edge
