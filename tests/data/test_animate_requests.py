"""Requests for clips, as lines of a file."""

from __future__ import annotations

import pytest

from condgen.data.animate_requests import EXAMPLE, Asked, Request, read_requests, request_for
from condgen.errors import UserError


def test_lines_state_what_the_command_line_does_not(tmp_path):
    path = tmp_path / "wishes.jsonl"
    path.write_text(
        '{"text": "a red circle", "background": "a blue square", "output": "sub/a.GIF", "count": 3, "seed": 5}\n\n'
        '{"text": "a red circle", "background": null, "output": null}\n'
    )
    assert read_requests(path, count=2, seed=9) == (
        [
            Asked("a red circle", "a blue square", "", "sub/a.GIF", 3, 5, 1, f"{path}:1: "),
            Asked("a red circle", "", "", None, 2, 9, 3, f"{path}:3: "),
        ],
        [],
    )


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("7", f'is no request; write an object such as {{"text": "{EXAMPLE}"}}, not 7'),
        ('{"txt": "a"}', "unknown field 'txt'; did you mean 'text'? known are text, background, output, count, seed"),
        ('{"output": "a.mp4"}', "has no text"),
        ('{"text": "a", "text": "b"}', "'text' is given twice"),
        ('{"text": "a", "toward": "b"}', "unknown field 'toward'"),
        ('{"text": "a", "background": 7}', "background must be a sentence such as"),
        ('{"text": "a", "count": 0}', "count must be a whole number from 1"),
        ('{"text": "a", "seed": -1}', "seed must be a whole number from 0"),
        ('{"text": "a", "output": "../b.mp4"}', "leaves the output folder"),
        ('{"text": "a", "output": "."}', "output must be a file's name such as"),
        ('{"text": "a", "output": "b.jpg"}', "the ending must be one of"),
        ('{"text": "a", "output": "\\ud800.mp4"}', "characters that no file's name can have"),
        (f'{{"text": "a", "output": "{"x" * 300}.mp4"}}', "longer than the 200 bytes that a name may have; shorten it"),
        (f'{{"text": "a", "output": "{"x" * 300}/a.mp4"}}', "longer than the 200 bytes"),
        ('{"text": "a", "output": "b.jpg"}', "or none for .webm"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_read(line, says, tmp_path):
    path = tmp_path / "wishes.jsonl"
    path.write_text(f'{{"text": "first"}}\n{line}\n{{"text": "third"}}\n')
    requests, (problem,) = read_requests(path, ending=".webm")
    assert [one.text for one in requests] == ["first", "third"]
    assert problem.startswith(f"{path}:2: ")
    assert says in problem
    assert "\n" not in problem


def test_a_request_begins_with_noise_0_and_without_superfluous_blanks():
    asked = Asked(" a  red\tcircle", " a blue\nsquare ", "a  square")
    assert request_for(asked) == Request("a red circle", 0, "a blue square", "a square", 0.0)
    with pytest.raises(UserError, match=r"^here: the text is empty; say"):
        request_for(Asked(" \t", where="here: "))
