"""Sets of moving shapes: seeded whatever the number of processes, true to their rows, with combinations left unseen."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from PIL import Image

from condgen.data.manifest import Manifest, Split
from condgen.data.moving_shapes import PALETTE, Attributes, Colour, Direction, sentence
from condgen.data.moving_shapes_set import Drawing, Version, draw_moving_shapes
from condgen.errors import UserError

COUNTS = {"train": 12, "validation": 4, "test": 6}
SMALL = {"size": 32, "frames": 8}


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def frames_of(row, size=32):
    pixels = np.asarray(Image.open(row.path("clip")))
    return pixels.reshape(-1, size, size, 3)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return draw_moving_shapes(tmp_path_factory.mktemp("clips"), Drawing(seed=1, **SMALL), **COUNTS).manifest


def test_rows_tell_what_the_clips_show(drawn):
    manifest = Manifest.read(drawn)
    assert {split: len(manifest.rows(split)) for split in Split} == COUNTS
    for row in manifest.all_rows:
        clip = frames_of(row)
        assert clip.shape == (8, 32, 32, 3)
        assert row["sha256"] == hashlib.sha256(row.path("clip").read_bytes()).hexdigest()
        shown = Attributes.from_fields(row)
        assert row["captions"][0].lower() == sentence([shown]).lower()
        assert row["class"] == shown.name
        assert row["seen"] is True
        assert clip.max(axis=(0, 1, 2)).tolist() == list(PALETTE[shown.colour])
        assert np.median(clip) == 0
        south = (clip.sum(axis=(2, 3)) @ np.arange(32.0)) / clip.sum(axis=(1, 2, 3))
        goes = np.sign(round(south[-1] - south[0]))
        assert {Direction.SOUTH: 1, Direction.NORTH: -1}.get(shown.direction, goes) == goes
    assert {row["captions"][0][0] for row in manifest.all_rows} == {"A", "a"}


def test_a_clip_depends_on_seed_split_and_number_alone(tmp_path, drawn):
    more = draw_moving_shapes(tmp_path, Drawing(seed=1, **SMALL), train=14, validation=5, test=7, jobs=2).manifest
    clips, others = files_of(drawn.parent), files_of(more.parent)
    del clips[drawn.name]
    assert clips.items() < others.items()
    again = [row.fields for row in Manifest.read(more).all_rows]
    assert all(row.fields in again for row in Manifest.read(drawn).all_rows)


def test_other_seeds_draw_others_and_other_sizes_the_same(tmp_path, drawn):
    other = draw_moving_shapes(tmp_path / "other", Drawing(seed=2, **SMALL), **COUNTS).manifest
    large = draw_moving_shapes(tmp_path / "large", Drawing(seed=1, size=48), **COUNTS).manifest
    captions = [[row["captions"] for row in Manifest.read(path).all_rows] for path in (drawn, other, large)]
    assert captions[0] == captions[2] != captions[1]
    assert not files_of(drawn.parent).items() & files_of(other.parent).items()


def test_unseen_combinations_are_in_the_test_alone(tmp_path):
    drawing = Drawing(unseen=0.3, **SMALL)
    manifest = Manifest.read(draw_moving_shapes(tmp_path, drawing, train=40, validation=20, test=40).manifest)
    classes = {seen: {row["class"] for row in manifest.all_rows if row["seen"] is seen} for seen in (True, False)}
    assert classes[False].isdisjoint(classes[True])
    assert {row.split for row in manifest.all_rows if not row["seen"]} == {Split.TEST}
    assert 4 <= sum(not row["seen"] for row in manifest.rows(Split.TEST)) <= 22  # of 12


def test_version_2_has_a_grey_ground_that_moves(tmp_path):
    drawing = Drawing(version=Version.TEXTURED, **SMALL)
    for row in Manifest.read(draw_moving_shapes(tmp_path, drawing, **COUNTS).manifest).all_rows:
        clip = frames_of(row).astype(int)
        ground = np.ptp(clip, axis=3) == 0
        if row["colour"] != Colour.WHITE:
            assert 15 <= clip[ground].min() <= clip[ground].max() <= 135
        still = ground[0] & ground[-1]
        assert np.abs(clip[-1] - clip[0])[still].max() > 2


def test_textures_are_taken_from_a_folder(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    ramps = (np.arange(64) % 16 * 16).astype(np.uint8)
    Image.fromarray(np.tile(ramps, (64, 1))).save(photos / "ramps.png")
    drawing = Drawing(version=Version.TEXTURED, textures=photos, **SMALL)
    row = Manifest.read(draw_moving_shapes(tmp_path / "out", drawing, **COUNTS).manifest).all_rows[0]
    clip = frames_of(row).astype(int)
    assert np.median(np.abs(np.diff(clip[..., 1], axis=1))) == 0  # downwards
    assert np.median(np.abs(np.diff(clip[..., 1], axis=2))) > 0


def test_two_objects_are_described_one_after_the_other(tmp_path):
    drawing = Drawing(objects=2, unseen=0.1, **SMALL)
    for row in Manifest.read(draw_moving_shapes(tmp_path, drawing, **COUNTS).manifest).all_rows:
        shown = [Attributes.from_fields(row), Attributes.from_fields(row["second"])]
        assert row["captions"][0].lower() == sentence(shown).lower()
        assert row["class"] == " and ".join(sorted(one.name for one in shown))
        colours = {tuple(colour) for colour in frames_of(row).reshape(-1, 3).tolist()}
        assert {PALETTE[one.colour] for one in shown} <= colours


def test_the_published_layout_has_texts_and_labels_beside_the_videos(tmp_path):
    manifest = Manifest.read(draw_moving_shapes(tmp_path, Drawing(published_layout=True, **SMALL), **COUNTS).manifest)
    for row in manifest.all_rows:
        video = row.path("clip")
        assert video.relative_to(tmp_path).parts[:2] == (row["split"], "videos")
        text = (tmp_path / row["split"] / "text_annotations" / f"{video.stem}.txt").read_text()
        assert [text] == row["captions"]  # no line's end: it would become part of the last word
        label = (tmp_path / row["split"] / "labels" / f"{video.stem}.txt").read_text()
        assert tuple(map(int, label.split(","))) == Attributes.from_fields(row).label


@pytest.mark.parametrize("wrong", [{"size": 31}, {"frames": 7}, {"objects": 3}, {"textures": "photos"}])
def test_impossible_drawings_are_refused(wrong):
    with pytest.raises(UserError, match=r"drawing needs|takes no textures"):
        Drawing(**wrong)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file cannot be written"):
        draw_moving_shapes(tmp_path / "file", Drawing(**SMALL), **COUNTS)


@pytest.mark.parametrize("wrong", [{"train": 0}, {"test": 0}, {"jobs": 0}])
def test_impossible_counts_are_refused(tmp_path, wrong):
    with pytest.raises(UserError, match="drawing needs"):
        draw_moving_shapes(tmp_path, Drawing(), **(COUNTS | wrong))
    assert not any(tmp_path.iterdir())
