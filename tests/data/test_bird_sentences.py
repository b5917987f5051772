"""Sentences from class attributes."""

from __future__ import annotations

import random

import pytest

from condgen.data.bird_sentences import read_votes, sentences
from condgen.errors import UserError

VOTES = {
    "has_wing_color": {"blue": 60.0, "black": 35.0, "red": 5.0},
    "has_bill_shape": {"cone": 50.0, "dagger": 10.0},
    "has_bill_length": {"shorter_than_head": 90.0},
    "has_bill_color": {"grey": 40.0},
    "has_primary_color": {"blue": 80.0},
    "has_size": {"medium_(9_-_16_in)": 70.0},
    "has_head_pattern": {"crested": 12.0},
    "has_wing_pattern": {"solid": 80.0},
}


def test_sentences_say_only_what_is_voted_for():
    made = sentences(VOTES, 40, random.Random(0))
    assert len(set(made)) == len(made) == 40
    words = {word.strip(".,") for sentence in made for word in sentence.split()}
    assert {"blue", "black", "wings", "short", "cone", "shaped", "grey", "medium"} <= words
    assert words.isdisjoint({"red", "crested", "solid", "pointed"})
    assert all(sentence.endswith(".") and "  " not in sentence for sentence in made)
    assert any(sentence == "this bird has blue wings." for sentence in made)
    assert not any("a blue wings" in sentence for sentence in made)


def test_they_depend_on_the_chance_alone_and_end_where_the_votes_do():
    assert sentences(VOTES, 5, random.Random("a")) == sentences(VOTES, 5, random.Random("a"))
    assert sentences(VOTES, 5, random.Random("a")) != sentences(VOTES, 5, random.Random("b"))
    few = sentences({"has_eye_color": {"orange": 90.0}}, 10, random.Random(0))
    assert set(few) == {"this bird has orange eyes.", "the bird has orange eyes."}
    assert sentences({"has_eye_color": {"orange": 9.0}}, 10, random.Random(0)) == ()


def test_votes_are_read_by_class(tmp_path):
    table = tmp_path / "a.csv"
    table.write_text("class_id,class_name,has_eye_color::red,has_eye_color::black,has_size::small\n1,Wren,1.5,98,50\n")
    assert read_votes(table) == {"Wren": {"has_eye_color": {"red": 1.5, "black": 98.0}, "has_size": {"small": 50.0}}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,has_eye_color::red\nWren,1\n", "needs a column class_name"),
        ("class_name,has_eye_color::red\n", "needs a column class_name and a row a class"),
        ("class_name,colour\nWren,red\n", "no attributes"),
        ("class_name,has_eye_color::red\nWren,often\n", "could not convert"),
    ],
)
def test_tables_of_another_kind_are_one_line(tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        read_votes(tmp_path / "a.csv")
