"""Linear classifiers on drawn labels: what is separable is learned, what is not is guessed, nothing is seen twice."""

from __future__ import annotations

import numpy as np
import pytest

from condgen.errors import UserError
from condgen.tasks.ali import linear_svm
from condgen.tasks.ali.linear_svm import Examples, labels_of_a_draw, misclassified

pytest.importorskip("sklearn")


def examples(count: int, seed: int, *, informative: bool, asked: list | None = None) -> Examples:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, count)
    centres = 4 * np.eye(3) if informative else np.zeros((3, 3))
    values = (centres[labels] + random.standard_normal((count, 3))).astype(np.float32)

    def features(rows: np.ndarray) -> np.ndarray:
        if asked is not None:
            asked.append(rows)
        return values[rows]

    return Examples(features, labels)


def test_separable_features_are_learned_and_empty_ones_guessed():
    good = misclassified(examples(400, 0, informative=True), examples(300, 1, informative=True), draws=3)
    assert good.shape == (3, 300)
    assert good.mean() < 0.03
    empty = misclassified(examples(400, 0, informative=False), examples(300, 1, informative=False), draws=3)
    assert empty.mean() == pytest.approx(2 / 3, abs=0.06)


def test_draws_differ_have_the_protocols_size_and_leave_out_what_is_held_out(monkeypatch):
    monkeypatch.setattr(linear_svm, "LABELS", 50)
    monkeypatch.setattr(linear_svm, "HELD_OUT", 60)
    monkeypatch.setattr(linear_svm, "PENALTIES", np.array([0.1, 1.0]))
    asked: list[np.ndarray] = []
    misclassified(examples(400, 0, informative=True, asked=asked), examples(30, 1, informative=True), draws=4)
    held_out, *fitted = asked
    assert len(held_out) == 60
    choosing, draws = fitted[:2], fitted[2:]
    assert len(draws) == 4
    assert all(np.array_equal(rows, draws[0]) for rows in choosing)
    for rows in draws:
        assert len(rows) == len(set(rows)) == 50
        assert not set(rows) & set(held_out)
    assert not np.array_equal(draws[0], draws[1])


def test_small_sets_give_fewer_labels():
    assert labels_of_a_draw(60_000) == 1000
    assert labels_of_a_draw(400) == 150  # 100 held out, half of the rest


def test_too_few_pictures_are_said():
    with pytest.raises(UserError, match="3 labelled training pictures are too few"):
        misclassified(examples(3, 0, informative=True), examples(3, 1, informative=True))
