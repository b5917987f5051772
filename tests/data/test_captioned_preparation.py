"""Prepared folders of captioned pictures, and what is wrong with somebody's own ones."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from condgen.data.captioned_picture import CaptionedPicture
from condgen.data.captioned_preparation import prepare, prepare_captioned
from condgen.data.check import Demands, check
from condgen.data.image import read_rgb
from condgen.data.manifest import Manifest, Split
from condgen.data.media import Media
from condgen.errors import UserError


def draw(path, seed, width=12, height=8):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)).save(path)
    return path


def picture(path, seed, **known):
    return CaptionedPicture(draw(path, seed), path.stem, (f"number {seed}",), **known)


def own(folder, rows):
    """Pictures with a table captions.jsonl."""
    for number, row in enumerate(rows):
        draw(folder / row["image"], number)
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def rows(output, split):
    return Manifest.read(output / "manifest.jsonl").rows(split)


def prepared(source, output):
    return prepare(source, output, fraction=0.5, seed=0)


def test_rows_say_all_that_is_known_and_pass_the_check(tmp_path):
    one = picture(tmp_path / "a.png", 1, category="bird", box=(1.0, 2.0, 3.0, 4.5), split=Split.TRAIN)
    other = picture(tmp_path / "b.png", 2, keypoints={"tail": (5.0, 6.0), "beak": None}, split=Split.VALIDATION)
    made = prepare_captioned([one, other], tmp_path / "out")
    assert str(made).endswith("1 train, 1 validation pictures, 0 pictures left out")
    (row,) = rows(tmp_path / "out", Split.TRAIN)
    content = (tmp_path / "a.png").read_bytes()
    assert row.path("image").read_bytes() == content
    assert row.fields == {
        "split": "train",
        "image": "train/a.png",
        "sha256": hashlib.sha256(content).hexdigest(),
        "captions": ["number 1"],
        "class": "bird",
        "box": [1.0, 2.0, 3.0, 4.5],
        "keypoints": {"tail": None, "beak": None},
    }
    (row,) = rows(tmp_path / "out", Split.VALIDATION)
    assert row["keypoints"] == {"tail": [5.0, 6.0], "beak": None}
    findings = check(Manifest.read(tmp_path / "out/manifest.jsonl"), Demands(fields={"image": Media.IMAGE}))
    assert not [finding for finding in findings if finding.is_error]


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp"])
def test_a_part_of_a_picture_is_cut_out(tmp_path, suffix):
    some = [
        picture(tmp_path / f"{number}.{suffix}", number, crop=(2, 1, 7, 8), further={"number": number})
        for number in range(2)
    ]
    prepare_captioned(some, tmp_path / "out", fraction=0)
    row = rows(tmp_path / "out", Split.TRAIN)[0]
    assert row["image"] == f"train/0.{'png' if suffix == 'bmp' else suffix}"
    assert row["sha256"] == hashlib.sha256(row.path("image").read_bytes()).hexdigest()
    assert row["number"] == 0
    expected = read_rgb(some[0].path)[1:8, 2:7].astype(float)
    error = np.abs(read_rgb(row.path("image")) - expected)
    assert error.shape == (7, 5, 3)
    assert error.max() == 0 if suffix != "jpg" else error.mean() < 30


def test_training_gives_way_and_bad_files_are_left_out(tmp_path):
    some = [picture(tmp_path / f"{number}.png", number, split=Split.TRAIN) for number in range(3)]
    some.append(picture(tmp_path / "same.bmp", 0, split=Split.TEST))
    (tmp_path / "2.png").write_bytes(b"no picture")
    made = prepare_captioned(some, tmp_path / "out")
    assert made.rows == {Split.TRAIN: 1, Split.VALIDATION: 1}
    assert [line.partition(": ")[2].partition(" ")[0] for line in sorted(made.left_out)] == ["holds", "is"]


def test_somebodys_own_pictures_become_a_manifest(tmp_path):
    source = own(
        tmp_path / "in",
        [
            {"image": f"{n}.png", "caption": f"bird {n}", "keypoints": {"tail": [n, 1]}, "box": [0, 0, 3, 3]}
            for n in range(4)
        ],
    )
    assert prepared(source, tmp_path / "out") == []
    assert len(rows(tmp_path / "out", Split.TRAIN)) == len(rows(tmp_path / "out", Split.VALIDATION)) == 2
    assert [*rows(tmp_path / "out", Split.TRAIN)[0]["keypoints"]] == ["tail"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"caption": "  "}, "no caption"),
        ({"class": "bird"}, "3 of 4 pictures have no class; 0.png is the first"),
        ({"split": "val"}, "3 of 4 have no split that is known here; 0 is one"),
        ({"box": [1, 2]}, "box is not four numbers"),
    ],
)
def test_what_is_missing_is_a_finding_and_nothing_is_written(tmp_path, changes, problem):
    whole = {"keypoints": {"tail": [1, 2]}, "box": [0, 0, 3, 3]}
    lines = [{"image": f"{number}.png", "caption": f"bird {number}", **whole} for number in range(4)]
    lines[2] |= changes
    (finding,) = prepared(own(tmp_path / "in", lines), tmp_path / "out")
    assert finding.problem == problem
    assert finding.is_error
    assert not (tmp_path / "out").exists()
    if "has" not in problem and "of 4" not in problem:
        assert finding.line == 3


def test_places_are_judged_by_the_table_of_the_user(tmp_path):
    lines = ["image,caption,x,y,w,h", "0.png,bird 0,1,1,5,5", "1.png,bird 1,1,1,0,5", "2.png,bird 2,1,1,5,5"]
    for number in range(3):
        draw(tmp_path / f"in/{number}.png", number)
    (tmp_path / "in/captions.csv").write_text("\n".join(lines))
    (finding,) = prepared(tmp_path / "in", tmp_path / "out")
    assert (finding.line, finding.problem) == (3, "box [1.0, 1.0, 0.0, 5.0] has no extent")
    assert not (tmp_path / "out").exists()


def test_pictures_that_say_nothing_of_their_own_are_findings(tmp_path):
    def problems(name, *lines):
        return [one.problem for one in prepared(own(tmp_path / name, lines), tmp_path / "out")]

    a, b = {"image": "a.png", "caption": "one"}, {"image": "b.png", "caption": "two"}
    assert problems("same", a, b | {"caption": "one"}) == ["all pictures have the same captions"]
    assert problems("class", a | {"class": "x"}, b | {"class": "x"}) == ["all pictures are of the class x"]
    assert problems("one", a) == ["only one picture"]


def test_a_picture_without_a_text_file_and_a_bad_one_are_errors(tmp_path):
    for number in range(4):
        draw(tmp_path / f"in/{number}.png", number).with_suffix(".txt").write_text(f"bird {number}")
    (tmp_path / "in/3.txt").unlink()
    (finding,) = prepared(tmp_path / "in", tmp_path / "out")
    assert (finding.problem, finding.fix) == ("no caption", "put a file 3.txt beside it, a caption a line")
    (tmp_path / "in/3.txt").write_text("bird 3")
    (tmp_path / "in/3.png").write_bytes(b"no picture")
    (finding,) = prepared(tmp_path / "in", tmp_path / "out")
    assert (finding.file, finding.is_error) == (str(tmp_path / "in/3.png"), True)
    with pytest.raises(UserError, match="there is no folder or table"):
        prepared(tmp_path / "none", tmp_path / "out")
