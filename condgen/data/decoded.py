"""Decoded files kept in memory: what a training reads again and again is decoded once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import numpy as np
from torch.utils.data import get_worker_info

Key = TypeVar("Key", bound=Hashable)


class DecodedCache(Generic[Key]):
    """Keeps arrays until `gigabytes` are full; what comes after is decoded each time.

    Args:
        gigabytes: shared evenly among the processes that read ahead, each of which has a cache of its own.
    """

    def __init__(self, gigabytes: float):
        self.gigabytes = gigabytes
        self._kept: dict[Key, tuple[np.ndarray, ...]] = {}
        self._bytes = 0

    def get(self, key: Key, decode: Callable[[], tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
        """What `decode` gives for a key, from memory where it is there."""
        if key in self._kept:
            return self._kept[key]
        arrays = decode()
        size = sum(array.nbytes for array in arrays)
        worker = get_worker_info()
        share = self.gigabytes / (worker.num_workers if worker else 1)
        if self._bytes + size <= share * 2**30:
            self._kept[key] = arrays
            self._bytes += size
        return arrays
