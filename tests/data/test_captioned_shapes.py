"""Captioned shapes: seeded, true to their rows, with six pairs of colour and figure for the test alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from condgen.data.captioned_shapes import (
    CAPTIONS,
    HELD_OUT,
    LARGE,
    MARGIN,
    NOUNS,
    SIDES,
    SMALL,
    DrawnFigure,
    Ground,
    Pattern,
    draw,
    draw_captioned_shapes,
    random_ground,
    random_request,
)
from condgen.data.check import Demands, check
from condgen.data.figures import NAMES, PLACES, Figure, coverage
from condgen.data.manifest import Manifest, Split
from condgen.data.media import Media
from condgen.data.synthetic_styles import PALETTE, Colour
from condgen.errors import UserError

COUNTS = {"train": 40, "validation": 10, "test": 10}
TRIANGLE = DrawnFigure(Figure.TRIANGLE, Colour.RED, (0.25, 0.25, 0.5, 0.5))


def requests(count, **options):
    return [random_request(np.random.default_rng((0, index)), **options) for index in range(count)]


def grounds(count):
    return [random_ground(np.random.default_rng((1, index))) for index in range(count)]


def plain(lightness, tint=(0, 0, 0)):
    return Ground(Pattern.PLAIN, (lightness, 0), tint, 0, 1, 0)


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.png")}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return draw_captioned_shapes(tmp_path_factory.mktemp("shapes"), **COUNTS, size=48, seed=1).manifest


def test_a_drawn_set_passes_the_check(drawn):
    manifest = Manifest.read(drawn)
    assert {split: len(manifest.rows(split)) for split in Split} == COUNTS
    assert check(manifest, Demands(fields={"image": Media.IMAGE}, splits=list(Split))) == []


def test_rows_tell_what_the_pictures_show(drawn):
    for row in Manifest.read(drawn).all_rows:
        pixels = np.asarray(Image.open(row.path("image"))).astype(int)
        assert pixels.shape == (48, 48, 3)
        box = tuple(length / 48 for length in row["box"])
        whole = coverage(Figure(row["figure"]), box, 48) > 0.999
        assert abs(pixels[whole] - PALETTE[Colour(row["colour"])]).max() <= 1
        assert np.ptp(pixels, axis=2)[coverage(Figure.RECTANGLE, box, 48) < 0.001].max() <= 30
        assert row["class"] == row["label"] == f"{row['colour']} {row['figure']}"


def test_rows_have_all_keypoints_in_pixels_and_null_where_there_is_none(drawn):
    for row in Manifest.read(drawn).all_rows:
        x, y, width, height = row["box"]
        assert tuple(row["keypoints"]) == NAMES
        for name, place in row["keypoints"].items():
            if place is None:
                assert name not in PLACES[Figure(row["figure"])]
            else:
                right, down = PLACES[Figure(row["figure"])][name]
                assert place == pytest.approx((x + right * width, y + down * height), abs=0.002)


def test_a_picture_depends_on_seed_split_and_number_alone(tmp_path, drawn):
    draw_captioned_shapes(tmp_path / "again", **COUNTS, size=48, seed=1, jobs=2)
    assert (tmp_path / "again" / drawn.name).read_bytes() == drawn.read_bytes()
    assert files_of(tmp_path / "again") == files_of(drawn.parent)
    draw_captioned_shapes(tmp_path / "more", train=42, validation=11, test=12, size=48, seed=1)
    assert files_of(drawn.parent).items() < files_of(tmp_path / "more").items()
    draw_captioned_shapes(tmp_path / "other", **COUNTS, size=48, seed=2)
    assert not files_of(drawn.parent).items() & files_of(tmp_path / "other").items()
    draw_captioned_shapes(tmp_path / "large", **COUNTS, size=96, seed=1)
    one, other = (Manifest.read(path).all_rows for path in (drawn, tmp_path / "large" / drawn.name))
    assert all(a["captions"] == b["captions"] and a["class"] == b["class"] for a, b in zip(one, other, strict=True))


def test_six_pairs_are_in_the_test_alone_unless_all_are_asked_for(tmp_path):
    counts = {"train": 120, "validation": 120, "test": 120}
    some = Manifest.read(draw_captioned_shapes(tmp_path / "some", **counts, size=32, seed=0).manifest)
    pairs = {split: {(row["colour"], row["figure"]) for row in some.rows(split)} for split in Split}
    assert not (pairs[Split.TRAIN] | pairs[Split.VALIDATION]) & HELD_OUT
    assert pairs[Split.TEST] & HELD_OUT
    assert all(row["seen"] == ((row["colour"], row["figure"]) not in HELD_OUT) for row in some.all_rows)
    every = Manifest.read(
        draw_captioned_shapes(tmp_path / "all", **counts, size=32, seed=0, all_combinations=True).manifest
    )
    assert {(row["colour"], row["figure"]) for row in every.rows(Split.TRAIN)} & HELD_OUT
    assert all(row["seen"] for row in every.all_rows)


def test_held_out_pairs_have_each_colour_and_each_figure_once():
    assert {colour for colour, _ in HELD_OUT} == set(Colour)
    assert {figure for _, figure in HELD_OUT} == set(Figure)
    assert len(HELD_OUT) == 6
    assert {one.label for one in requests(600)} == {f"{colour} {figure}" for colour in Colour for figure in Figure}
    assert len({one.label for one in requests(600, held_out=False)}) == 30
    assert all(one.seen for one in requests(200, held_out=False))


def test_boxes_are_inside_and_not_too_narrow():
    for x, y, width, height in (one.box for one in requests(500)):
        assert SIDES[0] <= min(width, height) <= max(width, height) <= SIDES[1]
        assert max(width, height) <= 2.001 * min(width, height)
        assert min(x, y) >= MARGIN - 1e-4
        assert max(x + width, y + height) <= 1 - MARGIN + 2e-4


def test_captions_are_different_and_true():
    for index, one in enumerate(requests(300)):
        ground = grounds(300)[index] if index < 100 else None
        captions = one.captions(np.random.default_rng(index), ground)
        assert len(set(captions)) == CAPTIONS == len(captions)
        for caption in captions:
            words = caption.replace(",", "").split()
            assert one.colour in words
            assert not {*Colour} - {one.colour} & {*words}
            assert any(noun in caption for noun in NOUNS[one.figure])
            assert not any(f" {noun}" in caption for other in Figure if other != one.figure for noun in NOUNS[other])
            assert {"small", "large"} & {*words} <= {one.size}
            assert (" on a " in caption) <= (ground is not None and f" on a {ground.name} " in caption)
            assert " a a" not in caption.replace("an ", "a ")
            assert "  " not in caption


def test_sizes_and_grounds_are_said_only_where_they_are_clear():
    sizes = {0.3: "small", 0.39: "small", 0.45: "", 0.52: "", 0.55: "large"}
    for side, size in sizes.items():
        assert DrawnFigure(Figure.STAR, Colour.RED, (0.1, 0.1, side, side)).size == size
    assert SMALL < LARGE
    names = {40: "plain dark", 95: "plain", 120: "plain grey", 160: "plain", 200: "plain light"}
    assert {lightness: plain(lightness).name for lightness in names} == names
    captions = [sentence for seed in range(20) for sentence in TRIANGLE.captions(np.random.default_rng(seed), plain(9))]
    assert {"plain dark" in sentence for sentence in captions} == {True, False}


def test_a_drawing_is_the_mixture_of_colour_and_ground():
    picture = draw(TRIANGLE, plain(100, (5, 0, -5)), 64)
    assert picture[0, 0].tolist() == [105, 100, 95]
    assert picture[45, 32].tolist() == list(PALETTE[Colour.RED])
    share = coverage(Figure.TRIANGLE, TRIANGLE.box, 64)
    np.testing.assert_allclose(picture[..., 0], 105 + share * (PALETTE[Colour.RED][0] - 105), atol=0.5)


def test_grounds_are_hardly_saturated_and_textures_are_seen():
    for ground in grounds(60):
        painted = ground.paint(48)
        assert np.ptp(painted, axis=2).max() <= 30
        assert 0 <= painted.min() <= painted.max() <= 255
        assert np.ptp(painted[..., 0]) > 25 if ground.pattern is not Pattern.PLAIN else np.ptp(painted[..., 0]) == 0
    assert {ground.pattern for ground in grounds(60)} == set(Pattern)


def test_stripes_have_their_period_and_angle():
    painted = Ground(Pattern.STRIPED, (50, 150), (0, 0, 0), 0, 0.25, 0).paint(64)[..., 0]
    assert (painted == painted[0]).all()  # across x, at angle 0
    edges = np.nonzero(np.diff(painted[0]))[0]
    assert {after - before for before, after in pairwise(edges)} == {8}


@pytest.mark.parametrize("wrong", [{"train": 0}, {"test": 0}, {"size": 16}, {"jobs": 0}])
def test_impossible_sets_are_refused(tmp_path, wrong):
    with pytest.raises(UserError, match="drawing needs"):
        draw_captioned_shapes(tmp_path, **(COUNTS | {"size": 48, "seed": 0} | wrong))
    assert not any(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_one_line_from_other_processes_too(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        draw_captioned_shapes(tmp_path / "file", **COUNTS, size=48, seed=0, jobs=2)
