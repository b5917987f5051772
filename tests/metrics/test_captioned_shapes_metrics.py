"""Captioned shapes read from pixels: right on true drawings, also disturbed ones, and never content with wrong ones."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from condgen.data.captioned_shapes import DrawnFigure, Ground, Pattern, draw, random_ground, random_request
from condgen.data.figures import NAMES, PLACES, Figure, coverage
from condgen.data.synthetic_styles import PALETTE, Colour
from condgen.metrics.captioned_shapes import LIKENESS, iou, look, obeys, valid

SIZE = 64
GREY = Ground(Pattern.PLAIN, (120, 0), (8, 0, -8), 0, 1, 0)
BOX = (0.2, 0.3, 0.5, 0.4)


def noisy(picture):
    noise = np.random.default_rng(0).normal(0, 8, picture.shape)
    return (picture + noise).clip(0, 255).astype(np.uint8)


def blurred(picture):
    return gaussian_filter(picture, (0.8, 0.8, 0))


def faded(picture):
    return (0.8 * picture + 25).astype(np.uint8)


def as_drawn(picture):
    return picture


def drawings(count, seed):
    for index in range(count):
        random = np.random.default_rng((seed, index))
        yield random_request(random), random_ground(random)


def keypoints_of(figure, box=BOX):
    """(K, 3) as a network would state them."""
    places = DrawnFigure(figure, Colour.RED, box).keypoints()
    return np.array([(*places[name], 1) if name in places else (0, 0, 0) for name in NAMES])


@pytest.mark.parametrize(
    ("disturbed", "size", "count"),
    [(as_drawn, 64, 200), (as_drawn, 128, 60), (noisy, 64, 120), (blurred, 64, 120), (faded, 64, 120)],
)
def test_the_ceiling_on_true_drawings(disturbed, size, count):
    read = [obeys(disturbed(draw(figure, ground, size)), figure) for figure, ground in drawings(count, size)]
    assert np.mean([one.colour for one in read]) >= 0.995
    assert np.mean([one.figure for one in read]) >= 0.995
    assert min(one.iou for one in read) >= 0.95
    assert np.median([one.keypoint_error for one in read]) < 1
    assert max(one.keypoint_error for one in read) < 3


@pytest.mark.parametrize("figure", Figure)
def test_what_is_seen_is_what_was_drawn(figure):
    true = DrawnFigure(figure, Colour.BLUE, BOX)
    seen = look(draw(true, GREY, 128))
    assert (seen.figure, seen.colour, seen.share) == (figure, Colour.BLUE, 1)
    assert seen.box == pytest.approx(BOX, abs=0.005)
    assert seen.extent == pytest.approx(BOX, abs=0.025)
    assert seen.likeness > 0.95
    assert seen.keypoints.keys() == PLACES[figure].keys()
    for name, place in true.keypoints().items():
        assert seen.keypoints[name] == pytest.approx(place, abs=0.02), name


@pytest.mark.parametrize("colour", Colour)
def test_colours_are_told_on_grounds_of_any_tint(colour):
    for tint in ((15, -15, -15), (-15, 15, -15), (-15, -15, 15), (15, 15, -15), (15, -15, 15), (-15, 15, 15)):
        true = DrawnFigure(Figure.ELLIPSE, colour, BOX)
        read = obeys(draw(true, replace(GREY, tint=tint), SIZE), true)
        assert read.colour
        assert read.iou > 0.98


def test_every_figure_is_told_from_every_other():
    for true, ground in drawings(30, 3):
        for figure in Figure:
            read = obeys(draw(replace(true, figure=figure), ground, SIZE), true)
            assert read.figure == (figure == true.figure)
            assert read.colour


def test_another_colour_place_or_stretch_is_seen_as_such():
    asked = DrawnFigure(Figure.RECTANGLE, Colour.RED, (0.2, 0.2, 0.4, 0.4))
    colour = obeys(draw(replace(asked, colour=Colour.MAGENTA), GREY, SIZE), asked)
    assert (colour.colour, colour.figure) == (False, True)
    assert colour.iou == pytest.approx(1, abs=0.03)
    moved = obeys(draw(replace(asked, box=(0.3, 0.2, 0.4, 0.4)), GREY, SIZE), asked)
    assert (moved.colour, moved.figure) == (True, True)
    assert moved.iou == pytest.approx(0.6, abs=0.02)  # 0.3 over 0.5
    assert moved.extent_iou == pytest.approx(0.6, abs=0.04)
    assert moved.keypoint_error == pytest.approx(6.4, abs=0.7)
    stretched = obeys(draw(replace(asked, box=(0.2, 0.2, 0.4, 0.6)), GREY, SIZE), asked)
    assert stretched.iou == pytest.approx(2 / 3, abs=0.02)
    assert stretched.distances["bottom left"] == pytest.approx(0.2 * SIZE, abs=0.7)
    assert stretched.distances["top left"] == pytest.approx(0, abs=0.7)


def test_nothing_is_seen_on_an_empty_ground():
    asked = DrawnFigure(Figure.STAR, Colour.GREEN, BOX)
    for _, ground in drawings(20, 4):
        empty = np.rint(ground.paint(SIZE)).astype(np.uint8)
        assert look(empty) is None
        read = obeys(empty, asked)
        assert (read.colour, read.figure, read.iou, read.extent_iou) == (False, False, 0, 0)
        assert read.keypoint_error == math.inf
    assert look(np.full((SIZE, SIZE, 3), PALETTE[Colour.RED], np.uint8)) is None


def test_a_second_object_lowers_the_share_and_the_larger_one_is_read():
    one = DrawnFigure(Figure.RECTANGLE, Colour.RED, (0.0625, 0.0625, 0.5, 0.5))
    two = coverage(Figure.RECTANGLE, (0.6875, 0.6875, 0.25, 0.25), SIZE)[..., None]
    picture = draw(one, GREY, SIZE)
    both = np.rint(picture * (1 - two) + two * PALETTE[Colour.BLUE]).astype(np.uint8)
    seen = look(both)
    assert (seen.figure, seen.colour) == (Figure.RECTANGLE, Colour.RED)
    assert seen.share == pytest.approx(0.8)  # 1/4 beside 1/16
    assert seen.box == pytest.approx(one.box, abs=0.01)


@pytest.mark.parametrize("kept", [slice(0, 32), slice(20, 44)])
def test_a_part_of_a_figure_is_not_the_figure(kept):
    star = DrawnFigure(Figure.STAR, Colour.YELLOW, (0.15, 0.15, 0.7, 0.7))
    picture = np.full((SIZE, SIZE, 3), 120, np.uint8)
    picture[kept] = draw(star, GREY, SIZE)[kept]
    assert not obeys(picture, star).figure


def test_a_ring_is_like_no_figure():
    hole = coverage(Figure.ELLIPSE, (0.3, 0.3, 0.4, 0.4), SIZE)[..., None]
    ring = draw(DrawnFigure(Figure.ELLIPSE, Colour.CYAN, (0.15, 0.15, 0.7, 0.7)), GREY, SIZE) * (1 - hole) + 120 * hole
    seen = look(np.rint(ring).astype(np.uint8))
    assert seen.figure is None
    assert seen.likeness < LIKENESS
    assert seen.colour is Colour.CYAN


@pytest.mark.parametrize("wrong", [np.zeros((8, 8, 3)), np.zeros((8, 9, 3), np.uint8), np.zeros((8, 8), np.uint8)])
def test_other_arrays_are_refused(wrong):
    with pytest.raises(ValueError, match="uint8"):
        look(wrong)


def test_intersection_over_union():
    assert iou((0, 0, 1, 1), (0, 0, 1, 1)) == 1
    assert iou((0, 0, 0.5, 0.5), (0.25, 0.25, 0.5, 0.5)) == pytest.approx(1 / 7)
    assert iou((0, 0, 0.5, 0.5), (0.5, 0.6, 0.5, 0.3)) == 0
    assert iou((0, 0, 0.2, 0.2), (0.5, 0.5, 0.2, 0.2)) == 0  # apart on both axes
    assert iou((0, 0, 1, 1), (0.25, 0.25, 0.5, 0.5)) == 0.25


@pytest.mark.parametrize("figure", Figure)
def test_keypoints_of_a_figure_are_valid_for_it_and_for_those_with_the_same_ones(figure):
    for other in Figure:
        assert valid(keypoints_of(figure), other) == (PLACES[figure].items() == PLACES[other].items())


@pytest.mark.parametrize("figure", Figure)
def test_keypoints_may_stray_by_the_tolerance_and_no_further(figure):
    keypoints = keypoints_of(figure)
    visible = np.nonzero(keypoints[:, 2])[0]
    jitter = np.random.default_rng(0).uniform(-0.02, 0.02, (len(visible), 2))
    near, far = keypoints.copy(), keypoints.copy()
    near[visible, :2] += jitter
    assert valid(near, figure)
    far[visible[1], :2] += 0.12
    assert not valid(far, figure)


def test_a_keypoint_too_few_or_too_many_is_invalid():
    few, many = keypoints_of(Figure.STAR), keypoints_of(Figure.STAR)
    few[NAMES.index("left")] = 0
    many[NAMES.index("bottom")] = (0.5, 0.7, 1)
    assert valid(keypoints_of(Figure.STAR), Figure.STAR)
    assert not valid(few, Figure.STAR)
    assert not valid(many, Figure.STAR)


@pytest.mark.parametrize("box", [(0.5, 0.5, 0, 0), (0.5, 0.2, 0.02, 0.4), (0.7, 0.3, -0.5, 0.4), (0.2, 0.7, 0.5, -0.4)])
def test_keypoints_in_one_place_on_a_line_or_upside_down_are_invalid(box):
    assert not valid(keypoints_of(Figure.TRIANGLE, box), Figure.TRIANGLE)


def test_keypoints_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="expected keypoints"):
        valid(np.zeros((5, 3)), Figure.STAR)
