"""Tables of measures: a line a sample, a column a metric, and means that can be compared with one another."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

Table = Mapping[str, Mapping[str, float]]  # sample, metric


def unique_label(label: str, line: int, table: Table) -> str:
    """The label, with the manifest's line beside it where another sample has it already."""
    return label if label not in table else f"{label} (line {line})"


def finite_or_none(value: float) -> float | None:
    """JSON knows neither infinity nor what is not a number."""
    return value if math.isfinite(value) else None


def means(*tables: Table) -> tuple[list[dict[str, float]], list[str]]:
    """The mean of each table, over the samples whose value is finite in all of them, and a line on what is left out.

    An infinite value, of silence or of a picture met exactly, would swallow every other.

    Args:
        tables: one or more with the same samples and metrics, of several methods.
    """
    first = tables[0]
    finite = {
        name: [label for label in first if all(np.isfinite(table[label][name]) for table in tables)]
        for name in next(iter(first.values()))
    }
    left_out = [
        f"{name}: {len(first) - len(labels)} of {len(first)} samples could not be judged and are left out of the means"
        for name, labels in finite.items()
        if len(labels) < len(first)
    ]
    rows = [{name: _mean([table[label][name] for label in kept]) for name, kept in finite.items()} for table in tables]
    return rows, left_out


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
