"""Layouts of somebody's own captioned pictures."""

from __future__ import annotations

import pytest

from condgen.data.captioned_folders import find_captioned, refuse_inside
from condgen.data.manifest import Split
from condgen.errors import UserError


def write(root, **files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def captions(found):
    return {one.name: one.captions for one in found.items}


def test_a_text_file_beside_each_picture(tmp_path):
    files = {
        "a.jpg": "",
        "a.txt": "one\ntwo\n",
        "deep/b.png": "",
        "deep/b.caption": "three",
        "c.png": "",
    }
    found = find_captioned(write(tmp_path, **files))
    assert found.findings == ()
    assert captions(found) == {"a": ("one", "two"), "deep/b": ("three",), "c": ()}
    assert {one.split for one in found.items} == {None}


def test_folders_named_like_splits_are_splits_and_a_wrapping_folder_is_passed_over(tmp_path):
    files = {f"wrapped/{split}/{split}1.png": "" for split in ("train", "val", "test")}
    found = find_captioned(write(tmp_path, **files))
    assert {one.name: one.split for one in found.items} == {
        "train1": Split.TRAIN,
        "val1": Split.VALIDATION,
        "test1": Split.TEST,
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("captions.csv", "image,caption\na.png,one\n"),
        ("metadata.jsonl", '{"file_name": "a.png", "text": "one"}\n'),
        ("captions.tsv", "image\tcaption\na.png\tone\n"),
        ("captions.txt", "image,caption\na.png,one\n"),
    ],
)
def test_a_table_in_the_folder_or_named_itself(tmp_path, name, text):
    write(tmp_path, **{"a.png": "", "a.txt": "not this", name: text})
    assert captions(find_captioned(tmp_path)) == captions(find_captioned(tmp_path / name)) == {"a": ("one",)}


def test_what_is_unclear_or_missing_is_said(tmp_path):
    table = "image,caption\na.png,one\n"
    both = find_captioned(write(tmp_path / "both", **{"a.png": "", "captions.csv": table, "metadata.csv": table}))
    assert both.findings[0].problem == "several tables: captions.csv and metadata.csv"
    twins = find_captioned(write(tmp_path / "twins", **{"a.png": "", "a.jpg": "", "a.txt": "one"}))
    assert twins.findings[0].problem == "has the name of a.jpg but for the ending"
    (write(tmp_path / "latin", **{"a.png": ""}) / "a.txt").write_bytes(b"V\xf6gel")
    (finding,) = find_captioned(tmp_path / "latin").findings
    assert (finding.file, finding.fix) == (str(tmp_path / "latin/a.txt"), "save it as UTF-8")
    alone = find_captioned(write(tmp_path / "alone", **{"a.png": "", "a.txt": "one", "b.txt": "two", "c.txt": "three"}))
    assert [(one.file, one.problem, one.is_error) for one in alone.findings] == [
        (str(tmp_path / "alone/b.txt"), "2 texts have no image of their name, this one first", False)
    ]
    assert "no image files" in find_captioned(write(tmp_path / "empty", **{"a.txt": "one"})).findings[0].problem
    with pytest.raises(UserError, match="there is no folder or table"):
        find_captioned(tmp_path / "none")


@pytest.mark.parametrize("name", ["in", "in/out", "in/../in/deep/out"])
def test_an_output_inside_the_source_would_be_found_by_a_second_run(tmp_path, name):
    (tmp_path / "in").mkdir()
    with pytest.raises(UserError, match="where a second run would take it for more files"):
        refuse_inside(tmp_path / "in", tmp_path / name)
    refuse_inside(tmp_path / "in", tmp_path / "inside")
