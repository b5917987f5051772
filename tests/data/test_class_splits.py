"""Splits with no class in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from condgen.data.captioned_picture import CaptionedPicture
from condgen.data.class_splits import assigned, disjoint, published, without_test
from condgen.data.manifest import Split
from condgen.errors import UserError

TRAIN, VALIDATION, TEST = Split.TRAIN, Split.VALIDATION, Split.TEST
BIRDS = ["001.Albatross", "002.Auk", "010.Crow", "200.Wren"]


def lists(folder, **texts):
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


def test_classes_are_chosen_by_the_seed_whatever_their_order():
    splits = disjoint("edcba", validation=2, test=1, seed=3)
    assert sorted(splits.values()) == [TEST, TRAIN, TRAIN, VALIDATION, VALIDATION]
    assert splits == disjoint("abcdeabcde", validation=2, test=1, seed=3)
    assert len({tuple(disjoint("abcde", validation=2, seed=seed).items()) for seed in range(20)}) > 3
    assert set(disjoint("ab", validation=0).values()) == {TRAIN}


@pytest.mark.parametrize(("validation", "test"), [(3, 0), (2, 1), (-1, 0)])
def test_one_class_is_left_for_training(validation, test):
    with pytest.raises(UserError, match="3 classes cannot give"):
        disjoint("abc", validation=validation, test=test)


def test_lists_of_numbers_as_those_of_reed(tmp_path):
    folder = lists(
        tmp_path / "lists",
        allclasses="001.Albatross\n",
        manifest="nothing",
        trainvalids="1\n002\n",
        trainids="1\n",
        testclasses="010.Crow.t7\n200.Wren\n",
    )
    assert published(folder, BIRDS) == dict(zip(BIRDS, [TRAIN, TRAIN, TEST, TEST], strict=True))
    lists(folder, valids="2\n")
    assert published(folder, BIRDS) == dict(zip(BIRDS, [TRAIN, VALIDATION, TEST, TEST], strict=True))


def test_lists_of_names_as_those_of_xian(tmp_path):
    folder = lists(
        tmp_path / "lists",
        trainvalclasses="001.Albatross\n002.Auk\n010.Crow\n",
        trainclasses1="001.Albatross\n010.Crow\n",
        valclasses1="002.Auk\n",
        valclasses2="001.Albatross\n",
        testclasses="200.Wren\n\n",
    )
    assert published(folder, BIRDS) == dict(zip(BIRDS, [TRAIN, VALIDATION, TRAIN, TEST], strict=True))


def test_classes_of_validation_train_where_those_of_test_are_validation():
    splits = dict(zip(BIRDS, [TRAIN, VALIDATION, TEST, TEST], strict=True))
    assert without_test(splits) == dict(zip(BIRDS, [TRAIN, TRAIN, VALIDATION, VALIDATION], strict=True))
    splits = dict(zip(BIRDS, [TRAIN, TRAIN, VALIDATION, TRAIN], strict=True))
    assert without_test(splits) == splits


def test_lists_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(UserError, match="has no lists of classes"):
        published(lists(tmp_path / "none"), BIRDS)
    with pytest.raises(UserError, match=r"testclasses\.txt:2: there is no class '7'"):
        published(lists(tmp_path / "unknown", testclasses="1\n7\n"), BIRDS)
    with pytest.raises(UserError, match=r"002\.Auk is in none of testclasses\.txt; 3 classes are in none"):
        published(lists(tmp_path / "few", testclasses="1\n"), BIRDS)


def test_pictures_get_the_split_of_their_class():
    pictures = [CaptionedPicture(Path(name), name, category=name[0]) for name in ("a1", "b1", "a2")]
    split = [one.split for one in assigned(pictures, {"a": TEST, "b": TRAIN})]
    assert split == [TEST, TRAIN, TEST]
