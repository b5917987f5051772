"""Layouts of pairs and of two sets: what is found in them, and what is said about those that are not whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from condgen.data.findings import WHOLE_FILE
from condgen.data.manifest import Split
from condgen.data.pairs import (
    INPUT_TARGET,
    LOW_HIGH,
    NOISY_CLEAN,
    Direction,
    Domain,
    Member,
    Pair,
    find_pairs,
    find_sets,
)
from condgen.errors import UserError

TRAIN, VALIDATION, TEST = Split.TRAIN, Split.VALIDATION, Split.TEST


def put(root, *names):
    """Files whose contents nobody looks at."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def picture(path, size, orientation=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if orientation:
        exif[274] = orientation
    Image.new("RGB", size).save(path, exif=exif)


def errors(found):
    return [(Path(one.file).name, one.problem, one.fix) for one in found.findings if one.is_error]


@pytest.mark.parametrize(
    "names", ["input target", "Source Target", "A B", "a b", "low high", "LR HR", "noisy clean", "source clean"]
)
def test_two_folders_of_any_usual_names_make_pairs_by_stem(tmp_path, names):
    first, second = names.split()
    put(tmp_path, f"{first}/1.png", f"{first}/deep/2.jpg", f"{second}/1.JPG", f"{second}/deep/2.png", "notes.txt")
    put(tmp_path, f"{first}/.1.png", "__MACOSX/x.png")
    found = find_pairs(tmp_path, INPUT_TARGET)
    assert found.findings == ()
    assert found.items == (
        Pair(tmp_path / first / "1.png", tmp_path / second / "1.JPG", "1"),
        Pair(tmp_path / first / "deep/2.jpg", tmp_path / second / "deep/2.png", "deep/2"),
    )


@pytest.mark.parametrize("pattern", ["{split}/{side}/{name}", "{side}/{split}/{name}", "{split}{side}/{name}"])
def test_splits_lie_above_or_below_the_sides(tmp_path, pattern):
    for split, name in (("train", "1.wav"), ("val", "1.wav"), ("test", "2.wav")):
        for side in "AB":
            put(tmp_path / "wrapped/twice", pattern.format(split=split, side=side, name=name))
    found = find_pairs(tmp_path, NOISY_CLEAN)
    assert found.findings == ()
    assert sorted((pair.split, pair.name) for pair in found.items) == [(TEST, "2"), (TRAIN, "1"), (VALIDATION, "1")]
    assert all(pair.first.stem == pair.second.stem and pair.first != pair.second for pair in found.items)
    assert all("A" in str(pair.first.relative_to(tmp_path)) for pair in found.items)


def test_joined_pictures_are_twice_as_wide_as_high(tmp_path):
    for name in ("train/1.png", "train/sub/2.png", "val/1.png"):
        picture(tmp_path / name, (8, 4))
    picture(tmp_path / "test/turned.jpg", (4, 8), orientation=6)
    found = find_pairs(tmp_path, INPUT_TARGET, Direction.RIGHT_TO_LEFT)
    assert found.findings == ()
    turned, *rest = found.items
    assert turned == Pair(
        tmp_path / "test/turned.jpg", tmp_path / "test/turned.jpg", "turned", TEST, Direction.RIGHT_TO_LEFT
    )
    assert [(pair.name, pair.split) for pair in rest] == [("1", TRAIN), ("sub/2", TRAIN), ("1", VALIDATION)]


def test_one_joined_picture_of_another_shape_is_an_error_and_a_damaged_one_is_left_to_the_check(tmp_path):
    for name, size in (("1", (8, 4)), ("2", (8, 4)), ("odd", (9, 4))):
        picture(tmp_path / f"{name}.png", size)
    put(tmp_path, "damaged.png")
    found = find_pairs(tmp_path, INPUT_TARGET)
    assert [pair.name for pair in found.items] == ["1", "2", "damaged"]
    assert errors(found) == [
        (
            "odd.png",
            "9x4: pictures joined side by side are twice as wide as high",
            "join two squares, or use folders input and target",
        )
    ]


def test_a_direction_is_for_joined_pictures_alone(tmp_path):
    put(tmp_path, "A/1.png", "A/2.png", "B/1.png", "B/2.png")
    with pytest.raises(UserError, match=r"no pictures joined side by side.*call its sides input and target"):
        find_pairs(tmp_path, INPUT_TARGET, Direction.RIGHT_TO_LEFT)


def test_photos_without_partners_are_no_pairs(tmp_path):
    picture(tmp_path / "1.png", (8, 8))
    picture(tmp_path / "2.png", (4, 8))
    found = find_pairs(tmp_path, INPUT_TARGET)
    assert found.items == ()
    assert [problem for _, problem, _ in errors(found)] == ["no pair in a layout that is known here"]


@pytest.mark.parametrize(
    ("names", "file", "problem", "fix"),
    [
        (["A/1", "A/2", "A/3", "B/1", "B/2"], "A/3.png", "no partner in B", "put one called 3 there"),
        (["A/1", "A/2", "B/1", "B/2", "B/d/3"], "B/d/3.png", "no partner in A", "put one called d/3 there"),
        (
            ["train/A/1", "train/B/1", "val/A/2"],
            "val/A/2.png",
            "no partner in the other side of val/A",
            "take 2.png out",
        ),
        (
            ["A/1", "A/2", "B/3", "B/4"],
            "",
            "no file has the name of one on the other side, see A/1.png and B/3",
            "same",
        ),
        (["A/1", "A/2"], "", "a folder A, but none for the other side", "call it target, b, high, hr or clean"),
        (["A/1", "B/1"], "", "only one pair", "at least 2"),
        (["test/A/1", "test/B/1"], "", "no pair for training", "train"),
        (["A/1", "B/1", "low/1"], "", "several layouts at once: A and low are names of one side", "keep one pair"),
        (["A/1", "A/2", "B/1", "B/2", "AB/1"], "AB", "1 file on neither side, not used", "move them into"),
        (
            ["eval/A/1", "eval/B/1", "train/A/1", "train/B/1"],
            "eval/A",
            "eval is no split that is known",
            "call it train",
        ),
        (
            ["A/eval/1", "B/eval/1", "A/train/1", "B/train/1"],
            "",
            "1 of 2 have no split that is known here; eval/1 is the first",
            "call their split train",
        ),
    ],
)
def test_what_is_not_whole_is_an_error_with_its_fix(tmp_path, names, file, problem, fix):
    found = find_pairs(put(tmp_path / "data", *(f"{name}.png" for name in names)), INPUT_TARGET)
    matching = [
        one for one in found.findings if one.problem.startswith(problem) and fix in one.fix and one.file.endswith(file)
    ]
    assert len(matching) == 1, found.findings
    assert matching[0].is_error
    assert matching[0].line == WHOLE_FILE
    with pytest.raises(UserError, match=r"data has \d errors?; mend what the table names"):
        found.require_good(tmp_path / "data")


def test_two_files_of_one_stem_are_left_out_and_named(tmp_path, capsys):
    put(tmp_path, "A/1.png", "A/1.jpg", "A/2.png", "A/3.png", "B/1.png", "B/2.png", "B/3.png")
    found = find_pairs(tmp_path, INPUT_TARGET)
    assert [pair.name for pair in found.items] == ["2", "3"]
    assert errors(found) == [
        ("1.png", "has the name of A/1.jpg but for the ending", "keep one of the two, or rename it and its partner")
    ]
    with pytest.raises(UserError, match="has 1 error; "):
        found.require_good(tmp_path)
    assert "keep one of the two" in capsys.readouterr().err


def test_an_empty_side_is_named_with_the_endings_that_are_known(tmp_path):
    put(tmp_path, "noisy/1.wav", "clean/1.txt")
    ((file, problem, fix),) = errors(find_pairs(tmp_path, NOISY_CLEAN))[:1]
    assert (file, problem) == ("clean", "no audio files in it")
    assert ".flac" in fix


def test_a_table_names_files_from_anywhere(tmp_path):
    put(tmp_path, "else where/l.png", "else where/h.png", "data/x.png", "data/y.png")
    table = tmp_path / "data/pairs.csv"
    table.write_text(f"low, high, split, camera\nx.png,y.png,,one\n{tmp_path}/else where/l.png,../else where/h.png\n")
    found = find_pairs(table, LOW_HIGH)
    assert found.findings == ()
    assert [(pair.first.resolve().name, pair.second.resolve().name, pair.name) for pair in found.items] == [
        ("x.png", "y.png", "x"),
        ("l.png", "h.png", "l"),
    ]
    lines = [{"low": "x.png", "high": "y.png", "split": split} for split in ("train", "Val")]
    table = tmp_path / "data/pairs.jsonl"
    table.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert [pair.split for pair in find_pairs(table, LOW_HIGH).items] == [TRAIN, VALIDATION]


def test_rows_that_cannot_be_used_are_named_by_their_line(tmp_path):
    put(tmp_path, "x.png", "y.png")
    table = tmp_path / "t.csv"
    table.write_text("input,target,split\nx.png,y.png,train\nx.png,gone.png,train\n,y.png,train\nx.png,y.png,trian\n")
    found = find_pairs(table, INPUT_TARGET)
    assert [(one.line, one.file, one.problem) for one in found.findings if one.line] == [
        (3, "gone.png", "there is no such file"),
        (4, "", "no input"),
        (5, "", "split 'trian' is unknown"),
    ]
    assert all(one.fix for one in found.findings)
    table.write_text("image,target\nx.png,y.png\n")
    assert errors(find_pairs(table, INPUT_TARGET)) == [
        ("t.csv", "no column input; it has image, target", "call the columns input and target")
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.tsv", b"input\ttarget\n", "no table that ends in .csv or .jsonl"),
        ("t.csv", b"input,target\n\xff\xfe,\n", "cannot be read as CSV"),
        ("none", None, "there is no folder or table"),
    ],
)
def test_what_is_no_source_is_one_line(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        find_pairs(tmp_path / name, INPUT_TARGET)
    assert "\n" not in str(caught.value)


def test_sets_of_the_cyclegan_layout_with_a_note_on_what_else_lies_there(tmp_path):
    names = ["trainA/1.jpg", "trainA/2.jpg", "trainB/1.jpg", "trainB/9.jpg", "testA/3.jpg", "valB/4.jpg", "train/5.jpg"]
    found = find_sets([put(tmp_path, *names)])
    assert Member(tmp_path / "trainB/9.jpg", Domain.B, "9", TRAIN) in found.items
    assert {(one.domain, one.split, one.name) for one in found.items if one.split != TRAIN} == {
        (Domain.A, TEST, "3"),
        (Domain.B, VALIDATION, "4"),
    }
    assert len(found.items) == 6
    assert [(Path(one.file).name, one.problem, one.is_error) for one in found.findings] == [
        ("train", "1 file on neither side, not used", False)
    ]
    assert found.require_good(tmp_path) == found.items


def test_sets_in_two_folders_of_any_names(tmp_path):
    put(tmp_path, "summer/train/1.png", "summer/test/2.png", "winter/train/1.png", "winter/train/3.png", "extra/1.png")
    found = find_sets([tmp_path / "summer", tmp_path / "winter"])
    assert found.findings == ()
    placed = [(one.domain, one.split, one.name) for one in found.items]
    assert placed == [("a", TEST, "2"), ("a", TRAIN, "1"), ("b", TRAIN, "1"), ("b", TRAIN, "3")]
    assert errors(find_sets([tmp_path])) != []
    put(tmp_path / "two", "x/1.png", "x/2.png", "y/1.png", "y/2.png")
    guessed = find_sets([tmp_path / "two"])
    assert [(one.domain, one.name) for one in guessed.items] == [("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")]
    (note,) = guessed.findings
    assert (note.problem, note.is_error) == ("x is taken for domain a, y for b", False)


def test_validation_folders_leave_the_rest_to_training(tmp_path):
    put(tmp_path, "x/1.png", "y/1.png", "vx/2.png", "vy/2.png")
    found = find_sets([tmp_path / "x", tmp_path / "y"], validation=[tmp_path / "vx", tmp_path / "vy"])
    assert found.findings == ()
    assert sorted((one.split, one.path.parent.name) for one in found.items) == [
        (TRAIN, "x"),
        (TRAIN, "y"),
        (VALIDATION, "vx"),
        (VALIDATION, "vy"),
    ]


def test_what_a_set_lacks_is_said(tmp_path):
    put(tmp_path, "a/1.png", "a/2.png", "b/1.png", "empty/notes.txt")
    assert errors(find_sets([tmp_path])) == [
        (tmp_path.name, "only one file of domain b", "give at least 2: one is kept out of the training, to measure by")
    ]
    assert [problem for _, problem, _ in errors(find_sets([tmp_path / "a", tmp_path / "empty"]))] == [
        "no image files in it"
    ]
    with pytest.raises(UserError, match="there is no folder"):
        find_sets([tmp_path / "a", tmp_path / "gone"])


def test_sets_of_a_table(tmp_path):
    put(tmp_path, *(f"{number}.png" for number in range(4)))
    table = tmp_path / "sets.csv"
    table.write_text("image,domain\n0.png,a\n1.png,A\n2.png,b\n3.png,b\n3.png,c\n")
    found = find_sets([table])
    assert [(one.path.name, one.domain) for one in found.items] == [
        ("0.png", "a"),
        ("1.png", "a"),
        ("2.png", "b"),
        ("3.png", "b"),
    ]
    assert [(one.line, one.problem, one.fix) for one in found.findings] == [(6, "domain 'c'", "write a or b")]
