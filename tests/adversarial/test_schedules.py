from __future__ import annotations

import pytest

from condgen.adversarial.schedules import factor
from condgen.config import OptimizerConfig


@pytest.mark.parametrize(
    ("settings", "iteration", "expected"),
    [
        ({}, 99, 1.0),
        ({"warmup": 10}, 4, 0.5),
        ({"schedule": "steps", "milestones": [50]}, 49, 1.0),
        ({"schedule": "steps", "milestones": [50]}, 50, 0.1),
        ({"schedule": "steps", "milestones": [10, 20], "decay": 0.5}, 30, 0.25),
        ({"schedule": "linear", "milestones": [50]}, 49, 1.0),
        ({"schedule": "linear", "milestones": [50]}, 75, 0.5),
        ({"schedule": "cosine"}, 0, 1.0),
        ({"schedule": "cosine"}, 50, 0.5),
        ({"schedule": "cosine"}, 100, 0.0),
    ],
)
def test_factor(settings, iteration, expected):
    assert factor(OptimizerConfig(**settings), iteration, 100) == pytest.approx(expected)
