"""Scenes in two styles: seeded, unpaired, and with partners that show the same scene."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from condgen.data.check import Demands, check
from condgen.data.manifest import Manifest, Split
from condgen.data.media import Media
from condgen.data.synthetic_shapes import Shape
from condgen.data.synthetic_styles import (
    DOMAINS,
    GAP,
    GROUNDS,
    PALETTE,
    RADII,
    STROKE,
    Colour,
    DrawnShape,
    Style,
    draw_scene,
    draw_styles,
    random_scene,
)
from condgen.errors import UserError

OTHER = {Style.FILLED: Style.OUTLINED, Style.OUTLINED: Style.FILLED}
AREAS = {Shape.CIRCLE: np.pi, Shape.SQUARE: 4, Shape.TRIANGLE: 2}  # in squared radii


def scene_of(row):
    return [DrawnShape.from_fields(fields) for fields in row["shapes"]]


def pixels_of(path):
    return np.asarray(Image.open(path))


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.png")}


def coverage(shape, style, radius, size=256):
    """How much of each pixel one shape in the middle inks, in [0, 1]: (size, size)."""
    one = DrawnShape(shape, Colour.RED, 0.5, 0.5, radius)
    ground, colour = np.array(GROUNDS[style]), np.array(PALETTE[Colour.RED])
    drawn = draw_scene([one], style, size) - ground
    return (drawn @ (colour - ground)) / np.square(colour - ground).sum()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return draw_styles(tmp_path_factory.mktemp("styles"), train=4, validation=3, size=48, seed=1).manifest


def test_a_drawn_set_passes_the_check(drawn):
    manifest = Manifest.read(drawn)
    assert [row["domain"] for row in manifest.rows(Split.TRAIN)] == ["a"] * 4 + ["b"] * 4
    assert [row["domain"] for row in manifest.rows(Split.VALIDATION)] == ["a"] * 3 + ["b"] * 3
    both = [Split.TRAIN, Split.VALIDATION]
    assert check(manifest, Demands(fields={"image": Media.IMAGE}, minimum_sizes={Split.TRAIN: 48}, splits=both)) == []
    validation = Manifest(drawn, tuple(manifest.rows(Split.VALIDATION)))
    assert check(validation, Demands(fields={"image": Media.IMAGE, "partner": Media.IMAGE})) == []


def test_a_scene_is_in_one_domain_only(drawn):
    scenes = [tuple(scene_of(row)) for row in Manifest.read(drawn).all_rows]
    assert len(set(scenes)) == len(scenes) == 14


def test_the_rows_tell_what_the_pictures_and_their_partners_show(drawn):
    for row in Manifest.read(drawn).all_rows:
        scene, style = scene_of(row), DOMAINS[row["domain"]]
        np.testing.assert_array_equal(pixels_of(row.path("image")), draw_scene(scene, style, 48))
        assert ("partner" in row.fields) == (row.split == Split.VALIDATION)
        if row.split == Split.VALIDATION:
            np.testing.assert_array_equal(pixels_of(row.path("partner")), draw_scene(scene, OTHER[style], 48))


def test_a_picture_depends_on_seed_split_domain_and_number_alone(tmp_path, drawn):
    draw_styles(tmp_path / "again", train=4, validation=3, size=48, seed=1)
    assert (tmp_path / "again" / drawn.name).read_bytes() == drawn.read_bytes()
    assert files_of(tmp_path / "again") == files_of(drawn.parent)
    draw_styles(tmp_path / "more", train=5, validation=4, size=48, seed=1)
    assert files_of(drawn.parent).items() < files_of(tmp_path / "more").items()
    draw_styles(tmp_path / "other", train=4, validation=3, size=48, seed=2)
    assert not files_of(drawn.parent).items() & files_of(tmp_path / "other").items()


def test_shapes_of_a_scene_keep_apart_and_inside():
    scenes = [random_scene(np.random.default_rng((0, index))) for index in range(200)]
    assert {len(scene) for scene in scenes} == {1, 2, 3}
    for scene in scenes:
        for one in scene:
            assert RADII[0] <= one.radius <= RADII[1]
            assert 0 < one.x - one.radius < one.x + one.radius < 1
            assert 0 < one.y - one.radius < one.y + one.radius < 1
        for one, other in combinations(scene, 2):
            apart = max(abs(one.x - other.x), abs(one.y - other.y)) - one.radius - other.radius
            assert apart >= GAP - 1e-9
    assert {one.shape for scene in scenes for one in scene} == set(Shape)
    assert {one.colour for scene in scenes for one in scene} == set(Colour)


def test_colours_are_far_from_one_another_and_from_the_grounds():
    for one, other in combinations([*PALETTE.values(), *GROUNDS.values()], 2):
        assert np.linalg.norm(np.subtract(one, other)) > 120


@pytest.mark.parametrize("shape", Shape)
def test_a_filled_shape_has_its_area_about_its_middle(shape):
    inked = coverage(shape, Style.FILLED, 0.2)
    assert inked.mean() == pytest.approx(AREAS[shape] * 0.2**2, rel=0.02)
    rows, columns = np.nonzero(inked > 0.5)
    assert (columns.min() + columns.max() + 1) / 512 == pytest.approx(0.5, abs=0.005)
    assert (rows.min() + rows.max() + 1) / 512 == pytest.approx(0.5, abs=0.01)  # the tip of a triangle is thin


@pytest.mark.parametrize("shape", Shape)
def test_an_outline_is_the_rim_of_the_filled_shape(shape):
    outlined, filled = coverage(shape, Style.OUTLINED, 0.2), coverage(shape, Style.FILLED, 0.2)
    assert (outlined < filled + 0.01).all()
    assert outlined[128, 128] < 0.01
    assert filled[128, 128] > 0.99
    below = outlined[128:, 128].sum() / 256  # straight down to the lower rim
    assert below == pytest.approx(STROKE, rel=0.05)
    assert 64 * below >= 3
    slope = 5**0.5 / 2 if shape is Shape.TRIANGLE else 1  # its legs rise 2 in 1, so a level cut is longer
    assert outlined[128, :128].sum() / 256 == pytest.approx(slope * STROKE, rel=0.05)


@pytest.mark.parametrize("wrong", [{"train": 0}, {"validation": 0}, {"size": 16}])
def test_impossible_sets_are_refused(tmp_path, wrong):
    with pytest.raises(UserError, match="at least one scene"):
        draw_styles(tmp_path, **({"train": 1, "validation": 1, "size": 48, "seed": 0} | wrong))
    assert not any(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        draw_styles(tmp_path / "file", train=1, validation=1, size=48, seed=0)


def test_pairs_show_the_same_scenes_as_domain_a(drawn, tmp_path):
    pairs = Manifest.read(draw_styles(tmp_path, train=4, validation=3, size=48, seed=1, paired=True).manifest)
    unpaired = [row for row in Manifest.read(drawn).all_rows if row["domain"] == "a"]
    assert [row.split for row in pairs.all_rows] == [row.split for row in unpaired]
    for pair, row in zip(pairs.all_rows, unpaired, strict=True):
        assert (pixels_of(pair.path("input")) == pixels_of(row.path("image"))).all()
        assert (pixels_of(pair.path("target")) == draw_scene(scene_of(row), Style.OUTLINED, 48)).all()
    assert check(pairs, Demands(fields={"input": Media.IMAGE, "target": Media.IMAGE})) == []
