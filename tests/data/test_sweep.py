"""Places on their way: within the picture, as far as asked, points along with the rectangle around them."""

from __future__ import annotations

import numpy as np
import pytest

from condgen.data.draw_requests import Request
from condgen.data.sweep import START, Sweep, extent, legs
from condgen.errors import UserError

SMALLEST = 4 / 128


def boxes(box, sweep, steps=5):
    return [np.array([place.box for place in leg]) for leg in legs(Request("a bird", box), sweep, steps, SMALLEST)]


def test_a_box_moves_left_to_right_and_then_up_to_down():
    across, down = boxes((0.25, 0.375, 0.5, 0.25), Sweep.MOVE)
    np.testing.assert_allclose(across[:, 0], [0.0625, 0.15625, 0.25, 0.34375, 0.4375])
    assert (across[:, 1:] == (0.375, 0.5, 0.25)).all()
    np.testing.assert_allclose(down[:, 1], np.linspace(0.0625, 0.6875, 5))
    assert (down[:, [0, 2, 3]] == (0.25, 0.5, 0.25)).all()


def test_a_box_is_stretched_about_its_middle_as_far_as_the_picture_goes():
    wide, high = boxes((0.25, 0.125, 0.5, 0.25), Sweep.STRETCH)
    np.testing.assert_allclose(wide[:, 2], np.linspace(0.25, 1, 5))
    np.testing.assert_allclose(high[:, 3], np.linspace(0.125, 0.5, 5))
    for leg in (wide, high):
        np.testing.assert_allclose(leg[:, 0] + leg[:, 2] / 2, 0.5)
        np.testing.assert_allclose(leg[:, 1] + leg[:, 3] / 2, 0.25)
    assert high[-1, 1] == 0


def test_a_box_shrinks_about_its_middle_and_not_below_what_can_be_drawn():
    (small,) = boxes((0.1, 0.2, 0.8, 0.4), Sweep.SHRINK, steps=3)
    np.testing.assert_allclose(small, [(0.1, 0.2, 0.8, 0.4), (0.2, 0.25, 0.6, 0.3), (0.3, 0.3, 0.4, 0.2)])
    (smaller,) = boxes((0.1, 0.2, 0.8, 0.05), Sweep.SHRINK, steps=3)
    assert smaller[-1, 3] == pytest.approx(SMALLEST)


def test_keypoints_go_along_with_the_rectangle_around_them():
    points = {"top": (0.5, 0.25), "left": (0.25, 0.5), "right": (0.75, 0.75)}
    across, _ = legs(Request("a bird", None, points, 3), Sweep.MOVE, 3, SMALLEST)
    assert extent(across[0]) == pytest.approx((0.0625, 0.25, 0.5, 0.5))
    assert across[1].keypoints == {name: pytest.approx(point) for name, point in points.items()}
    assert across[2].keypoints["top"] == pytest.approx((0.6875, 0.25))
    assert {place.number for place in across} == {3}, "the noise stays"
    wide, _ = legs(Request("a bird", None, points), Sweep.STRETCH, 2, SMALLEST)
    assert wide[1].keypoints == {
        "top": pytest.approx((0.5, 0.25)),
        "left": pytest.approx((0.0, 0.5)),
        "right": pytest.approx((1.0, 0.75)),
    }


def test_one_keypoint_can_be_moved_and_nothing_else():
    one = Request("a bird", None, {"top": (0.5, 0.25)})
    across, down = legs(one, Sweep.MOVE, 2, SMALLEST)
    assert [place.keypoints["top"] for place in across] == [
        pytest.approx((0.0625, 0.25)),
        pytest.approx((0.9375, 0.25)),
    ]
    assert [place.keypoints["top"][1] for place in down] == pytest.approx([0.0625, 0.9375])
    for sweep in (Sweep.STRETCH, Sweep.SHRINK):
        with pytest.raises(UserError, match="give keypoints apart from one another"):
            legs(one, sweep, 2, SMALLEST)


def test_a_place_that_fills_the_picture_cannot_be_moved_and_no_place_at_all_neither():
    with pytest.raises(UserError, match="too large to move; leave more room"):
        boxes((0, 0, 1, 1), Sweep.MOVE)
    with pytest.raises(UserError, match="needs a place to start from"):
        legs(Request("a bird"), Sweep.MOVE, 5, SMALLEST)


@pytest.mark.parametrize("sweep", Sweep)
def test_every_sweep_can_begin_where_no_box_is_given_and_stays_inside(sweep):
    for leg in boxes(START[sweep], sweep, steps=9):
        assert (leg[:, :2] >= 0).all()
        assert (leg[:, :2] + leg[:, 2:] <= 1 + 1e-9).all()
        assert (leg[:, 2:] >= SMALLEST).all()
