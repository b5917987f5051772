"""Moving shapes: 360 sentences, paths that do what the words say and stay inside, antialiased drawing."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from itertools import product

import numpy as np
import pytest

from condgen.data.moving_shapes import (
    ALL,
    AMPLITUDE,
    HEADINGS,
    MARGIN,
    RADII,
    TRAVELLED,
    Attributes,
    Colour,
    Direction,
    Motion,
    MovingShape,
    Size,
    coverage,
    draw,
    random_path,
    random_shapes,
    sentence,
    unseen_attributes,
)
from condgen.data.synthetic_shapes import Shape
from condgen.errors import UserError

RED = Attributes(Shape.CIRCLE, Colour.RED, Size.LARGE, Motion.STRAIGHT, Direction.EAST)
AREAS = {Shape.CIRCLE: np.pi, Shape.SQUARE: 4, Shape.TRIANGLE: 2}  # in squared radii


def paths(count=4, frames=16):
    """Of every combination of size, motion and direction."""
    for number, (one, _) in enumerate(product(ALL, range(count))):
        if one.shape is Shape.SQUARE and one.colour is Colour.RED:
            random = np.random.default_rng(number)
            radius = random.uniform(*RADII[one.size])
            yield one, radius, random_path(one, radius, frames, random)


def test_sentences_are_those_of_the_published_code():
    white = Attributes(Shape.SQUARE, Colour.WHITE, Size.SMALL, Motion.DIAGONAL, Direction.SOUTHWEST)
    blue = Attributes(Shape.TRIANGLE, Colour.BLUE, Size.SMALL, Motion.ZIGZAG, Direction.NORTH)
    assert sentence([RED]) == "A large red circle is moving in a straight line towards east"
    assert sentence([white], article="a") == (
        "a small white square is moving in a diagonal path in the southwest direction"
    )
    assert sentence([RED, blue]) == (
        "A large red circle is moving in a straight line towards east and "
        "a small blue triangle is moving in a zigzag path towards north"
    )


def test_there_are_360_sentences_of_at_most_16_words():
    sentences = {sentence([one]) for one in ALL}
    assert len(ALL) == len(sentences) == 360
    assert {len(one.split()) for one in sentences} == {12, 14}


def test_every_combination_has_its_own_five_integers_and_comes_back_from_its_words():
    assert RED.label == (0, 0, 1, 0, 2)
    assert len({one.label for one in ALL}) == 360
    assert Attributes.from_fields(asdict(RED)) == RED


@pytest.mark.parametrize("share", [0, 0.1, 0.3])
def test_any_two_words_that_go_together_are_still_seen_in_training(share):
    unseen = unseen_attributes(share, seed=3)
    assert len(unseen) == round(360 * share)
    assert unseen == unseen_attributes(share, seed=3)
    seen = [one for one in ALL if one not in unseen]
    assert {pair for one in seen for pair in one.pairs()} == {pair for one in ALL for pair in one.pairs()}


def test_other_seeds_keep_others_unseen():
    assert unseen_attributes(0.1, seed=0) != unseen_attributes(0.1, seed=1)


@pytest.mark.parametrize("share", [-0.1, 0.9, 1])
def test_a_share_that_cannot_stay_unseen_is_refused(share):
    with pytest.raises(UserError, match="combinations"):
        unseen_attributes(share, seed=0)


def test_paths_go_where_the_words_say():
    for one, _, path in paths():
        moved = path[-1] - path[0]
        along = np.array(HEADINGS[one.direction])
        assert TRAVELLED[0] <= moved @ along <= TRAVELLED[1]
        steps = np.diff(path, axis=0)
        np.testing.assert_allclose(steps @ along, moved @ along / 15)  # an even speed
        beside = path @ (-along[1], along[0])
        if one.motion is Motion.ZIGZAG:
            middle = (beside.max() + beside.min()) / 2
            assert AMPLITUDE[0] * 0.75 <= np.ptp(beside) / 2 <= AMPLITUDE[1]
            assert np.count_nonzero(np.diff(np.sign(beside - middle))) in (3, 4, 5)
        else:
            assert np.ptp(beside) < 1e-9


@pytest.mark.parametrize("frames", [8, 16, 40])
def test_shapes_stay_inside(frames):
    for _, radius, path in paths(2, frames):
        assert path.shape == (frames, 2)
        assert (path - radius).min() >= MARGIN - 1e-9
        assert (path + radius).max() <= 1 - MARGIN + 1e-9


def test_places_and_speeds_differ():
    some = [path for one, _, path in paths(20) if one.direction is Direction.EAST and one.motion is Motion.STRAIGHT]
    firsts = np.array([path[0] for path in some])
    assert firsts.std(axis=0).min() > 0.08
    assert np.std([path[-1, 0] - path[0, 0] for path in some]) > 0.05


@pytest.mark.parametrize("shape", Shape)
def test_coverage_has_the_area_and_the_place_of_the_shape(shape):
    path = np.array([[0.3, 0.4], [0.5123, 0.6071]])
    covered = coverage(shape, path, 0.15, 64)
    assert covered.shape == (2, 64, 64)
    np.testing.assert_allclose(covered.mean(axis=(1, 2)), AREAS[shape] * 0.15**2, rtol=0.01)
    below = 0.05 if shape is Shape.TRIANGLE else 0  # a third of the radius
    places = (np.arange(64) + 0.5) / 64
    x, y = (covered.sum(axis=axis) @ places / covered.sum(axis=(1, 2)) for axis in (1, 2))
    np.testing.assert_allclose(np.stack([x, y], 1), path + np.array([0, below]), atol=0.002)
    assert set(np.unique(covered * 16)) <= set(range(17))
    assert ((covered > 0) & (covered < 1)).any()


def test_coverage_is_cut_at_the_edge():
    covered = coverage(Shape.SQUARE, np.array([[0.0, 0.5], [2.0, 0.5]]), 0.125, 32)
    assert covered[0, 12:20, :4].min() == 1
    assert covered[0].sum() == 32
    assert covered[1].sum() == 0


def test_a_clip_mixes_colour_and_ground_and_the_later_shape_lies_above():
    path = np.full((2, 2), 0.5)
    below = MovingShape(RED, 0.25, path)
    yellow = replace(RED, shape=Shape.SQUARE, colour=Colour.YELLOW)
    above = MovingShape(yellow, 0.125, path)
    clip = draw([below, above], 64, np.full((2, 64, 64), 100.0))
    assert clip.shape == (2, 64, 64, 3)
    assert clip[0, 0, 0].tolist() == [100, 100, 100]
    assert clip[1, 32, 20].tolist() == [255, 0, 0]
    assert clip[1, 32, 32].tolist() == [255, 255, 0]
    share = coverage(Shape.CIRCLE, path, 0.25, 64)
    np.testing.assert_allclose(clip[0, 0:23, :, 0], (100 + share * 155)[0, 0:23], atol=0.5)
    assert draw([below], 64)[0, 0, 0].tolist() == [0, 0, 0]


def test_combinations_are_drawn_alike():
    counts = Counter(
        value
        for number in range(600)
        for value in random_shapes(np.random.default_rng(number), 1, 8, ALL)[0].attributes.name.split()
    )
    assert all(80 <= counts[value] <= 160 for value in Colour)
    assert all(140 <= counts[value] <= 260 for value in (*Shape, *Motion))


def test_two_shapes_differ_in_colour_and_mostly_never_meet():
    meet = 0
    for number in range(60):
        one, other = random_shapes(np.random.default_rng(number), 2, 16, ALL)
        assert one.attributes.colour is not other.attributes.colour
        apart = np.abs(one.path - other.path).max(axis=1).min() - one.radius - other.radius
        meet += apart <= 0
    assert meet <= 15
