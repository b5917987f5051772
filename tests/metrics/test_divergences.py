"""Closed forms, and what each of the two distances sees of distributions that do not overlap."""

from __future__ import annotations

import math

import numpy as np
import pytest

from condgen.metrics.divergences import earth_movers_distance, jensen_shannon


def test_the_textbook_piles():
    # from left to right 2, 2 and 1 pieces of earth are moved on by one place each
    assert earth_movers_distance([3, 2, 1, 4], [1, 2, 4, 3]) == pytest.approx(5)


@pytest.mark.parametrize("theta", [-1.0, -0.25, 0.5, 3.0])
def test_on_disjoint_supports_one_is_constant_and_the_other_the_way(theta):
    here, there = [1, 0], [0, 1]
    assert jensen_shannon(here, there) == pytest.approx(math.log(2))
    assert earth_movers_distance(here, there, [0, theta]) == pytest.approx(abs(theta))


def test_equal_distributions_are_at_no_distance():
    masses = [0.2, 0.5, 0.3]
    assert jensen_shannon(masses, masses) == pytest.approx(0, abs=1e-12)
    assert earth_movers_distance(masses, masses) == pytest.approx(0, abs=1e-12)


def test_values_worked_out_by_hand():
    # P = (1/2, 1/2), Q = (1, 0), M = (3/4, 1/4)
    expected = (0.5 * math.log(2 / 3) + 0.5 * math.log(2) + math.log(4 / 3)) / 2
    assert jensen_shannon([0.5, 0.5], [1, 0]) == pytest.approx(expected)
    assert jensen_shannon([1, 1], [7, 0]) == pytest.approx(expected)  # divided by their totals
    assert earth_movers_distance([0.5, 0.5, 0], [0, 0.5, 0.5], [10, 0, 4]) == pytest.approx(0.5 * 6)


@pytest.mark.parametrize(
    ("first", "second", "places", "said"),
    [
        ([1, 2], [1, 2, 3], None, "same places"),
        ([[1, 2]], [[1, 2]], None, "on a line"),
        ([1, -1], [0, 0.5], None, "not negative"),
        ([0, 0], [0, 1], None, "some above 0"),
        ([1, np.nan], [0, 1], None, "finite"),
        ([1, 2], [1, 1], None, "same total mass"),
        ([1, 2], [2, 1], [0, 1, 2], "2 places"),
    ],
)
def test_what_are_no_masses_is_said(first, second, places, said):
    with pytest.raises(ValueError, match=said):
        earth_movers_distance(first, second, places)
