"""Requests: coordinates in pixels and fractions, files of them, and what a model cannot be asked for."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from condgen.data.draw_requests import (
    Asked,
    Canvas,
    Place,
    Request,
    parse_box,
    parse_keypoints,
    read_requests,
    request_on,
)
from condgen.errors import UserError

BOTH = frozenset(Place)
CANVAS = Canvas(64, BOTH, ("top", "left eye", "right eye"), 4 / 128)


def on(canvas=CANVAS, **fields) -> Request:
    return request_on(Asked(fields.pop("text", "a bird"), **fields), canvas)


def refused(do, *says: str) -> None:
    with pytest.raises(UserError) as problem:
        do()
    text = str(problem.value)
    assert "\n" not in text
    for part in says:
        assert part in text


@pytest.mark.parametrize(
    ("written", "fractions"),
    [
        ("16,8,32,48", (0.25, 0.125, 0.5, 0.75)),
        ("0.25,0.125,0.5,0.75", (0.25, 0.125, 0.5, 0.75)),
        (" 0 , 0 , 64 , 64 ", (0, 0, 1, 1)),
        ("0.0,0,1,1", (0, 0, 1, 1)),  # one point is enough
        ("0.5,0.5,32,16", (0.5 / 64, 0.5 / 64, 0.5, 0.25)),  # above 1: all are pixels
    ],
)
def test_numbers_without_any_above_1_and_with_a_decimal_point_are_fractions(written, fractions):
    assert on(box=parse_box(written)).box == pytest.approx(fractions)
    assert on(replace(CANVAS, size=128), box=parse_box("16,8,32,48")).box == (0.125, 0.0625, 0.25, 0.375)


def test_each_keypoint_is_pixels_or_fractions_by_itself():
    points = parse_keypoints(["top=32,16", " left eye = 0.5,1.0", "right eye=1,0"])
    assert on(keypoints=points).keypoints == {"top": (0.5, 0.25), "left eye": (0.5, 1.0), "right eye": (1 / 64, 0.0)}


def test_a_request_starts_with_noise_0_and_a_text_without_superfluous_blanks():
    assert on(text="  a  red\tbird ", box=(0, 0, 8, 8)) == Request("a red bird", (0, 0, 0.125, 0.125), None, 0)


def test_a_box_to_the_very_edge_by_rounded_fractions_is_inside():
    assert on(box=parse_box("0.7,0.9,0.3000001,0.1")).box == pytest.approx((0.7, 0.9, 0.3, 0.1))


@pytest.mark.parametrize(
    ("box", "says"),
    [
        ("40,40,40,8", "box 40,40,40,8 is not inside the picture of 64x64 pixels"),
        ("-1,0,8,8", "not inside the picture of 64x64"),
        ("0.5,0.5,0.6,0.2", "not inside"),
        ("8,8,0,8", "has no extent"),
        ("8,8,8,-8", "has no extent"),
        ("8,8,1,8", "too small, this model draws from 2 pixels (0.03125 of the side) on"),
        ("0,0,1,1", "numbers with a decimal point of which none is above 1 are fractions"),
    ],
)
def test_boxes_that_cannot_be_drawn(box, says):
    refused(lambda: on(box=parse_box(box)), says)


def test_the_smallest_box_is_drawn():
    assert on(box=(8, 8, 2, 2)).box == (0.125, 0.125, 0.03125, 0.03125)


@pytest.mark.parametrize(
    "written", ["1,2,3", "1,2,3,4,5", "1,2,3,x", "", "1,2,3,nan", "1,2,3,inf", "1,2,3,9e99", "1;2;3;4"]
)
def test_a_box_is_four_numbers(written):
    refused(lambda: parse_box(written), "is not four numbers X,Y,W,H")


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (["top"], "'top' is not NAME=X,Y"),
        (["=1,2"], "is not NAME=X,Y"),
        (["top=1"], "keypoint 'top' needs two numbers"),
        (["top=1,2", "top =3,4"], "'top' is given twice"),
    ],
)
def test_keypoints_that_are_not_written_as_such(written, says):
    refused(lambda: parse_keypoints(written), says)


def test_keypoints_that_the_model_does_not_know_or_that_are_outside():
    refused(lambda: on(keypoints={"Left_Eye": (1, 2)}), "did you mean 'left eye'", "known are top, left eye, right eye")
    refused(lambda: on(keypoints={"wheel": (1, 2)}), "unknown keypoint 'wheel'; known are top")
    refused(lambda: on(keypoints={"top": (65, 2)}), "keypoint top=65,2 is not inside the picture of 64x64 pixels")
    refused(lambda: on(keypoints={"top": (0.5, -0.1)}), "not inside")


def test_places_that_the_model_does_not_take():
    box, points = {"box": (0, 0, 32, 32)}, {"keypoints": {"top": (1, 2)}}
    only = {place: replace(CANVAS, takes=frozenset({place})) for place in Place}
    refused(lambda: on(**box, **points), "a box and keypoints cannot be drawn together")
    refused(lambda: on(only[Place.BOX], **points), "takes no keypoints; give a box X,Y,W,H")
    refused(
        lambda: on(only[Place.KEYPOINTS], **box), "takes no box; give keypoints NAME=X,Y of top, left eye, right eye"
    )
    refused(lambda: on(only[Place.BOX]), "not told where by text alone; give a box X,Y,W,H")
    refused(lambda: on(only[Place.TEXT], **box), "takes no box; give text alone")
    assert on(only[Place.TEXT], keypoints={}) == Request("a bird")
    refused(lambda: on(text=" ", where="file:7: "), "file:7: the text is empty")


def test_a_file_of_requests(tmp_path):
    path = tmp_path / "wishes.jsonl"
    rows = [
        {"text": "a bird", "box": [16, 8, 32, 48], "seed": 5},
        {"text": "a bird", "keypoints": {"top": [0.5, 0.25], "left eye": None}, "output": "b/one.jpg", "count": 3},
    ]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n\n".join(map(json.dumps, rows)).encode())
    (first, second), problems = read_requests(path, count=2, seed=1)
    assert problems == []
    assert first == Asked("a bird", (16, 8, 32, 48), {}, None, 2, 5, 1, f"{path}:1: ")
    assert (second.keypoints, second.output) == ({"top": (0.5, 0.25)}, "b/one.jpg")
    assert (second.count, second.seed, second.line) == (3, 1, 3)
    assert on(keypoints=second.keypoints).keypoints == {"top": (0.5, 0.25)}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "is not JSON"),
        ("[1]", "is no request"),
        ('{"box": [1, 2, 3, 4]}', "has no text"),
        ('{"text": 3}', "has no text"),
        ('{"text": "a", "keypoint": {}}', "unknown field 'keypoint'; did you mean 'keypoints'?"),
        ('{"text": "a", "text": "b"}', "'text' is given twice"),
        ('{"text": "a", "keypoints": {"top": [1, 2], "top": [1, 3]}}', "'top' is given twice"),
        ('{"text": "a", "keypoints": {"top": [1, true]}}', "keypoint 'top' needs two numbers"),
        ('{"text": "a", "keypoints": ["top"]}', "keypoints must be an object"),
        ('{"text": "a", "box": "1,2,3,4"}', "is not four numbers"),
        ('{"text": "a", "box": [1, 2, 3, NaN]}', "is not four numbers"),
        ('{"text": "a", "count": 0}', "count must be a whole number from 1"),
        ('{"text": "a", "count": true}', "count must be a whole number"),
        ('{"text": "a", "seed": 1.5}', "seed must be a whole number from 0"),
        ('{"text": "a", "output": "../b.png"}', "leaves the output folder"),
        ('{"text": "a", "output": "/b.png"}', "leaves the output folder"),
        ('{"text": "a", "output": "b.gif"}', "the ending must be one of .png"),
        ('{"text": "a", "output": 5}', "output must be a file's name"),
        ('{"text": "a", "seed": ' + "9" * 5000 + "}", "cannot be read"),
        ("[" * 100_000, "wishes.jsonl:2: is"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_read(line, says, tmp_path):
    path = tmp_path / "wishes.jsonl"
    path.write_text('{"text": "first"}\n' + line + '\n{"text": "third"}\n')
    requests, problems = read_requests(path)
    assert [one.text for one in requests] == ["first", "third"]
    (problem,) = problems
    assert problem.startswith(f"{path}:2: ")
    assert says in problem
    assert "\n" not in problem


def test_files_that_are_none(tmp_path):
    empty, blank, binary = (tmp_path / name for name in ("empty", "blank", "binary"))
    empty.touch()
    blank.write_text("\n \n")
    binary.write_bytes(b"\xff\xfe\x00")
    refused(lambda: read_requests(tmp_path / "none"), "there is no such file")
    refused(lambda: read_requests(empty), "is empty")
    refused(lambda: read_requests(blank), "holds no requests")
    refused(lambda: read_requests(binary), "is not UTF-8 text")
