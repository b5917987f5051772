"""Listed videos of the net, and somebody's copies of them."""

from __future__ import annotations

from collections import Counter

import pytest

from condgen.data.kinetics import Listed, find_takes, read_list, split_of
from condgen.data.manifest import Split
from condgen.errors import UserError


def test_lists_as_text_and_as_table(tmp_path):
    text = tmp_path / "list.txt"
    text.write_text("sailing/-a_b\nwater skiing/c\n\nsailing/c\n")
    assert read_list(text) == [Listed("-a_b", "sailing"), Listed("c", "water skiing")]
    assert read_list(text, ["sailing"]) == [Listed("-a_b", "sailing"), Listed("c", "sailing")]
    with pytest.raises(UserError, match="has no class 'golf'; it has sailing, water skiing"):
        read_list(text, ["golf"])
    text.write_text("sailing/a\nsailing\n")
    with pytest.raises(UserError, match=r"list\.txt:2: 'sailing' is not class/number"):
        read_list(text)
    table = tmp_path / "list.csv"
    table.write_text('label,youtube_id,time_start,title\nsailing,a,1,"Sails, 2017"\ngolf,b,2,\n')
    assert read_list(table) == [Listed("a", "sailing", ("Sails, 2017",)), Listed("b", "golf")]
    table.write_text("label,youtube_id\nsailing,\n")
    with pytest.raises(UserError, match=r"list\.csv:2: no number"):
        read_list(table)
    table = tmp_path / "list.jsonl"
    table.write_text('{"id": "a", "class": "golf", "captions": ["one", "two"]}\n')
    assert read_list(table) == [Listed("a", "golf", ("one", "two"))]


def test_copies_by_name_with_captions_from_where_there_are_any(tmp_path):
    names = ("deep/-a_b.mp4", "c_000010_000020.webm", "c_000030_000040.mp4", "d.mp4", "unknown.mp4", "c.png")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "c.txt").write_text("both copies\n")
    (tmp_path / "c_000030_000040.txt").write_text("the later one\n")
    listed = [Listed("-a_b", "../kite surfing"), Listed("c", "golf", ("of the list",)), Listed("d", "high jump")]
    takes = {take.about.path.name: take.about for take in find_takes(listed, tmp_path)}
    assert takes.keys() == {"-a_b.mp4", "c_000010_000020.webm", "c_000030_000040.mp4", "d.mp4"}
    assert takes["c_000010_000020.webm"].captions == ("of the list", "both copies")
    assert takes["c_000030_000040.mp4"].captions == ("of the list", "the later one")
    assert takes["c_000010_000020.webm"].split == takes["c_000030_000040.mp4"].split == split_of("c")
    assert takes["-a_b.mp4"].captions[-1] == "somebody is ../kite surfing"
    assert takes["-a_b.mp4"].name == "_kite_surfing/-a_b"
    assert takes["d.mp4"].captions == ("a video of high jump", "a clip that shows high jump")
    with pytest.raises(UserError, match=r"has none of 1 listed videos; call them x\.mp4"):
        find_takes([Listed("x", "golf")], tmp_path)
    with pytest.raises(UserError, match="there is no folder"):
        find_takes(listed, tmp_path / "none")


def test_splits_are_seven_to_one_to_two_and_depend_on_the_number_alone():
    counts = Counter(split_of(str(number)) for number in range(2000))
    for split, share in ((Split.TRAIN, 0.7), (Split.VALIDATION, 0.1), (Split.TEST, 0.2)):
        assert counts[split] / 2000 == pytest.approx(share, abs=0.03)
    assert split_of("a", 1) == Split.TRAIN
    assert {split_of("a", seed) for seed in range(50)} == set(Split)
