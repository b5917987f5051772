"""Figures: areas and vertices that are known, and keypoints that lie on them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from condgen.data.figures import NAMES, PLACES, TIPS, Figure, contains, coverage

AREAS = {  # of the box
    Figure.ELLIPSE: math.pi / 4,
    Figure.RECTANGLE: 1,
    Figure.TRIANGLE: 1 / 2,
    Figure.DIAMOND: 1 / 2,
    Figure.CROSS: 5 / 9,
    # Ten triangles between the middle of a regular star, a tip and an inner corner, over the area of its box.
    Figure.STAR: (5 * math.sin(math.tau / 10) * (math.sin(math.tau / 20) / math.sin(3 * math.tau / 20)))
    / (2 * math.sin(math.tau / 5) * (1 + math.cos(math.tau / 10))),
}
BOX = (0.1, 0.3, 0.6, 0.4)


@pytest.mark.parametrize("figure", Figure)
def test_a_figure_fills_its_box_with_its_area(figure):
    covered = coverage(figure, BOX, 200)
    assert covered.mean() == pytest.approx(AREAS[figure] * 0.6 * 0.4, rel=0.01)
    rows, columns = np.nonzero(covered)
    assert (columns.min() / 200, (columns.max() + 1) / 200) == pytest.approx((0.1, 0.7), abs=0.0101)
    assert (rows.min() / 200, (rows.max() + 1) / 200) == pytest.approx((0.3, 0.7), abs=0.0101)


def test_pixels_are_covered_in_part():
    covered = coverage(Figure.RECTANGLE, (0.125, 0.25, 0.5, 0.5), 4)  # half of the first and of the third column
    np.testing.assert_allclose(covered[1:3], [[0.5, 1, 0.5, 0]] * 2)
    assert not covered[[0, 3]].any()


@pytest.mark.parametrize("figure", Figure)
def test_keypoints_lie_at_the_edge_and_the_centre_inside(figure):
    for name, place in PLACES[figure].items():
        inwards, outwards = (0.5 + scale * (np.array(place) - 0.5) for scale in (0.999, 1.001))
        assert contains(figure, *inwards), name
        assert contains(figure, *outwards) == (name == "centre"), name


@pytest.mark.parametrize("figure", Figure)
def test_a_figure_and_its_keypoints_are_their_own_mirror_image(figure):
    x, y = np.meshgrid(*[(np.arange(97) + 0.5) / 97] * 2)
    assert (contains(figure, x, y) == contains(figure, 1 - x, y)).all()
    sides = {"left": "right", "right": "left"}
    for name, (across, down) in PLACES[figure].items():
        other = " ".join(sides.get(word, word) for word in name.split())
        assert PLACES[figure][other] == pytest.approx((1 - across, down))


def test_the_tips_of_a_star_are_those_of_a_regular_one():
    assert set(PLACES[Figure.STAR]) <= set(NAMES)
    regular = TIPS * (2 * math.sin(math.tau / 5), 1 + math.cos(math.tau / 10))
    sides = np.linalg.norm(regular - np.roll(regular, 1, axis=0), axis=1)
    np.testing.assert_allclose(sides, 2 * math.sin(math.tau / 10))
