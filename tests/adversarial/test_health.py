from __future__ import annotations

import torch

from condgen.adversarial.health import HealthMonitor, lead


def test_lead_is_the_share_of_pairs_in_order():
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([0.0, 2.0])
    assert lead(real, fake) == 0.75  # of (1,0) (1,2) (3,0) (3,2) three are in order
    assert lead(real, real - 10) == 1


def test_a_sign_is_said_once_after_patience_and_again_when_it_returns():
    monitor = HealthMonitor(patience=3)
    said = [monitor.read({"lead": value}) for value in [1, 1, 1, 1, 1, 0.8, 1, 1, 1]]
    assert [len(lines) for lines in said] == [0, 0, 1, 0, 0, 0, 0, 0, 1]
    assert "discriminator too strong" in said[2][0]
    assert "learning_rate" in said[2][0]


def test_each_sign_has_its_line():
    for values, words in [
        ({"lead": 0.5}, "too weak"),
        ({"diversity": 0.1}, "collapse"),
    ]:
        (line,) = HealthMonitor(patience=1).read(values)
        assert words in line
    assert HealthMonitor(patience=1).read({"lead": 0.8, "diversity": 0.9}) == []
    assert HealthMonitor(patience=1).read({}) == []
    assert HealthMonitor(patience=1).read({"diversity": float("nan")}) == []


def test_state_goes_on():
    first = HealthMonitor(patience=2)
    first.read({"diversity": 0.0})
    second = HealthMonitor(patience=2)
    second.load_state(first.state())
    assert len(second.read({"diversity": 0.0})) == 1
