"""What is decoded once is not decoded again, and no more is kept than may be."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from condgen.data.decoded import DecodedCache

MEBIBYTE = np.zeros(2**20, np.uint8)


def test_a_key_is_decoded_once_while_there_is_room():
    cache, decoded = DecodedCache[int](gigabytes=2.5 / 1024), []

    def decode(key):
        decoded.append(key)
        return (MEBIBYTE + np.uint8(key),)

    for key in (0, 1, 2, 0, 1, 2):
        (array,) = cache.get(key, lambda key=key: decode(key))
        assert array[0] == key
    assert decoded == [0, 1, 2, 2]  # the third does not fit


@pytest.mark.parametrize(("workers", "times"), [(1, 1), (2, 2)])
def test_processes_share_the_room(workers, times):
    """Room for one array in all: with two processes neither may keep its own."""

    class Counting(Dataset):
        cache = DecodedCache[int](gigabytes=1.5 / 1024)
        decoded = 0

        def __len__(self):
            return 4

        def __getitem__(self, index):
            self.cache.get(0, self._decode)
            return self.decoded

        def _decode(self):
            self.decoded += 1
            return (MEBIBYTE,)

    counts = torch.cat(list(DataLoader(Counting(), num_workers=workers)))
    assert counts.max() == times
