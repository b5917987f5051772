"""How far two discrete distributions on a line are apart: by overlap, and by the way that mass must go."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def jensen_shannon(first: ArrayLike, second: ArrayLike) -> float:
    """Jensen-Shannon divergence in nats, in [0, log 2]; blind to how far apart distributions are that do not overlap.

    KL(P || M) / 2 + KL(Q || M) / 2 with M = (P + Q) / 2 (Lin, 1991, eq. 4.1 with equal weights).

    Args:
        first, second: masses (N,) at the same N places; they are divided by their totals.

    Raises:
        ValueError: the masses are no masses, or not at equally many places.
    """
    from scipy.spatial.distance import jensenshannon

    first, second = _masses(first, second)
    return float(jensenshannon(first, second)) ** 2


def earth_movers_distance(first: ArrayLike, second: ArrayLike, places: ArrayLike | None = None) -> float:
    """The least work that turns one pile into the other: mass times way, added up.

    For probabilities this is the Wasserstein-1 distance, on a line the area between the two cumulative distributions
    (Vallender, 1974); for piles of a total mass m it is m times that of the shares.

    Args:
        first, second: masses (N,) of the same total.
        places: (N,) where they lie; 0, 1, 2, ... by default.

    Raises:
        ValueError: as `jensen_shannon`, or the totals differ.
    """
    from scipy.stats import wasserstein_distance

    first, second = _masses(first, second)
    total = first.sum()
    if not np.isclose(total, second.sum()):
        raise ValueError(f"both must have the same total mass, got {total} and {second.sum()}")
    places = np.arange(len(first)) if places is None else np.asarray(places, float)
    if places.shape != first.shape:
        raise ValueError(f"masses lie at {len(first)} places, and {places.shape} are given")
    return float(total * wasserstein_distance(places, places, first, second))


def _masses(first: ArrayLike, second: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    both = np.asarray(first, float), np.asarray(second, float)
    if both[0].ndim != 1 or both[0].shape != both[1].shape:
        raise ValueError(f"masses must lie at the same places on a line, got {both[0].shape} and {both[1].shape}")
    for one in both:
        if not np.isfinite(one).all() or (one < 0).any() or not one.any():
            raise ValueError("masses must be finite and not negative, and some above 0")
    return both
