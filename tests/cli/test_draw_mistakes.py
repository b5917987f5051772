"""`condgen draw`: texts that the encoder does not know, and every mistake in one line."""

from __future__ import annotations

import pytest
from painter import Painter, pixels, red, refused, wishes
from tiny_models import run_command

from condgen.data.draw_requests import Place
from condgen.text import remarks


def test_words_that_the_text_encoder_has_never_seen(draw, tmp_path):
    code, _, told = draw("a redd bird of prey", "--box", "0,0,8,8", "-o", "out.png")
    assert (code, told) == (
        0,
        "warning: the model has never seen 'redd' (the nearest that it knows: 'red'), 'of', 'prey'; "
        "it may draw anything for that\n",
    )
    refused(
        draw("Zwei Tukane", "-o", "none.png"), "knows no word of 'Zwei Tukane'; it knows such as a, bird, blue, red"
    )
    assert not (tmp_path / "none.png").exists()
    file = wishes(tmp_path / "wishes.jsonl", *[{"text": "a green bird"}] * 2, {"text": "\u2603"})
    error = refused(draw("--requests", file, "-o", "out"))
    assert error.count("never seen 'green'") == 1, "once a text"
    assert f"{file}:1: warning: " in error
    assert f"{file}:3: " in error


@pytest.mark.parametrize(("word", "near"), [("purple", None), ("pictures", "picture"), ("tringle", "triangle")])
def test_only_a_word_that_is_like_another_one_may_have_been_meant(word, near):
    remark = remarks._with_nearest(word, ["picture", "triangle", "red"])
    assert remark == (f"{word!r} (the nearest that it knows: {near!r})" if near else repr(word))


def test_a_text_that_is_longer_than_the_encoder_reads(draw):
    code, _, told = draw("a red bird " * 6 + "and a blue bird", "--box", "0,0,8,8", "-o", "out.png")
    assert code == 0
    assert "warning: the text is longer than this model reads; it does not see 'and a blue bird'" in told


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("", "-o", "a.png"), "there is no text; say what to draw"),
        (("-o", "a.png"), "there is no text"),
        (("a bird", "--box", "1,2,3", "-o", "a.png"), "box '1,2,3' is not four numbers"),
        (("a bird", "--box", "-8,0,16,16", "-o", "a.png"), "not inside the picture of 64x64 pixels"),
        (("a bird", "--box", "8,8,0,9", "-o", "a.png"), "has no extent"),
        (("a bird", "--box", "8,8,1,9", "-o", "a.png"), "too small"),
        (("a bird", "--keypoint", "top", "-o", "a.png"), "is not NAME=X,Y"),
        (("a bird", "--keypoint", "top=1,2", "--keypoint", "top=3,4", "-o", "a.png"), "'top' is given twice"),
        (("a bird", "--keypoint", "beak=1,2", "-o", "a.png"), "known are top, left eye, right eye"),
        (("a bird", "--keypoint", "top=1,2", "--box", "0,0,8,8", "-o", "a.png"), "cannot be drawn together"),
        (("a bird", "--requests", "wishes.jsonl", "-o", "a.png"), "leave TEXT, --box and --keypoint out"),
        (("--requests", "none.jsonl", "-o", "out"), "none.jsonl: there is no such file"),
        (("--requests", "none.jsonl", "--sweep", "move", "-o", "a.png"), "--sweep makes one figure"),
        (("a bird", "--sweep", "move", "-o", "out"), "a sweep is one figure; name a picture"),
        (("a bird", "--sweep", "move", "--box", "0,0,64,64", "-o", "a.png"), "too large to move"),
        (("a bird", "--sweep", "move", "--count", "300", "-o", "a.png"), "3,000 pictures are too many"),
        (("a bird", "--count", "3000", "-o", "a.png"), "3,000 pictures make too large a grid"),
        (("a bird", "-o", "a.gif"), "the ending must be one of"),
        (("a bird", "-o", "-"), "cannot go to standard output"),
        (("a bird", "-o", ""), "-o is empty"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing_behind(arguments, says, draw, tmp_path):
    error = refused(draw(*arguments), says)
    assert len(error.splitlines()) == 1
    assert error.startswith("condgen: ")
    assert not list(tmp_path.iterdir())


def test_models_that_draw_otherwise(draw, monkeypatch):
    draw.painter = Painter(frozenset({Place.TEXT}))
    assert draw("a red bird", "-o", "a.png")[0] == 0
    refused(draw("a red bird", "--show-layout", "-o", "a.png"), "is not told where to draw; leave --show-layout out")
    refused(draw("a red bird", "--sweep", "move", "-o", "a.png"), "is not told where to draw; leave --sweep out")
    draw.painter = Painter(frozenset({Place.BOX}))
    refused(draw("a red bird", "-o", "b.png"), "not told where by text alone; give a box X,Y,W,H")
    draw.painter = Painter(frozenset({Place.KEYPOINTS, Place.TEXT}))
    refused(draw("a red bird", "--sweep", "move", "-o", "b.png"), "needs a place to start from")
    for other in (object(), Painter(frozenset())):
        draw.painter = other
        refused(draw("a red bird", "--model", "segan", "-o", "b.png"), "model segan draws no pictures from text")


def test_a_missing_model_is_one_line(monkeypatch, capsys, tmp_path):
    output = str(tmp_path / "a.png")
    answer = run_command(monkeypatch, capsys, "draw", "a bird", "--model", "no-such", "-o", output)
    refused(answer, "there is no model 'no-such'")


def test_a_file_that_cannot_be_written_costs_one_line_and_not_the_others(draw, tmp_path):
    (tmp_path / "taken").write_text("no folder")
    rows = [{"text": "a red bird", "output": output} for output in ("taken/one.png", "two.png")]
    error = refused(draw("--requests", wishes(tmp_path / "wishes.jsonl", *rows), "-o", "."))
    assert "taken" in error.splitlines()[0]
    assert error.splitlines()[1] == "1 done, 0 skipped (already there), 1 failed"
    assert red(pixels("two.png"))


def test_the_only_picture_that_cannot_be_written_is_one_line(draw, tmp_path):
    (tmp_path / "taken").write_text("no folder")
    error = refused(draw("a red bird", "--box", "0,0,8,8", "-o", "taken/one.png"), "taken")
    assert error.startswith("condgen: ")
    assert len(error.splitlines()) == 1
