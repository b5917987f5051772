"""How well few labels separate features: linear support vector machines on repeated draws of labelled pictures.

The protocol of ALI's section 4.3 (Dumoulin et al., 2017), after DCGAN's (Radford et al., 2016): C is chosen on pictures
held out of the training split, then machines trained on different random draws are judged on the test pictures.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from condgen.errors import UserError

LABELS = 1000  # of a draw
DRAWS = 10  # the paper: 100
HELD_OUT = 10_000  # training pictures by which C is chosen
PENALTIES = 10.0 ** np.arange(-6, 2)
"""The values of C that are tried."""


@dataclass(frozen=True)
class Examples:
    """Pictures with labels. Features are computed when asked for: all at once would fill the memory."""

    features: Callable[[np.ndarray], np.ndarray]  # indices (n,) -> (n, F)
    labels: np.ndarray  # (N,), whole numbers


def misclassified(train: Examples, test: Examples, *, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """Which test pictures the machine of each draw gets wrong: (draws, tests), bool.

    Of a small training split a quarter is held out, and of the rest no draw takes more than half.

    Raises:
        UserError: scikit-learn is missing, or there are too few labelled pictures.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(train.labels))
    held_out, pool = np.split(order, [min(HELD_OUT, len(order) // 4)])
    size = labels_of_a_draw(len(train.labels))
    chosen = [random.choice(pool, size, replace=False) for _ in range(draws)]
    if not len(held_out) or any(len(np.unique(train.labels[rows])) < 2 for rows in chosen):
        raise UserError(f"{len(train.labels)} labelled training pictures are too few for a linear classifier")
    penalty = _best_penalty(train, chosen[0], held_out)
    machines = [_fitted(train, rows, penalty) for rows in chosen]
    test_features = test.features(np.arange(len(test.labels)))
    return np.stack([_wrong(machine, test_features, test.labels) for machine in machines])


def _best_penalty(train: Examples, rows: np.ndarray, held_out: np.ndarray) -> float:
    """The C of the machine that gets fewest of the held-out pictures wrong."""
    features, labels = train.features(held_out), train.labels[held_out]
    return min(PENALTIES, key=lambda penalty: _wrong(_fitted(train, rows, penalty), features, labels).mean())


def labels_of_a_draw(count: int) -> int:
    """How many of `count` labelled training pictures a draw takes."""
    return min(LABELS, (count - min(HELD_OUT, count // 4)) // 2)


def _fitted(train: Examples, rows: np.ndarray, penalty: float):
    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.svm import LinearSVC
    except ModuleNotFoundError:
        raise UserError("scikit-learn is not installed: pip install scikit-learn") from None
    machine = LinearSVC(C=penalty, dual="auto", random_state=0)  # squared hinge: the paper's L2-SVM
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a machine that is not done yet is judged like the others
        return machine.fit(train.features(rows), train.labels[rows])


def _wrong(machine, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return machine.predict(features) != labels
