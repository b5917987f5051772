from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import pytest
import torch
from torch import Tensor

from condgen.data.loading import Batch, Draw, Order, batches


@dataclass(frozen=True, eq=False)
class Numbers(Batch):
    index: Tensor
    noise: Tensor


class Dataset(torch.utils.data.Dataset):
    def __getitem__(self, draw: Draw) -> Numbers:
        return Numbers(torch.tensor(draw.index), torch.from_numpy(draw.random().standard_normal(3)))


def take(order: Order, count: int, **loader) -> list[Numbers]:
    return list(islice(batches(Dataset(), order, **loader), count))


def test_every_row_once_an_epoch_in_another_order_each_time():
    draws = [draw.index for batch in islice(Order(10, 4, seed=1), 5) for draw in batch]
    first, second = draws[:10], draws[10:]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_fewer_rows_than_a_batch_is_no_problem():
    (batch,) = islice(Order(3, 8, seed=0), 1)
    assert sorted(draw.index for draw in batch[:3]) == [0, 1, 2]
    assert len({draw.seed for draw in batch}) == 8


@pytest.mark.parametrize("workers", [0, 2])
def test_a_later_start_gives_the_later_batches(workers):
    whole = take(Order(7, 4, seed=3), 6)
    late = take(Order(7, 4, seed=3, start=4), 2, workers=workers)
    for a, b in zip(whole[4:], late, strict=True):
        assert torch.equal(a.index, b.index)
        assert torch.equal(a.noise, b.noise)


def test_ranks_together_read_what_one_process_would():
    one = take(Order(9, 6, seed=5), 4)
    ranks = [take(Order(9, 3, seed=5, rank=rank, world_size=2), 4) for rank in range(2)]
    for number, batch in enumerate(one):
        joined = torch.cat([ranks[rank][number].noise for rank in range(2)])
        assert torch.equal(batch.noise, joined)


def test_images_and_video_arrive_channels_last():
    batch = Numbers(torch.zeros(2, 3, 4, 5), torch.zeros(2, 3, 2, 4, 5)).to(torch.device("cpu"))
    assert batch.index.is_contiguous(memory_format=torch.channels_last)
    assert batch.noise.is_contiguous(memory_format=torch.channels_last_3d)
    assert len(batch) == 2
