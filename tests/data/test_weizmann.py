"""Weizmann's actions in both of their forms."""

from __future__ import annotations

import pytest

from condgen.data.manifest import Split
from condgen.data.weizmann import SENTENCES, read_weizmann
from condgen.errors import UserError

FILES = ("daria_wave1", "denis_walk", "lena_walk2", "lena_run1", "shahar_pjump", "shahar_jump", "bg_015")


def test_published_files_say_who_does_what(tmp_path):
    for name in FILES:
        (tmp_path / f"{name}.avi").touch()
    clips = read_weizmann([tmp_path])
    assert {(clip.path.stem, clip.category, clip.further["subject"], clip.split) for clip in clips} == {
        ("daria_wave1", "wave1", "daria", Split.TRAIN),
        ("denis_walk", "walk", "denis", Split.TRAIN),
        ("lena_walk2", "walk", "lena", Split.VALIDATION),
        ("lena_run1", "run", "lena", Split.VALIDATION),
        ("shahar_pjump", "pjump", "shahar", Split.TEST),
        ("shahar_jump", "jump", "shahar", Split.TEST),
    }
    assert clips[0].name == "wave1/daria_wave1"
    assert clips[0].captions == SENTENCES["wave1"]
    with pytest.raises(UserError, match="4 subjects are too few for 2 of validation and 2 of test"):
        read_weizmann([tmp_path], validation=2, test=2)


def test_strips_with_a_table(tmp_path):
    table = tmp_path / "clips.csv"
    lines = [f"bend_s{number}.jpg,bend,{number},61,bending" for number in (0, 2, 10)]
    table.write_text("\n".join(["file,action,subject,frames,caption", *lines]))
    clips = read_weizmann([tmp_path])
    assert [(clip.path, clip.further["subject"], clip.split) for clip in clips] == [
        (tmp_path / "bend_s0.jpg", "0", Split.TRAIN),
        (tmp_path / "bend_s2.jpg", "2", Split.VALIDATION),
        (tmp_path / "bend_s10.jpg", "10", Split.TEST),  # by number, not by letters
    ]
    table.write_text("file,action,subject\na.jpg,swim,1\n")
    with pytest.raises(UserError, match=r"clips\.csv:2: unknown action 'swim'; it is one of bend, jack"):
        read_weizmann([tmp_path])
    table.write_text("file,action\na.jpg,bend\n")
    with pytest.raises(UserError, match=r"clips\.csv:2: no subject"):
        read_weizmann([tmp_path])
    table.unlink()
    with pytest.raises(UserError, match="has no clips"):
        read_weizmann([tmp_path])


def test_no_two_actions_share_a_sentence():
    sentences = [sentence for some in SENTENCES.values() for sentence in some]
    assert len(set(sentences)) == len(sentences)
