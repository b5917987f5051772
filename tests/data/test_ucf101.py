"""UCF-101's lists."""

from __future__ import annotations

import pytest

from condgen.data.manifest import Split
from condgen.data.ucf101 import read_ucf101, readable
from condgen.errors import UserError


def name(group, kind="YoYo"):
    return f"{kind}/v_{kind}_g{group:02}_c01.avi"


def lists(folder, training, testing):
    folder.mkdir(exist_ok=True)
    (folder / "trainlist02.txt").write_text("".join(f"{entry} 1\r\n" for entry in training))
    (folder / "testlist02.txt").write_text("".join(f"{entry}\n" for entry in testing))
    return folder


def test_the_published_lists_and_groups_of_validation(tmp_path):
    groups = [*map(name, (8, 24, 9)), name(8, "TaiChi"), name(10, "TaiChi")]
    published = lists(tmp_path / "lists", groups, [name(1)])
    (tmp_path / "UCF-101").mkdir()
    takes = read_ucf101(tmp_path, published, number=2, validation_groups=1)
    known = {str(take.about.path.relative_to(tmp_path / "UCF-101")): take.about for take in takes}
    assert {entry: about.split for entry, about in known.items()} == {
        name(8): Split.TRAIN,
        name(9): Split.TRAIN,
        name(24): Split.VALIDATION,
        name(8, "TaiChi"): Split.TRAIN,
        name(10, "TaiChi"): Split.VALIDATION,
        name(1): Split.TEST,
    }
    assert (known[name(8)].category, known[name(8)].captions[0]) == ("yo yo", "a video of yo yo")
    takes = read_ucf101(tmp_path, published, number=2, validation_groups=0)
    assert [take.about.split for take in takes] == [Split.TRAIN] * 5 + [Split.VALIDATION]


def test_what_is_not_as_published_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"trainlist01\.txt cannot be read"):
        read_ucf101(tmp_path, tmp_path)
    published = lists(tmp_path / "lists", [name(8), name(9)], [name(1)])
    with pytest.raises(UserError, match="YoYo has 2 groups for training, of which 2 cannot be validation"):
        read_ucf101(tmp_path, published, number=2)
    lists(published, [name(8), "../v_x_g01_c01.avi"], [])
    with pytest.raises(UserError, match=r"entry 2, '\.\./v_x_g01_c01\.avi', is not as published"):
        read_ucf101(tmp_path, published, number=2)


def test_names_of_classes_in_words():
    assert [readable(one) for one in ("ApplyEyeMakeup", "YoYo", "Archery")] == ["apply eye makeup", "yo yo", "archery"]
