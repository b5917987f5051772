"""Moving shapes read from pixels: right on true clips, also disturbed ones, and never content with wrong ones."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from condgen.data.moving_shapes import Attributes, Colour, Direction, Motion, MovingShape, Size, draw, random_path
from condgen.data.moving_shapes_set import Drawing, Version, random_clip
from condgen.data.synthetic_shapes import Shape
from condgen.metrics.moving_shapes import measure, watch

ASKED = Attributes(Shape.CIRCLE, Colour.RED, Size.SMALL, Motion.STRAIGHT, Direction.EAST)
TIME = np.linspace(0, 1, 16)
EVERYTHING = ("colour", "size", "shape", "motion", "direction", "together", "coherent")


def clip_along(x, y, attributes=ASKED, radius=5.5 / 64):
    """A clip of one shape whose middle is at x and y, pixels of 64, numbers or (16,)."""
    path = np.stack(np.broadcast_arrays(np.asarray(x, float), y, TIME)[:2], axis=1) / 64
    return draw([MovingShape(attributes, radius, path)], 64)


EAST = clip_along(16 + 30 * TIME, 32)


def disturbed(clip, number):
    blurred = gaussian_filter(clip.astype(np.float32), (0, 0.7, 0.7, 0))
    noise = np.random.default_rng(number).normal(0, 0.05 * 255, clip.shape)
    return np.rint((blurred + noise).clip(0, 255)).astype(np.uint8)


def as_drawn(clip, number):
    return clip


@pytest.mark.parametrize("change", [as_drawn, disturbed])
@pytest.mark.parametrize("version", Version)
def test_the_ceiling_on_true_clips(version, change):
    drawn = [random_clip(np.random.default_rng((7, number)), Drawing(version=version)) for number in range(24)]
    clips = np.stack([change(clip, number) for number, (clip, _) in enumerate(drawn)])
    shares = measure(clips, [asdict(shapes[0].attributes) for _, shapes in drawn])
    assert shares == {name: pytest.approx(1) for name in EVERYTHING}


@pytest.mark.parametrize("field", ["colour", "size", "shape", "motion", "direction"])
def test_another_value_is_seen_as_such_and_nothing_else(field):
    asked = asdict(ASKED)
    others = {"colour": Colour.YELLOW, "size": Size.LARGE, "shape": Shape.SQUARE, "direction": Direction.WEST}
    other = replace(ASKED, **{field: others.get(field, Motion.ZIGZAG)})
    radius = {Size.SMALL: 6, Size.LARGE: 9}[other.size] / 64
    path = random_path(other, radius, 16, np.random.default_rng(0))
    shares = measure(draw([MovingShape(other, radius, path)], 64)[None], [asked])
    assert shares == {name: 0 if name in (field, "together") else 1 for name in EVERYTHING}


@pytest.mark.parametrize("direction", Direction)
def test_a_line_of_some_slant_is_the_nearest_direction(direction):
    motion = Motion.DIAGONAL if len(direction) > 5 else Motion.STRAIGHT
    path = random_path(replace(ASKED, motion=motion, direction=direction), 0.3, 16, np.random.default_rng(0)) * 64
    turn = np.deg2rad(15)
    (x, y), middle = (path - path.mean(axis=0)).T, 32
    slanted = clip_along(middle + np.cos(turn) * x - np.sin(turn) * y, middle + np.sin(turn) * x + np.cos(turn) * y)
    seen = watch(slanted)
    assert (seen.motion, seen.direction) == (motion, direction)


def test_what_stands_still_or_staggers_has_no_motion():
    still = watch(clip_along(32, 32))
    assert (still.motion, still.direction, still.coherent) == (None, None, 1)
    random = np.random.default_rng(0)
    staggering = watch(clip_along(16 + 30 * TIME + random.normal(0, 4, 16), 32 + random.normal(0, 4, 16)))
    assert (staggering.motion, staggering.direction) == (None, Direction.EAST)


def test_a_bend_is_no_zigzag():
    seen = watch(clip_along(16 + 30 * TIME, 20 + 80 * (TIME - 0.5) ** 2))
    assert (seen.motion, seen.direction) == (None, Direction.EAST)


def test_frames_with_two_objects_or_none_or_a_blot_are_not_coherent():
    two = np.maximum(EAST, clip_along(20, 55, replace(ASKED, colour=Colour.BLUE), 3 / 64))
    assert watch(two).coherent == 0
    some = np.concatenate([EAST[:12], two[12:]])
    assert watch(some).coherent == 0.75
    assert watch(some).agrees(asdict(ASKED)) == dict.fromkeys(("colour", "size", "shape", "motion", "direction"), True)
    gone = EAST.copy()
    gone[3:7] = 0
    assert watch(gone).coherent == 0.75
    assert watch(clip_along(32, 32, radius=14 / 64)).coherent == 1
    assert watch(clip_along(32, 32, radius=16 / 64)).coherent == 0


def test_specks_are_passed_over():
    specked = EAST.copy()
    specked[:, 60:63, 2:5] = (0, 255, 0)  # nine pixels
    assert watch(specked) == watch(EAST)
    specked[:, 59:63, 2:5] = (0, 255, 0)
    assert watch(specked).coherent == 0


def test_what_is_like_none_of_the_shapes_has_none():
    bar = np.zeros((16, 64, 64, 3), np.uint8)
    bar[:, 20:24, 10:50] = (0, 0, 255)
    assert watch(bar).shape is None


def test_nothing_is_seen_on_an_empty_ground_and_counts_as_wrong():
    empty = np.full((16, 64, 64, 3), 90, np.uint8)
    assert watch(empty) is None
    row = asdict(ASKED)
    assert measure(np.stack([empty, EAST]), [row, row]) == dict.fromkeys(EVERYTHING, 0.5)


def test_other_arrays_are_refused():
    for wrong in (EAST.astype(float), EAST[0], EAST[:, :32], EAST[..., :1]):
        with pytest.raises(ValueError, match="expected a clip"):
            watch(wrong)
    with pytest.raises(ValueError, match="a row for each"):
        measure(EAST[None], [])
