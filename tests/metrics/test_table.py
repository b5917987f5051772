from __future__ import annotations

import math

from condgen.metrics.table import finite_or_none, means, unique_label


def test_a_label_that_is_taken_gets_its_line():
    table = {"baby": {}}
    assert unique_label("bird", 7, table) == "bird"
    assert unique_label("baby", 7, table) == "baby (line 7)"


def test_means_over_what_all_tables_can_judge():
    made = {"a": {"snr": 1.0, "pesq": 2.0}, "b": {"snr": math.inf, "pesq": 4.0}, "c": {"snr": 5.0, "pesq": math.nan}}
    plain = {label: {"snr": 0.0, "pesq": 1.0} for label in made}
    (first, second), left_out = means(made, plain)
    assert first == {"snr": 3.0, "pesq": 3.0}
    assert second == {"snr": 0.0, "pesq": 1.0}
    assert left_out == [
        f"{name}: 1 of 3 samples could not be judged and are left out of the means" for name in ("snr", "pesq")
    ]


def test_nothing_that_can_be_judged():
    (mean,), left_out = means({"a": {"snr": math.inf}})
    assert math.isnan(mean["snr"])
    assert len(left_out) == 1


def test_json_gets_finite_numbers():
    assert [finite_or_none(value) for value in (1.5, math.inf, math.nan)] == [1.5, None, None]
