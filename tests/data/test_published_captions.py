"""Captions that come apart from their pictures."""

from __future__ import annotations

import pytest

from condgen.data.published_captions import published_captions
from condgen.errors import UserError


def test_text_files_below_text_c10_are_the_captions_and_others_are_not(tmp_path):
    inside = tmp_path / "cub/text_c10/001.Albatross"
    inside.mkdir(parents=True)
    (inside / "A_1.txt").write_text("a bird\ufffd\ufffdwith wings\n\na\x07 tail\x00\n")
    (inside / "A_2.txt").write_text("")
    (tmp_path / "cub/testclasses.txt").write_text("001.Albatross\n")
    assert published_captions(tmp_path) == {"A_1": ("a bird with wings", "a tail"), "A_2": ()}


def test_other_folders_and_tables_do_as_well(tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/015.txt").write_text("someone runs\n")
    (tmp_path / "t.csv").write_text("image,caption\n015.jpg,someone runs\n")
    assert (
        published_captions(tmp_path / "texts") == published_captions(tmp_path / "t.csv") == {"015": ("someone runs",)}
    )


def test_no_captions_are_refused(tmp_path):
    with pytest.raises(UserError, match="has no captions; it needs text_c10"):
        published_captions(tmp_path)
    with pytest.raises(UserError, match="there is no folder or table of captions"):
        published_captions(tmp_path / "none")
