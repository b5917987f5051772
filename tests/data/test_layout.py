"""Layouts: the outline and the points lie where they were asked for, also at the picture's edges."""

from __future__ import annotations

import numpy as np
import pytest

from condgen.data.layout import GROUND, MARK, draw_layout, plain_layout


def marked(picture: np.ndarray) -> np.ndarray:
    """(H, W) bool: where the colour of marks is."""
    return (picture == np.array(MARK, np.uint8)).all(2)


def extent(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(mask)
    return columns.min(), rows.min(), columns.max(), rows.max()


def test_the_picture_is_enlarged_without_smoothing_and_grey_becomes_colour():
    picture = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64, 1)
    shown = draw_layout(picture, side=192)
    assert shown.shape == (192, 192, 3)
    np.testing.assert_array_equal(shown[::3, ::3], picture.repeat(3, axis=2))
    np.testing.assert_array_equal(shown[1::3, 2::3], picture.repeat(3, axis=2))
    assert draw_layout(np.zeros((128, 100, 3), np.uint8), side=96).shape == (128, 100, 3), "never reduced"


def test_the_outline_is_one_pixel_inside_of_the_box():
    shown = marked(plain_layout(64, box=(0.25, 0.5, 0.5, 0.25), side=64))
    assert extent(shown) == (17, 33, 46, 46)
    assert shown.sum() == 2 * 30 + 2 * 12
    assert not shown[34:46, 18:46].any(), "the box is not filled"


@pytest.mark.parametrize("box", [(0.0, 0.0, 1.0, 1.0), (0.0, 0.9, 0.04, 0.1), (0.96875, 0.96875, 0.03125, 0.03125)])
def test_boxes_at_the_edge_and_small_ones_are_seen(box):
    assert marked(plain_layout(64, box=box)).any()


def test_points_lie_at_their_place_and_invisible_ones_do_not():
    shown = marked(plain_layout(64, keypoints={"a": (0.25, 0.75), "b": None}, side=64, names=False))
    left, top, right, bottom = extent(shown)
    assert ((left + right) / 2, (top + bottom) / 2) == (16, 48)
    assert shown[48, 16]


def test_completed_points_are_hollow_and_never_hide_a_given_one():
    shown = marked(
        plain_layout(64, keypoints={"a": (0.25, 0.25)}, completed={"a": (0.9, 0.9), "b": (0.5, 0.5)}, names=False)
    )
    assert shown[96, 96]
    assert not shown[192, 192]
    assert shown[180:204, 180:204].any()
    assert not shown[320:, 320:].any()


@pytest.mark.parametrize("at", [(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.5, 1.0)])
def test_a_name_stays_inside_the_picture(at):
    """So many marked pixels as in the middle, where nothing is cut off."""
    whole = marked(plain_layout(64, keypoints={"left eye": (0.5, 0.5)})).sum()
    dot = marked(plain_layout(64, keypoints={"left eye": (0.5, 0.5)}, names=False)).sum()
    here = marked(plain_layout(64, keypoints={"left eye": at})).sum()
    here_dot = marked(plain_layout(64, keypoints={"left eye": at}, names=False)).sum()
    assert here - here_dot == pytest.approx(whole - dot, abs=12)


def test_names_of_near_points_do_not_cover_one_another():
    def letters(points):
        return (
            marked(plain_layout(64, keypoints=points)).sum()
            - marked(plain_layout(64, keypoints=points, names=False)).sum()
        )

    one, other = {"left eye": (0.5, 0.5)}, {"right eye": (0.53, 0.5)}
    assert letters(one | other) == pytest.approx(letters(one) + letters(other), abs=12)


def test_plain_ground():
    assert (plain_layout(64) == GROUND).all()
