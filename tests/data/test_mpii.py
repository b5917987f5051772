"""MPII Human Pose in its published layout, a structure of Matlab."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import ExifTags, Image
from scipy.io import savemat

from condgen.data.mpii import HEAD, JOINTS, read_mpii, square
from condgen.errors import UserError


def cells(items):
    array = np.empty(len(items), object)
    array[:] = items
    return array


def joint(number, x, y, visible):
    return {"id": number, "x": x, "y": y, "is_visible": visible}


def person(x=50, y=40, scale=0.2, joints=(), head=(40, 10, 60, 30)):
    corners = dict(zip(("x1", "y1", "x2", "y2"), head, strict=True))
    points = {"annopoints": {"point": cells(joints)}} if joints else {}
    return {"objpos": {"x": x, "y": y}, "scale": scale, **corners, **points}


WHOLE = (joint(0, 60, 61, 1), joint(5, 45, 20, 0), joint(9, 50, 12, []), joint(15, 5, 5, 1))


def published(folder):
    """One who runs; two of whom each stands apart; a test picture without joints; a picture of nobody in particular."""
    folder.mkdir(exist_ok=True)
    for name in "abcd":
        Image.fromarray(np.zeros((80, 100, 3), np.uint8)).save(folder / f"{name}.jpg")
    people = [
        [person(90, 70, 0.1), person(joints=WHOLE)],
        [person(joints=WHOLE), person()],
        [person()],
        [person(joints=WHOLE)],
    ]
    annolist = cells(
        [{"image": {"name": f"{name}.jpg"}, "annorect": cells(some)} for name, some in zip("abcd", people, strict=True)]
    )
    acts = cells([{"act_name": name, "cat_name": "sports"} for name in ("running", "tennis", "golf", "")])
    singles = cells([np.array([2]), np.array([1, 2]), np.array([1]), np.array([1])])
    release = {"annolist": annolist, "single_person": singles, "act": acts, "img_train": np.array([1, 1, 0, 1])}
    savemat(folder / "m.mat", {"RELEASE": release})
    return folder


def test_single_people_are_cut_out_with_the_joints_that_are_seen(tmp_path):
    folder = published(tmp_path)
    (runner,) = read_mpii(folder / "m.mat", folder, {"a": ("someone runs",)})
    side = math.ceil(0.2 * 200 * 1.1)
    assert side == 44
    assert runner.crop == (50 - 22, 40 - 22, 50 + 22, 40 + 22)
    assert (runner.captions, runner.category) == (("someone runs",), "running")
    assert runner.further == {"activities": "sports"}
    assert [*runner.keypoints] == [*JOINTS, HEAD]
    seen = {name: place for name, place in runner.keypoints.items() if place}
    # the left ankle is hidden; head top and left wrist lie outside of the square; the head is the rectangle's centre
    assert seen == {"right ankle": (60.0 - 28, 61.0 - 18), HEAD: (50.0 - 28, 20.0 - 18)}


def test_the_square_ends_where_the_picture_does():
    assert square(5, 70, 0.2, 100, 80) == (0, 48, 27, 80)
    assert square(50, 40, 2, 100, 80) == (0, 0, 100, 80)


def test_the_square_ends_where_a_turned_photo_does_as_displayed(tmp_path):
    folder, turned = published(tmp_path), Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    Image.new("RGB", (60, 80)).save(folder / "a.jpg", exif=turned)
    (runner,) = read_mpii(folder / "m.mat", folder, {})
    assert runner.crop == (28, 18, 72, 60)  # of 80x60 pixels


def test_a_missing_picture_is_left_to_whoever_copies_it(tmp_path):
    folder = published(tmp_path)
    (folder / "a.jpg").unlink()
    (runner,) = read_mpii(folder / "m.mat", folder, {})
    assert runner.path == folder / "a.jpg"
    assert runner.crop is None


def test_files_that_are_not_the_published_ones_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"there is no .*m\.mat"):
        read_mpii(tmp_path / "m.mat", tmp_path, {})
    (tmp_path / "m.mat").write_bytes(b"<html>")
    with pytest.raises(UserError, match="is not the published file"):
        read_mpii(tmp_path / "m.mat", tmp_path, {})
    savemat(tmp_path / "m.mat", {"RELEASE": {"act": [1, 2]}})
    with pytest.raises(UserError, match="is not the published file"):
        read_mpii(tmp_path / "m.mat", tmp_path, {})
