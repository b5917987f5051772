"""Captions from every kind of table, and vectors back to every kind of file."""

import csv
import json

import numpy as np
import pytest

from condgen.errors import UserError
from condgen.tasks.joint_embedding.caption_tables import Caption, read_captions, write_vectors


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def texts(path, column=""):
    captions, problems = read_captions(path, column)
    return [(caption.line, caption.text) for caption in captions], [
        line.replace(str(path), "FILE") for line in problems
    ]


def test_lines_of_text_and_empty_ones_among_them(tmp_path):
    path = written(tmp_path / "a.txt", "\ufeffa red bird\r\n\r\n  a blue bird \n\n  \r\n")
    assert texts(path) == ([(1, "a red bird"), (3, "a blue bird")], ["FILE:2: the caption is empty, and left out"])


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_of_a_table(tmp_path, separator):
    rows = [["id", "caption", "split"], ["7", f'"red{separator} small"', "train"], ["8", "blue", "test"], ["9", " "]]
    path = written(
        tmp_path / "a.csv", "".join(separator.join(row) + "\n" for row in rows) + f"\n{separator}{separator}\n"
    )
    captions, problems = read_captions(path)
    assert [caption.text for caption in captions] == [f"red{separator} small", "blue"]
    assert [caption.fields for caption in captions] == [{"id": "7", "split": "train"}, {"id": "8", "split": "test"}]
    assert [line.partition(": ")[0] for line in problems] == [f"{path}:4"]


def test_a_row_with_too_many_cells_is_named_and_left_out(tmp_path):
    path = written(tmp_path / "a.csv", "id, caption ,split\n1,red, small,train\n2,blue,test,\n3,grey\n")
    problem = "FILE:2: 4 cells for 3 columns, and left out; put the caption in quotes"
    assert texts(path) == texts(path, "caption ") == ([(3, "blue"), (4, "grey")], [problem])
    with pytest.raises(UserError, match=r"2: 3 cells for 2 columns, and left out"):
        read_captions(written(path, "id,caption\n1,red, small\n"))


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_the_only_column_takes_the_whole_line(tmp_path, name):
    path = written(tmp_path / name, 'caption\na red, small; round bird\n\n"blue, too"\n')
    assert texts(path) == ([(2, "a red, small; round bird"), (4, "blue, too")], [])


def test_tsv_and_a_named_column(tmp_path):
    path = written(tmp_path / "a.tsv", "sentence\tcaption\nfirst, with comma\tno\n")
    assert texts(path, "sentence")[0] == [(2, "first, with comma")]
    assert texts(path)[0] == [(2, "no")]


def test_a_table_without_captions_names_its_columns(tmp_path):
    path = written(tmp_path / "a.csv", "id,words\n1,red\n")
    with pytest.raises(UserError, match=r"no column caption or captions or text; its columns are id, words: name the"):
        read_captions(path)
    with pytest.raises(UserError, match=r"no column word; its columns are id, words: correct --column"):
        read_captions(path, "word")
    assert texts(path, "words")[0] == [(2, "red")]


def test_rows_of_json_with_one_caption_or_several(tmp_path):
    rows = ['{"image": "a.png", "captions": ["red", "", "green"]}', "{", '{"image": "b.png"}', '{"captions": [3]}']
    captions, problems = read_captions(written(tmp_path / "a.jsonl", "\n".join(rows) + "\n\n"))
    assert [(one.line, one.text, one.fields) for one in captions] == [
        (1, "red", {"image": "a.png"}),
        (1, "green", {"image": "a.png"}),
    ]
    assert [line.partition("jsonl:")[2] for line in problems] == [
        "2: is no JSON object, and left out",
        "1: the caption is empty, and left out",
        "3: the caption is empty, and left out",
        "4: 3 is no caption, and left out",
    ]


@pytest.mark.parametrize(
    ("name", "content", "column", "message"),
    [
        ("a.txt", b"", "", "holds no caption; write one a line"),
        ("a.jsonl", b"\n\n", "", "holds no caption; write one a line"),
        ("a.txt", b"\xff\xfe", "", "is not UTF-8"),
        ("a.txt", b"red\n", "caption", "has no columns, a caption a line; leave out --column"),
        ("a.csv", b"", "", "its columns are none"),
        ("a.jsonl", b"[1]\n", "", "1: is no JSON object"),
    ],
)
def test_files_without_any_caption(tmp_path, name, content, column, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_captions(tmp_path / name, column)
    with pytest.raises(UserError, match=r"^stdin"):
        read_captions(tmp_path / name, column, name="stdin")


CAPTIONS = [
    Caption("red, small", 2, "text", {"id": 7, "file": "a.png", "box": [1, 2]}),
    Caption("blue", 4, "text", {"id": 8, "lines": "x"}),
]
VECTORS = np.array([[0.1, -2.0], [3.5, 1e-7]], np.float32)


def test_arrays_hold_the_other_columns_too(tmp_path):
    write_vectors(tmp_path / "a.npy", CAPTIONS, VECTORS)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), VECTORS)
    write_vectors(tmp_path / "a.npz", CAPTIONS, VECTORS)
    with np.load(tmp_path / "a.npz") as stored:
        found = {name: stored[name].tolist() for name in stored}
    assert found == {
        "vectors": VECTORS.tolist(),
        "captions": ["red, small", "blue"],
        "lines": [2, 4],
        "id": [7, 8],
        "file": ["a.png", ""],
        "box": ["[1, 2]", ""],
        "lines_of_the_row": ["", "x"],
    }


def test_rows_keep_their_fields_and_get_a_vector(tmp_path):
    write_vectors(tmp_path / "a.jsonl", CAPTIONS, VECTORS)
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert rows[0] == {"id": 7, "file": "a.png", "box": [1, 2], "caption": "red, small", "vector": VECTORS[0].tolist()}
    write_vectors(tmp_path / "a.csv", CAPTIONS, VECTORS)
    header, first, second = csv.reader((tmp_path / "a.csv").open(newline=""))
    assert header == ["id", "file", "box", "lines", "text", "vector_0", "vector_1"]
    assert first == ["7", "a.png", "[1, 2]", "", "red, small", "0.1", "-2.0"]
    np.testing.assert_array_equal(np.array(second[-2:], np.float32), VECTORS[1])


def test_an_unknown_ending_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"the ending must be one of \.npz \.npy \.jsonl \.csv"):
        write_vectors(tmp_path / "a.txt", CAPTIONS, VECTORS)
