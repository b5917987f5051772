"""Scenes read from pixels: right on true drawings, also disturbed ones, and never content with wrong ones."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from condgen.data.synthetic_shapes import Shape
from condgen.data.synthetic_styles import GROUNDS, PALETTE, Colour, DrawnShape, Style, draw_scene, random_scene
from condgen.metrics.drawn_shapes import TOLERANCE, Kept, keeps, read_scene

SIZE = 64
SCENE = (
    DrawnShape(Shape.TRIANGLE, Colour.GREEN, 0.25, 0.25, 0.16),
    DrawnShape(Shape.SQUARE, Colour.RED, 0.7, 0.3, 0.15),
    DrawnShape(Shape.CIRCLE, Colour.BLUE, 0.5, 0.75, 0.18),
)


def noisy(picture):
    noise = np.random.default_rng(0).normal(0, 8, picture.shape)
    return (picture + noise).clip(0, 255).astype(np.uint8)


def blurred(picture):
    return gaussian_filter(picture, (0.8, 0.8, 0))


def compressed(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=60)
    return np.asarray(Image.open(file))


def all_at_once(picture):
    return noisy(blurred(compressed(picture)))


def changed(index, **fields):
    return [replace(one, **fields) if number == index else one for number, one in enumerate(SCENE)]


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("size", [64, 128])
def test_true_drawings_are_kept(style, size):
    scenes = [random_scene(np.random.default_rng((size, index))) for index in range(200)]
    assert all(all(keeps(draw_scene(scene, style, size), scene, style)) for scene in scenes)


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("disturbed", [noisy, blurred, compressed, all_at_once])
def test_small_disturbances_do_not_matter(style, disturbed):
    scenes = [random_scene(np.random.default_rng((1, index))) for index in range(100)]
    assert all(all(keeps(disturbed(draw_scene(scene, style, SIZE)), scene, style)) for scene in scenes)


@pytest.mark.parametrize("style", Style)
def test_what_is_found_is_what_was_drawn(style):
    found = read_scene(draw_scene(SCENE, style, 128), style)
    assert [(one.shape, one.colour, one.style) for one in found] == [(one.shape, one.colour, style) for one in SCENE]
    for one, true in zip(found, SCENE, strict=True):
        assert (one.x, one.y, one.radius) == pytest.approx((true.x, true.y, true.radius), abs=0.01)


WRONG = {
    "another kind": (changed(1, shape=Shape.CIRCLE), Kept(shape=False, colour=True, position=True)),
    "another size": (changed(2, radius=0.12), Kept(shape=False, colour=True, position=True)),
    "another colour": (changed(0, colour=Colour.YELLOW), Kept(shape=True, colour=False, position=True)),
    "another place": (changed(1, x=0.7 + 1.5 * TOLERANCE), Kept(shape=True, colour=True, position=False)),
    "one missing": (SCENE[:2], Kept(shape=False, colour=False, position=False)),
    "two exchanged": (
        changed(0, shape=Shape.SQUARE, colour=Colour.RED)[:1]
        + changed(1, shape=Shape.TRIANGLE, colour=Colour.GREEN)[1:],
        Kept(shape=False, colour=False, position=True),
    ),
}


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize(("scene", "expected"), WRONG.values(), ids=WRONG)
def test_wrong_pictures_are_refused(style, scene, expected):
    assert keeps(draw_scene(scene, style, SIZE), SCENE, style) == expected


@pytest.mark.parametrize("style", Style)
def test_every_kind_is_told_from_every_other(style):
    for index in range(60):
        (one, *_) = random_scene(np.random.default_rng((2, index)))
        for shape in Shape:
            picture = draw_scene([replace(one, shape=shape)], style, SIZE)
            assert keeps(picture, [one], style) == Kept(shape=shape == one.shape, colour=True, position=True)


@pytest.mark.parametrize("style", Style)
def test_an_additional_piece_is_refused_and_a_speck_is_not(style):
    picture = draw_scene(SCENE, style, SIZE).copy()
    picture[60:62, 5:7] = PALETTE[Colour.RED]
    assert all(keeps(picture, SCENE, style))
    picture[58:62, 5:9] = PALETTE[Colour.RED]
    assert not any(keeps(picture, SCENE, style))


def test_a_picture_that_was_not_translated_is_refused():
    for style, other in (Style, reversed(Style)):
        assert not any(keeps(draw_scene(SCENE, style, SIZE), SCENE, other))


def test_a_new_ground_without_the_new_style_is_refused():
    filled = draw_scene(SCENE, Style.FILLED, SIZE)
    light = np.linalg.norm(filled.astype(int) - GROUNDS[Style.FILLED], axis=2) < 50
    filled_on_dark = np.where(light[..., None], np.uint8(GROUNDS[Style.OUTLINED]), filled)
    assert keeps(filled_on_dark, SCENE, Style.OUTLINED) == Kept(shape=False, colour=True, position=True)


def test_a_broken_outline_is_no_shape():
    picture = draw_scene(SCENE[2:], Style.OUTLINED, SIZE).copy()
    picture[44:52, 28:36] = GROUNDS[
        Style.OUTLINED
    ]  # the lower end of the circle's box begins at 59.5, its side at 36.5
    picture[34:40, 28:36] = GROUNDS[Style.OUTLINED]
    assert [one.shape for one in read_scene(picture, Style.OUTLINED)] == [None]


def test_a_half_disc_is_no_shape():
    canvas = Image.new("RGB", (SIZE, SIZE), GROUNDS[Style.FILLED])
    ImageDraw.Draw(canvas).pieslice((10, 10, 50, 50), 0, 180, PALETTE[Colour.CYAN])
    (found,) = read_scene(np.asarray(canvas), Style.FILLED)
    assert found.shape is None
    assert found.colour == Colour.CYAN


def test_an_empty_ground_has_nothing():
    assert read_scene(draw_scene((), Style.FILLED, SIZE), Style.FILLED) == []
    assert not any(keeps(draw_scene((), Style.FILLED, SIZE), SCENE, Style.FILLED))


@pytest.mark.parametrize("wrong", [np.zeros((8, 8, 3)), np.zeros((8, 9, 3), np.uint8), np.zeros((8, 8), np.uint8)])
def test_other_arrays_are_refused(wrong):
    with pytest.raises(ValueError, match="uint8"):
        read_scene(wrong, Style.FILLED)
