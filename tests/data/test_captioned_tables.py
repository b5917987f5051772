"""Tables of captioned pictures: names of columns, forms of cells, and rows that cannot be used."""

from __future__ import annotations

import json

import pytest

from condgen.data.captioned_tables import Columns, captions_by_stem, read_table
from condgen.data.manifest import Split
from condgen.errors import UserError


def table(folder, name, text, pictures=("a.png", "b.png")):
    for picture in pictures:
        (folder / picture).parent.mkdir(exist_ok=True)
        (folder / picture).write_bytes(b"a picture, which nobody opens here")
    (folder / name).write_text(text)
    return folder / name


def json_lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_json_lines_with_the_names_of_others(tmp_path):
    row = {
        "file": "a.png",
        "class_name": "Red Bird",
        "captions": ["one", "two", "one"],
        "bbox": [1, 2, 3, 4],
        "parts": {"beak": [5, 6], "left eye": None},
        "width": 9,
        "height": 8,
        "sha256": "of another file",
    }
    (picture,), findings = read_table(table(tmp_path, "t.jsonl", json_lines(row)))
    assert findings == []
    assert picture.path == tmp_path / "a.png"
    assert (picture.name, picture.category, picture.captions) == ("a", "Red Bird", ("one", "two"))
    assert (picture.box, picture.keypoints) == ((1.0, 2.0, 3.0, 4.0), {"beak": (5.0, 6.0), "left eye": None})
    assert picture.further == {"width": 9, "height": 8}
    assert picture.split is None


def test_a_csv_with_a_caption_a_row_and_a_box_in_columns(tmp_path):
    text = (
        "image,caption,class,x,y,w,h,keypoints,split\n"
        'a.png,"one, with a comma",bird,1,2,3,4.5,"{""tail"": [1, 2]}",val\n'
        'a.png,two,bird,1,2,3,4.5,"{""tail"": [1, 2]}",val\n'
        "a.png,another bird in it,bird,9,9,3,3,,val\n"
        "b.png,three,fish,,,,,,train\n"
    )
    pictures, findings = read_table(table(tmp_path, "t.csv", text))
    assert findings == []
    assert [one.captions for one in pictures] == [("one, with a comma", "two"), ("another bird in it",), ("three",)]
    assert [one.box for one in pictures] == [(1.0, 2.0, 3.0, 4.5), (9.0, 9.0, 3.0, 3.0), None]
    assert [one.keypoints for one in pictures] == [{"tail": (1.0, 2.0)}, None, None]
    assert [one.split for one in pictures] == [Split.VALIDATION, Split.VALIDATION, Split.TRAIN]
    assert [one.line for one in pictures] == [2, 4, 5]
    assert pictures[0].further == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.tsv", "file_name\ttext\na.png\tone, two\n"),
        ("t.csv", "image; comment\na.png; one, two\n"),
        ("captions.txt", 'image,caption\na.png,"one, two"\n'),
        ("results.csv", "image_name| comment_number| comment\na.png| 0| one, two\n"),
    ],
)
def test_the_delimiter_is_that_of_the_header(tmp_path, name, text):
    (picture,), findings = read_table(table(tmp_path, name, text))
    assert findings == []
    assert picture.captions == ("one, two",)


def test_pictures_may_lie_in_a_folder_beside(tmp_path):
    path = table(tmp_path, "captions.csv", "image,caption\nx.png,one\n", ["Images/x.png"])
    (picture,), _ = read_table(path)
    assert picture.path.read_bytes()
    assert picture.path.parent.name.lower() == "images"


def test_columns_of_other_names_are_said(tmp_path):
    path = table(tmp_path, "t.csv", "id,beschreibung,art,caption\na.png,ein Vogel,Meise,no\n")
    (picture,), _ = read_table(path, Columns(file="id", captions="beschreibung", category="art"))
    assert (picture.captions, picture.category, picture.further) == (("ein Vogel",), "Meise", {"caption": "no"})
    none, (finding,) = read_table(path, Columns(file="foto"))
    assert none == []
    assert finding.problem == "no column foto; it has id, beschreibung, art, caption"
    _, (finding,) = read_table(path)
    assert finding.problem.startswith("no column image")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"image": "c.png"}, "there is no such file"),
        ({"image": 5}, "no image"),
        ({"split": "dev"}, "split 'dev' is unknown"),
        ({"captions": 5}, "captions is neither a text nor a list of texts"),
        ({"captions": ["one", None]}, "captions is neither a text nor a list of texts"),
        ({"box": [1, 2, 3]}, "box is not four numbers"),
        ({"box": "1,2,three,4"}, "box is no JSON"),
        ({"x": 1, "y": 2, "w": "wide", "h": 3}, "box is not four numbers"),
        ({"x": 1, "y": 2, "w": 3}, "x, y, w, but no h"),
        ({"x": 1, "height": 3, "width": 3}, "x, width, height, but no y"),
        ({"keypoints": {"tail": [1]}}, "keypoint 'tail' is neither [x, y] nor null"),
        ({"keypoints": "{tail: 1}"}, "keypoints is no JSON"),
    ],
)
def test_each_bad_row_is_a_finding_with_its_line(tmp_path, row, problem):
    good = {"image": "b.png", "captions": "two", "box": [1, 2, 3, 4], "keypoints": {"tail": None}}
    rows = json_lines(good, {"image": "a.png", "captions": "one"} | row)
    pictures, (finding,) = read_table(table(tmp_path, "t.jsonl", rows))
    assert [one.path.name for one in pictures] == ["b.png"]
    assert (finding.line, finding.problem, finding.is_error) == (2, problem, True)
    assert finding.fix


def test_a_box_that_is_there_in_part_is_a_finding(tmp_path):
    text = "image,caption,x,y,w,h\na.png,one,1,2,,\nb.png,two,1,2,3,4\n"
    (picture,), (finding,) = read_table(table(tmp_path, "t.csv", text))
    assert picture.box == (1.0, 2.0, 3.0, 4.0)
    assert (finding.line, finding.file, finding.problem) == (2, "a.png", "x, y, but no w and no h")
    assert finding.fix == "state x, y, w, h, or none of them"
    text = "image,caption,width,height,x,y\na.png,one,20,16,,\nb.png,two,20,16,1,2\n"
    pictures, findings = read_table(table(tmp_path, "t.csv", text))
    assert [one.box for one in pictures] == [None, (1.0, 2.0, 20.0, 16.0)]  # those of a.png are the picture's
    assert findings == []


def test_a_row_with_too_many_cells_is_a_finding(tmp_path):
    rows = ["image,caption,class", "a.png,red, small,bird", "b.png,blue,fish,", ",,"]
    path = table(tmp_path, "t.csv", "\n".join(rows))
    (picture,), (finding,) = read_table(path)
    assert (picture.captions, picture.category, picture.line) == (("blue",), "fish", 3)
    assert (finding.line, finding.file, finding.problem) == (2, str(path), "4 cells for 3 columns")
    assert finding.fix == "put the caption in quotes, as every cell that has ',' in it"
    assert finding.is_error
    with pytest.raises(UserError, match=r"t\.csv:2: 4 cells for 3 columns; put the caption in quotes"):
        captions_by_stem(path)
    path.write_text("\n".join(rows[:2]))
    assert read_table(path) == ([], [finding])


def test_what_is_no_table_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no table that ends in \.csv, \.tsv, \.jsonl"):
        read_table(table(tmp_path, "t.parquet", "PAR1"))
    path = table(tmp_path, "t.csv", "")
    path.write_bytes("image,caption\na.png,Vögel\n".encode("latin-1"))
    with pytest.raises(UserError, match="save it as CSV in UTF-8"):
        read_table(path)
    (tmp_path / "empty.csv").write_text("")
    assert read_table(tmp_path / "empty.csv")[1][0].problem.endswith("it has none")


def test_captions_alone_are_known_by_the_names_of_pictures_that_are_elsewhere(tmp_path):
    path = table(tmp_path, "t.csv", "image,caption\nx/1.jpg,one\nx/1.jpg,two\n2.jpg,three\n")
    assert captions_by_stem(path) == {"1": ("one", "two"), "2": ("three",)}
    with pytest.raises(UserError, match=r"t\.jsonl:1: captions is neither"):
        captions_by_stem(table(tmp_path, "t.jsonl", json_lines({"image": "1.jpg", "captions": 5})))
