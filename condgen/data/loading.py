"""Seeded, resumable, rank-sharded batches.

Which samples make the n-th batch, and how each is cropped, depends on the seed and n alone: not on the number of
worker processes, nor on what was read before. So a resumed run goes on at the n-th batch, and N ranks together read
what one process would.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler


class Draw(NamedTuple):
    """What a Dataset is asked for: a row, and the seed of this draw's crops and flips."""

    index: int
    seed: tuple[int, int]

    def random(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)


@dataclass(frozen=True, eq=False)
class Batch:
    """Base of the tasks' batches: a frozen dataclass whose tensors share their first dimension."""

    @classmethod
    def stack(cls, items: Sequence[Self]) -> Self:
        """One batch of single items, each a dataclass of this type without the batch dimension."""
        return cls(**{f.name: torch.stack([getattr(item, f.name) for item in items]) for f in fields(cls)})

    def map(self, change) -> Self:
        return type(self)(**{f.name: change(getattr(self, f.name)) for f in fields(self)})

    def pin_memory(self) -> Self:
        return self.map(Tensor.pin_memory)

    def to(self, device: torch.device) -> Self:
        """On the device; images and video channels last. Pinned tensors are copied without waiting."""
        return self.map(lambda tensor: _move(tensor, device))

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))


def _move(tensor: Tensor, device: torch.device) -> Tensor:
    layout = {4: torch.channels_last, 5: torch.channels_last_3d}.get(tensor.ndim, torch.preserve_format)
    return tensor.to(device, non_blocking=True, memory_format=layout)


class Order(Sampler[list[Draw]]):
    """Endless batches from number `start` on: every row once an epoch, in an order of its own each epoch.

    An epoch need not be a multiple of the batch; a batch may take the end of one and the beginning of the next.
    """

    def __init__(self, rows: int, batch: int, seed: int, *, start: int = 0, rank: int = 0, world_size: int = 1):
        self.rows, self.batch, self.seed = rows, batch, seed
        self.start, self.rank, self.world_size = start, rank, world_size

    def __iter__(self) -> Iterator[list[Draw]]:
        number = self.start
        epoch, order = -1, np.empty(0, int)
        while True:
            first = (number * self.world_size + self.rank) * self.batch
            draws = []
            for sample in range(first, first + self.batch):
                if sample // self.rows != epoch:
                    epoch = sample // self.rows
                    order = np.random.default_rng((self.seed, epoch)).permutation(self.rows)
                draws.append(Draw(int(order[sample % self.rows]), (self.seed, sample)))
            yield draws
            number += 1


def batches(dataset: Dataset, order: Order, *, workers: int = 0, pin_memory: bool = False) -> Iterator[Any]:
    """Batches on the CPU, read ahead by `workers` processes (0: read when asked for)."""
    loader = DataLoader(
        dataset,
        batch_sampler=order,
        num_workers=workers,
        collate_fn=_stack,
        pin_memory=pin_memory,
        persistent_workers=workers > 0,
        generator=torch.Generator(),  # else it would draw from the global one, and a resumed run from another point
    )
    return iter(loader)


def _stack(items: list[Batch]) -> Batch:
    return type(items[0]).stack(items)
