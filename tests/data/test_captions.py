"""Sentences by row, vectors averaged without replacement, and rows that say something else."""

from pathlib import Path

import numpy as np
import pytest
import torch

from condgen.data import manifest as manifests
from condgen.data.captions import Captions, CaptionTokens, CaptionVectors, class_of, sentences_of, spread
from condgen.data.manifest import Row
from condgen.errors import UserError
from condgen.text.encoder import SentenceEncoder


def rows(*parts):
    return [
        Row({"split": "train", "captions": list(captions), **({"class": name} if name else {})}, Path("m.jsonl"), line)
        for line, (name, *captions) in enumerate(parts, 1)
    ]


def drawn(captions, row, times=200):
    random = np.random.default_rng(0)
    return {captions.wrong_row(row, random) for _ in range(times)}


def test_every_sentence_is_kept_once():
    captions = Captions(rows(("", "a", "b"), ("", "b", "c", "c")))
    assert captions.sentences == ("a", "b", "c")
    assert [captions.of(row).tolist() for row in range(2)] == [[0, 1], [1, 2, 2]]
    assert len(captions) == 2


def test_of_one_split(tmp_path):
    row = {"image": "a.png", "captions": ["a"]}
    manifests.write(tmp_path / "m.jsonl", [row | {"split": "train"}, row | {"split": "test", "captions": ["b"]}])
    assert Captions.read(tmp_path / "m.jsonl", "test").sentences == ("b",)
    with pytest.raises(UserError, match="no rows of split 'validation'"):
        Captions.read(tmp_path / "m.jsonl", "validation")


def test_rows_from_all_over_a_split():
    assert spread(list(range(5)), 9) == [0, 1, 2, 3, 4]
    chosen = spread(range(1000), 10)
    assert len(set(chosen)) == 10
    assert chosen == sorted(chosen)
    assert chosen[0] < 500 < chosen[-1]
    assert chosen == spread(range(1000), 10)


def test_wrong_rows_are_of_another_class_and_share_no_sentence():
    captions = Captions(rows(("x", "a"), ("y", "a"), ("x", "b"), ("z", "c")))
    assert drawn(captions, 0) == {3}  # row 1 says the same
    assert drawn(captions, 2) == {1, 3}
    assert drawn(captions, 3) == {0, 1, 2}


def test_sentences_that_are_read_alike_are_one():
    captions = Captions(rows(("", "a disc, red"), ("", "a disc, blue"), ("", "a box")))
    captions.read_alike(torch.tensor([0, 0, 1]))
    assert drawn(captions, 0) == {2}
    assert drawn(captions, 2) == {0, 1}


def test_without_classes_wrong_rows_share_no_sentence():
    captions = Captions(rows(("", "a", "b"), ("", "b"), ("", "c"), ("x", "a", "d"), ("y", "e")))
    assert drawn(captions, 0) == {2, 4}  # row 3 has a class, row 0 none: sentences count
    assert drawn(captions, 1) == {2, 3, 4}


def test_of_several_candidates_the_one_that_differs_in_the_fewest_places():
    captions = Captions(
        rows(("", "A red box in a straight line"), ("", "a blue box in a straight line"), ("", "two discs"))
    )
    random = np.random.default_rng(0)
    assert {captions.wrong_row(0, random, candidates=50) for _ in range(20)} == {1}
    assert {captions.wrong_row(2, random, candidates=50) for _ in range(20)} == {0, 1}  # as far from both
    assert {captions.wrong_row(0, random, candidates=2) for _ in range(100)} == {1, 2}


def test_two_neighbouring_words_that_differ_are_one_place():
    near = "a red box in a zigzag path", "a blue box in a straight line"
    captions = Captions(rows(("", "a red box in a straight line"), ("", near[0]), ("", near[1]), ("", "blue discs")))
    random = np.random.default_rng(0)
    assert {captions.wrong_row(0, random, candidates=50) for _ in range(20)} == {1, 2}


def test_a_rare_wrong_row_is_found_for_certain():
    captions = Captions(rows(*[("x", "a")] * 5000, ("y", "b")))
    assert drawn(captions, 0, times=20) == {5000}


def test_without_any_wrong_row_it_says_so():
    captions = Captions(rows(("x", "a"), ("x", "b")))
    with pytest.raises(UserError, match=r"m.jsonl:1: all rows of split 'train' .*; add rows of another class"):
        captions.wrong_row(0, np.random.default_rng(0))


def test_vectors_are_averaged_without_replacement():
    captions = Captions(rows(("x", "a", "b", "c"), ("y", "d")))
    text = CaptionVectors(captions, torch.tensor([[1.0, 0.0], [2.0, 0.0], [4.0, 0.0], [0.0, 8.0]]), SentenceEncoder(2))
    random = np.random.default_rng(0)
    pairs = {text.draw(0, 2, random)["text"][0].item() for _ in range(100)}
    assert pairs == {1.5, 2.5, 3.0}  # of 1 and 2, 1 and 4, 2 and 4; never one of them twice
    torch.testing.assert_close(text.draw(0, 9, random)["text"], torch.tensor([7 / 3, 0.0]))
    torch.testing.assert_close(text.draw(1, 4, random)["text"], torch.tensor([0.0, 8.0]))


def test_tokens_are_those_of_one_sentence():
    captions = Captions(rows(("x", "a", "b"), ("y", "c")))
    mask = torch.tensor([[True, False], [True, True], [True, False]])
    text = CaptionTokens(captions, torch.tensor([[1, 0], [2, 3], [4, 0]]), mask, SentenceEncoder(2))
    random = np.random.default_rng(0)
    found = set()
    for _ in range(50):
        parts = text.draw(0, 1, random)
        found.add((tuple(parts["codes"].tolist()), tuple(parts["mask"].tolist())))
    assert found == {((1, 0), (True, False)), ((2, 3), (True, True))}


def test_another_number_of_encoded_sentences_is_refused():
    captions = Captions(rows(("x", "a", "b")))
    with pytest.raises(ValueError, match="3 encoded sentences were given for 2"):
        CaptionVectors(captions, torch.zeros(3, 4), SentenceEncoder(4))
    with pytest.raises(ValueError, match="1 encoded sentences were given for 2"):
        CaptionTokens(captions, torch.zeros(1, 4), torch.zeros(1, 4), SentenceEncoder(4))


@pytest.mark.parametrize(
    ("captions", "message"),
    [
        ("a bird", r"captions are 'a bird'; write a list"),
        ([], r"captions are \[\]; write a list"),
        (["a", 3], "caption 3 is no text"),
        (["a", " "], "an empty caption"),
    ],
)
def test_what_are_no_captions(captions, message):
    with pytest.raises(UserError, match=f"m.jsonl:3: {message}"):
        sentences_of(Row({"captions": captions}, Path("m.jsonl"), 3))


def test_no_captions_at_all():
    with pytest.raises(UserError, match=r"m.jsonl:3: no captions; give the row"):
        Captions([Row({"image": "a.png"}, Path("m.jsonl"), 3)])


def test_classes_are_texts():
    stated = [{}, {"class": None}, {"class": 7}]
    assert [class_of(Row(fields, Path("m.jsonl"), 1)) for fields in stated] == ["", "", "7"]
