"""Noise by number, so that a picture can be asked for again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def numbered_noise(numbers: Sequence[int], width: int, seed: int = 0) -> Tensor:
    """N(0, 1) of each number, (N, width) fp32: a row depends on its number and the seed alone, not on the others."""
    rows = [np.random.default_rng((seed, number)).standard_normal(width) for number in numbers]
    return torch.from_numpy(np.stack(rows)).float() if rows else torch.empty(0, width)
