"""Prepared folders of pairs and of two sets: copies, halves, splits, and what gives way."""

from __future__ import annotations

import hashlib
import random

import numpy as np
import pytest
import soundfile
from PIL import Image

from condgen.data.image import read_rgb
from condgen.data.manifest import Manifest, Split
from condgen.data.pair_preparation import prepare_pairs, prepare_sets, split_items
from condgen.data.pairs import INPUT_TARGET, NOISY_CLEAN, Direction, Domain, Member, Pair, find_pairs, find_sets
from condgen.errors import UserError

TRAIN, VALIDATION, TEST = Split.TRAIN, Split.VALIDATION, Split.TEST


def pixels(seed, width=6, height=6):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def draw(path, seed, width=6, height=6):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(seed, width, height)).save(path)
    return path


def draw_pairs(root, count, first=0):
    for number in range(first, first + count):
        draw(root / f"input/{number}.png", number)
        draw(root / f"target/{number}.bmp", 1000 + number)
    return root


def rows(output, split):
    return Manifest.read(output / "manifest.jsonl").rows(split)


def prepare(source, output, **options):
    return prepare_pairs(find_pairs(source, INPUT_TARGET).items, output, fields=INPUT_TARGET, **options)


def test_pairs_are_copied_byte_for_byte_with_checksums_and_a_seeded_part_for_validation(tmp_path):
    source = draw_pairs(tmp_path / "in", 10)
    prepared = prepare(source, tmp_path / "out", fraction=0.2, seed=3)
    assert prepared.rows == {TRAIN: 8, VALIDATION: 2}
    assert str(prepared).endswith("manifest.jsonl: 8 train, 2 validation pairs, 0 pairs left out")
    chosen = {str(number) for number in random.Random(3).sample(range(10), 2)}
    for split in (TRAIN, VALIDATION):
        for row in rows(tmp_path / "out", split):
            stem = row.path("input").stem
            assert (stem in chosen) == (split == VALIDATION)
            for field, ending in (("input", "png"), ("target", "bmp")):
                assert row[field] == f"{split}/{field}/{stem}.{ending}"
                content = (source / f"{field}/{stem}.{ending}").read_bytes()
                assert row.path(field).read_bytes() == content
                assert row[f"{field}_sha256"] == hashlib.sha256(content).hexdigest()
    again = prepare(source, tmp_path / "again", fraction=0.2, seed=3)
    assert again.manifest.read_text() == prepared.manifest.read_text()


@pytest.mark.parametrize("direction", Direction)
def test_joined_pictures_are_cut_into_halves(tmp_path, direction):
    whole = pixels(0, 8, 4)
    for split, seed in (("train", 0), ("val", 1)):
        draw(tmp_path / f"in/{split}/1.png", seed, 8, 4)
    found = find_pairs(tmp_path / "in", INPUT_TARGET, direction)
    prepare_pairs(found.items, tmp_path / "out", fields=INPUT_TARGET)
    (row,) = rows(tmp_path / "out", TRAIN)
    assert (row["input"], row["target"]) == ("train/input/1.png", "train/target/1.png")
    halves = [read_rgb(row.path(field)) for field in ("input", "target")]
    left, right = halves if direction is Direction.LEFT_TO_RIGHT else halves[::-1]
    np.testing.assert_array_equal(left, whole[:, :4])
    np.testing.assert_array_equal(right, whole[:, 4:])
    assert row["target_sha256"] == hashlib.sha256(row.path("target").read_bytes()).hexdigest()
    assert len(rows(tmp_path / "out", VALIDATION)) == 1


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ([TRAIN, VALIDATION, TEST], [TRAIN, VALIDATION, TEST]),
        ([TRAIN, TEST, TEST], [TRAIN, VALIDATION, VALIDATION]),
        ([None, VALIDATION], [TRAIN, VALIDATION]),
    ],
)
def test_splits_that_are_there_are_used(tmp_path, given, made):
    pairs = [Pair(tmp_path, tmp_path, str(number), split) for number, split in enumerate(given)]
    assert [pair.split for pair in split_items(pairs, 0.5, 0)] == made


def test_a_random_part_is_at_least_one_and_never_all(tmp_path):
    pairs = [Pair(tmp_path, tmp_path, str(number), split) for number, split in enumerate([None, TRAIN, None])]
    splits = [pair.split for pair in split_items(pairs, 0.01, 0)]
    assert sorted(splits) == [TRAIN, TRAIN, VALIDATION]
    assert {pair.split for pair in split_items(pairs, 0, 0)} == {TRAIN}
    with pytest.raises(UserError, match="1 are too few to keep 1 of them for validation"):
        split_items(pairs[:1], 0.1, 0)
    with pytest.raises(UserError, match=r"fraction must lie in \[0, 1\)"):
        split_items(pairs, 1, 0)


def test_training_gives_way_to_validation_and_validation_to_test(tmp_path):
    source = tmp_path / "in"
    for split, names in (("train", "abcd"), ("val", "ef"), ("test", "g")):
        for name in names:
            draw(source / f"{split}/input/{name}.png", ord(name))
            draw(source / f"{split}/target/{name}.png", 1000 + ord(name))
    Image.fromarray(pixels(ord("e"))).save(source / "train/input/a.bmp")  # the same picture in another file
    (source / "train/input/a.png").unlink()
    draw(source / "train/target/b.png", 1000 + ord("g"))
    draw(source / "val/target/f.png", 1000 + ord("g"))
    draw(source / "train/target/c.png", ord("e"))  # there an input, here a target
    prepared = prepare(source, tmp_path / "out")
    assert prepared.rows == {TRAIN: 2, VALIDATION: 1, TEST: 1}
    assert [row.path("input").stem for row in rows(tmp_path / "out", TRAIN)] == ["c", "d"]
    assert sorted(line.replace(f"{source}/", "") for line in prepared.left_out) == [
        "train/input/a.bmp: holds the same as val/input/e.png of validation",
        "train/input/b.png: holds the same as test/input/g.png of test",
        "val/input/f.png: holds the same as test/input/g.png of test",
    ]


def test_equal_pictures_side_by_side_give_way_too(tmp_path):
    for split, seed in (("train", 0), ("train", 1), ("val", 1)):
        draw(tmp_path / f"in/{split}/{seed}.png", seed, 8, 4)
    prepared = prepare(tmp_path / "in", tmp_path / "out")
    assert prepared.rows == {TRAIN: 1, VALIDATION: 1}
    assert len(prepared.left_out) == 1


def test_what_cannot_be_decoded_is_left_out_with_a_line(tmp_path):
    source = draw_pairs(tmp_path / "in", 4)
    (source / "target/2.bmp").write_bytes(b"no picture")
    prepared = prepare(source, tmp_path / "out")
    assert sum(prepared.rows.values()) == 3
    assert len(prepared.left_out) == 1
    assert prepared.left_out[0].startswith(f"{source}/target/2.bmp: is no image")


def test_nothing_is_written_where_nothing_is_left(tmp_path):
    source = tmp_path / "in"
    for split in ("train", "val"):
        draw(source / f"{split}/input/{split}.png", 0)
        draw(source / f"{split}/target/{split}.png", 1)
    with pytest.raises(UserError, match=r"no pairs are left for train: .*train\.png: holds the same as") as caught:
        prepare(source, tmp_path / "out")
    assert "\n" not in str(caught.value)
    (source / "train/input/train.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"no pairs for training: .*is no image"):
        prepare(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_output_that_holds_the_source_or_is_a_file_is_refused(tmp_path):
    source = draw_pairs(tmp_path / "in/train", 3)
    before = (source / "input/0.png").read_bytes()
    with pytest.raises(UserError, match="choose another output folder"):
        prepare(source, tmp_path / "in")
    assert (source / "input/0.png").read_bytes() == before
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        prepare(source, tmp_path / "file")


def test_names_that_meet_stay_apart(tmp_path):
    one, other = draw_pairs(tmp_path / "one", 2), draw_pairs(tmp_path / "other", 2, first=7)
    pairs = [
        Pair(folder / f"input/{number}.png", folder / f"target/{number}.bmp", "same")
        for folder, first in ((one, 0), (other, 7))
        for number in (first, first + 1)
    ]
    prepare_pairs(pairs, tmp_path / "out", fields=INPUT_TARGET, fraction=0)
    names = [row["input"] for row in rows(tmp_path / "out", TRAIN)]
    assert names == [f"train/input/same{ending}.png" for ending in ("", "-2", "-3", "-4")]


def test_two_sets_are_split_each_for_itself(tmp_path):
    for domain, count in (("trainA", 10), ("trainB", 4)):
        for number in range(count):
            draw(tmp_path / f"in/{domain}/{number}.jpg", 100 * len(domain) + 50 * (domain == "trainB") + number)
    for number in range(3):
        draw(tmp_path / f"in/testB/{number}.png", 900 + number)
    prepared = prepare_sets(find_sets([tmp_path / "in"]).items, tmp_path / "out", fraction=0.2)
    assert str(prepared).endswith("12 train, 5 validation pictures, 0 pictures left out")
    held_out = rows(tmp_path / "out", VALIDATION)
    assert [row["domain"] for row in held_out] == ["a", "a", "b", "b", "b"]
    row = held_out[-1]
    assert row.fields.keys() == {"split", "domain", "image", "sha256"}
    assert row["image"] == "validation/b/2.png"
    assert row["sha256"] == hashlib.sha256((tmp_path / "in/testB/2.png").read_bytes()).hexdigest()


def test_a_picture_of_one_domain_in_the_validation_of_the_other_gives_way(tmp_path):
    members = [
        Member(draw(tmp_path / f"{number}.png", seed), domain, str(number), split)
        for number, (seed, domain, split) in enumerate(
            [
                (0, Domain.A, TRAIN),
                (1, Domain.A, TRAIN),
                (2, Domain.A, VALIDATION),
                (3, Domain.B, TRAIN),
                (0, Domain.B, VALIDATION),
            ]
        )
    ]
    prepared = prepare_sets(members, tmp_path / "out")
    assert prepared.rows == {TRAIN: 2, VALIDATION: 2}
    assert prepared.left_out == (f"{tmp_path}/0.png: holds the same as {tmp_path}/4.png of validation",)


def test_sounds_are_copied(tmp_path):
    for number, name in enumerate(("x/p225_001", "x/p225_002", "y/one", "y/two")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / f"{name}.flac", np.random.default_rng(number).uniform(-0.1, 0.1, 800), 8000)
    pairs = [
        Pair(tmp_path / "x/p225_001.flac", tmp_path / "y/one.flac", "1"),
        Pair(tmp_path / "x/p225_002.flac", tmp_path / "y/two.flac", "2"),
    ]
    prepare_pairs(pairs, tmp_path / "pairs", fields=NOISY_CLEAN)
    assert rows(tmp_path / "pairs", TRAIN)[0].fields.keys() == {
        "split",
        "noisy",
        "clean",
        "noisy_sha256",
        "clean_sha256",
    }
