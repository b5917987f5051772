"""Manifests: reading, messages with file and line, paths that stay inside, atomic writing."""

from __future__ import annotations

import json

import pytest

from condgen.data import manifest as manifests
from condgen.data.manifest import Manifest, Split
from condgen.errors import UserError


def written(folder, text):
    path = folder / "m.jsonl"
    path.write_text(text, encoding="utf-8")
    return path


def test_write_then_read_keeps_unknown_fields_and_order(tmp_path):
    rows = [
        {"split": "train", "image": "a.png", "box": [1, 2.5, 3, 4], "text": "ein Vögelchen\u2028 \udcff"},
        {"split": "validation", "image": "b.png"},
    ]
    path = tmp_path / "deep" / "m.jsonl"
    manifests.write(path, rows)
    read = Manifest.read(path)
    assert [row.fields for row in read.all_rows] == rows
    assert [row.line for row in read.all_rows] == [1, 2]
    assert read.rows(Split.TRAIN)[0].path("image") == path.parent / "a.png"
    assert read.rows("validation")[0]["image"] == "b.png"
    assert [file.name for file in path.parent.iterdir()] == ["m.jsonl"]


def test_blank_lines_count_but_are_no_rows(tmp_path):
    read = Manifest.read(written(tmp_path, '\n{"split": "train", "image": "a.png"}\n\n'))
    assert [row.line for row in read.all_rows] == [2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"split": "train"}\n{"split": \n', "m.jsonl:2: this is not JSON"),
        ('["train"]\n', "m.jsonl:1: a row is an object"),
        ("\n", "has no rows"),
    ],
)
def test_bad_text_names_file_and_line(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        Manifest.read(written(tmp_path, text))


def test_missing_and_binary_files_are_told_apart(tmp_path):
    with pytest.raises(UserError, match="there is no manifest"):
        Manifest.read(tmp_path / "none.jsonl")
    (tmp_path / "m.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read as text"):
        Manifest.read(tmp_path / "m.jsonl")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"split": "train"}, "m.jsonl:1: the row has no 'image'"),
        ({"split": "train", "image": "/etc/passwd"}, "leaves the manifest's folder"),
        ({"split": "train", "image": "a/../../b.png"}, "leaves the manifest's folder"),
        ({"split": "train", "image": 3}, "must be the path of a file"),
        ({"split": "train", "image": ""}, "must be the path of a file"),
    ],
)
def test_paths_stay_inside_the_folder(tmp_path, fields, message):
    row = Manifest.read(written(tmp_path, json.dumps(fields))).all_rows[0]
    with pytest.raises(UserError, match=message):
        row.path("image")


def test_splits_are_known_names_and_not_empty(tmp_path):
    with pytest.raises(UserError, match=r"m\.jsonl:1: split 'valid' is none of train, validation, test"):
        Manifest.read(written(tmp_path, '{"split": "valid"}')).rows("train")
    with pytest.raises(UserError, match="no rows of split 'test'; it has train"):
        Manifest.read(written(tmp_path, '{"split": "train"}')).rows(Split.TEST)


def test_a_write_that_fails_leaves_the_old_manifest_and_no_rest(tmp_path, monkeypatch):
    path = written(tmp_path, '{"split": "train"}\n')

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("condgen.data.files.os.fsync", full)
    with pytest.raises(UserError, match="the disk is full"):
        manifests.write(path, [{"split": "test"}])
    assert path.read_text() == '{"split": "train"}\n'
    assert list(tmp_path.iterdir()) == [path]
