"""Prepared folders of captioned clips, and what is wrong with somebody's own ones."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from PIL import Image

from condgen.data.captioned_clip_preparation import prepare, prepare_clips
from condgen.data.captioned_clips import demands
from condgen.data.captioned_folders import find_captioned
from condgen.data.captioned_picture import CaptionedFile
from condgen.data.check import check
from condgen.data.manifest import Manifest, Split
from condgen.data.media import Media
from condgen.data.video import read_clip
from condgen.errors import UserError


def noise(seed, height, width):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def strip(path, seed, frames=4):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise(seed, 8 * frames, 8).save(path)
    return path


def frames_of(folder, seed, count=11):
    """12 pixels wide, 10 high: every frame of another grey, numbered without zeros in front."""
    folder.mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", (12, 10), (10 * number, seed, 0)).save(folder / f"{number}.png")
    return folder


def rows(output, split):
    return Manifest.read(output / "manifest.jsonl").rows(split)


def wanted(source, output, frames=4):
    return prepare(source, output, frames=frames, fraction=0.5, seed=0)


def problems(source, output):
    return [finding.problem for finding in wanted(source, output)]


def own(folder, *captions):
    for number, caption in enumerate(captions):
        strip(folder / f"{number}.png", number)
        if caption:
            (folder / f"{number}.txt").write_text(caption)
    return folder


def test_rows_say_all_that_is_known_and_pass_the_check(tmp_path):
    clips = [
        CaptionedFile(
            strip(tmp_path / f"{number}.PNG", number),
            f"walk/{number}",
            ("one", f"number {number}"),
            "walk",
            split=split,
            further={"actor": number},
        )
        for number, split in enumerate((Split.TRAIN, Split.TRAIN, Split.VALIDATION))
    ]
    clips[1] = CaptionedFile(clips[1].path, "jump", ("another",), "jump", split=Split.TRAIN)
    prepared = prepare_clips(clips, tmp_path / "out")
    assert str(prepared).endswith("2 train, 1 validation clips, 0 clips left out")
    row = rows(tmp_path / "out", Split.TRAIN)[0]
    content = clips[0].path.read_bytes()
    assert row.path("clip").read_bytes() == content
    assert row.fields == {
        "split": "train",
        "clip": "train/walk/0.png",
        "sha256": hashlib.sha256(content).hexdigest(),
        "captions": ["one", "number 0"],
        "class": "walk",
        "actor": 0,
    }
    findings = check(Manifest.read(tmp_path / "out/manifest.jsonl"), demands(frames=4))
    assert not [finding for finding in findings if finding.is_error]


def test_a_folder_of_frames_becomes_a_strip_of_squares(tmp_path):
    for name, seed in (("a", 0), ("b", 100)):
        frames_of(tmp_path / f"in/{name}", seed)
        (tmp_path / f"in/{name}.txt").write_text(f"clip {name}\n")
    assert wanted(tmp_path / "in", tmp_path / "out") == []
    (row,) = rows(tmp_path / "out", Split.TRAIN)
    name = row["captions"][0].removeprefix("clip ")
    assert row["clip"] == f"train/{name}.png"
    frames = read_clip(row.path("clip"), size=10, count=11)
    assert frames.shape == (11, 10, 10, 3)
    assert (frames[..., 0] == 10 * np.arange(11)[:, None, None]).all()  # frame 2 before frame 10
    assert (frames[..., 1] == (0 if name == "a" else 100)).all()


def test_large_frames_are_reduced(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"in/{name}").mkdir(parents=True)
        (tmp_path / f"in/{name}.txt").write_text(name)
        for number in range(2):
            Image.new("RGB", (300, 280), (number, ord(name), 0)).save(tmp_path / f"in/{name}/{number}.jpg")
    assert wanted(tmp_path / "in", tmp_path / "out", frames=2) == []
    (row,) = rows(tmp_path / "out", Split.TRAIN)
    with Image.open(row.path("clip")) as image:
        assert image.size == (256, 512)


def test_which_files_are_clips(tmp_path):
    for name in ("a.mp4", "deep/b.webm", "deep/thumbnail.jpg", "strip.png", "strip.txt", "val/c.gif"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(b"one")
    frames_of(tmp_path / "in/train/walk v1.5", 0, count=2)
    (tmp_path / "in/train/walk v1.5.txt").write_text("somebody walks")
    found = find_captioned(tmp_path / "in", media=Media.VIDEO)
    assert found.findings == ()
    assert {one.name: (one.split, one.captions) for one in found.items} == {
        "a": (None, ()),
        "deep/b": (None, ()),
        "deep/thumbnail": (None, ()),  # beside a clip, so no frame of one: without a caption
        "strip": (None, ("one",)),
        "c": (Split.VALIDATION, ()),
        "walk v1.5": (Split.TRAIN, ("somebody walks",)),
    }
    assert all(type(one) is CaptionedFile for one in found.items)


CSV = 'video,caption,label,box\n0.png,"red, small",x,1\n1.png,blue,y,2\nwalk,green,y,3\n'
JSONL = """\
{"clip": "0.png", "text": "red, small", "class": "x", "box": "1"}
{"clip": "1.png", "text": "blue", "class": "y", "box": "2"}
{"clip": "walk", "text": "green", "class": "y", "box": "3"}
"""


@pytest.mark.parametrize(("name", "text"), [("captions.csv", CSV), ("metadata.jsonl", JSONL)])
def test_a_table_of_files_and_folders(tmp_path, name, text):
    for number in range(2):
        strip(tmp_path / f"in/clips/{number}.png", number)
    frames_of(tmp_path / "in/clips/walk", 0, count=4)
    (tmp_path / "in" / name).write_text(text)
    assert wanted(tmp_path / "in", tmp_path / "out") == []
    written = [*rows(tmp_path / "out", Split.TRAIN), *rows(tmp_path / "out", Split.VALIDATION)]
    known = {row["captions"][0]: (row["class"], row["box"]) for row in written}  # a box is a picture's: kept as it is
    assert known == {"red, small": ("x", "1"), "blue": ("y", "2"), "green": ("y", "3")}
    assert {row["clip"].partition("/")[2] for row in written} == {"0.png", "1.png", "walk.png"}


def test_what_is_missing_is_a_finding_and_nothing_is_written(tmp_path):
    out = tmp_path / "out"
    (finding,) = wanted(own(tmp_path / "without", "one", "two", ""), out)
    assert (finding.problem, finding.fix) == ("no caption", "put a file 2.txt beside it, a caption a line")
    assert problems(own(tmp_path / "same", "one", "one"), out) == ["all clips have the same captions"]
    assert problems(own(tmp_path / "bare", "", ""), out) == ["no caption"] * 2
    assert problems(own(tmp_path / "single", "one"), out) == ["only one clip"]
    (tmp_path / "empty").mkdir()
    assert "no video files" in problems(tmp_path / "empty", out)[0]
    table = own(tmp_path / "table", "one", "two") / "captions.csv"
    table.write_text("clip,caption\n0.png,one\n7.png,two\n1.png,three\n")
    (finding,) = wanted(tmp_path / "table", out)
    assert (finding.line, finding.problem) == (3, "there is no such file")
    table.write_text("image,caption\n0.png,one\n")
    assert problems(tmp_path / "table", out) == ["no column clip; it has image, caption"]
    assert not out.exists()
    with pytest.raises(UserError, match="there is no folder or table"):
        wanted(tmp_path / "nowhere", out)


def test_all_that_is_wrong_is_said_at_once(tmp_path):
    source = own(tmp_path / "in", "one", "", "three")
    strip(source / "0.png", 0, frames=3)
    (source / "3.mp4").write_bytes(b"no video")
    (source / "3.txt").write_text("four")
    (source / "alone.txt").write_text("five")
    found = {finding.file.rpartition("/")[2]: finding for finding in wanted(source, tmp_path / "out")}
    assert found["0.png"].problem == "3 frames, and the model learns from 4"
    assert found["1.png"].problem == "no caption"
    assert found["3.mp4"].is_error
    assert found["alone.txt"].problem == "no video has the name of this text"
    assert [name for name, finding in found.items() if not finding.is_error] == ["alone.txt"]
    assert not (tmp_path / "out").exists()


def test_damaged_clips_are_errors_and_repeated_ones_notes(tmp_path):
    source = own(tmp_path / "in", "one", "two", "three")
    (source / "3.mp4").write_bytes(b"no video")
    (source / "3.txt").write_text("four")
    (finding,) = wanted(source, tmp_path / "out")
    assert finding.file == str(source / "3.mp4")
    assert finding.is_error
    (source / "3.mp4").unlink()
    for split in ("train", "val"):
        own(tmp_path / f"split/{split}", split)
    own(tmp_path / "split/train", "", "other")
    (finding,) = wanted(tmp_path / "split", tmp_path / "out2")
    assert (finding.file, finding.is_error) == (str(tmp_path / "split/train/0.png"), False)
    assert len(rows(tmp_path / "out2", Split.TRAIN)) == 1
