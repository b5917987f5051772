from __future__ import annotations

import copy

import pytest
import torch

from condgen.adversarial.pool import SamplePool


def _batch(first: int, count: int, shape: tuple[int, ...] = (1,)) -> torch.Tensor:
    """Samples that carry their number."""
    return torch.arange(first, first + count).float().reshape(-1, *[1] * len(shape)).expand(-1, *shape).contiguous()


def test_size_0_passes_through_without_drawing():
    pool, fakes = SamplePool(0, (1,)), torch.randn(3, 1, requires_grad=True)
    state = torch.get_rng_state()
    out = pool.exchange(fakes)
    assert torch.equal(out, fakes)
    assert not out.requires_grad
    assert torch.equal(torch.get_rng_state(), state)


def test_it_fills_first():
    pool = SamplePool(5, (2, 3))
    for first in (0, 2):
        assert torch.equal(pool.exchange(_batch(first, 2, (2, 3))), _batch(first, 2, (2, 3)))
    assert pool.count.item() == 4
    assert torch.equal(pool.samples[:4], _batch(0, 4, (2, 3)))


def test_half_of_what_comes_back_is_old_and_nothing_is_lost_or_doubled():
    torch.manual_seed(0)
    pool, given, old = SamplePool(50, (1,)), [], 0
    for first in range(0, 4000, 4):
        fakes = _batch(first, 4)
        out = pool.exchange(fakes)
        given += out.flatten().tolist()
        if first >= 200:
            old += (out != fakes).sum().item()
    assert old / 3800 == pytest.approx(0.5, abs=0.03)
    # what was returned once as new and once as old is what the pool was filled with: the first 50
    held = pool.samples.flatten().tolist()
    assert len(set(held)) == 50
    assert set(given) | set(held) == set(map(float, range(4000)))
    assert len(given) - len(set(given)) == 50 - len(set(held) & set(range(50)))


def test_what_is_stored_is_a_copy_without_history():
    pool, fakes = SamplePool(2, (1,)), _batch(0, 2).requires_grad_()
    out = pool.exchange(fakes * 1)
    out.zero_()
    assert pool.samples.flatten().tolist() == [0, 1]
    assert not pool.samples.requires_grad


def test_a_fresh_pool_goes_on_from_a_checkpoint():
    torch.manual_seed(0)
    pool = SamplePool(4, (1, 2))
    pool.exchange(_batch(0, 3, (1, 2)))
    saved, chance = copy.deepcopy(pool.state_dict()), torch.get_rng_state()
    unbroken = [pool.exchange(_batch(first, 2, (1, 2))) for first in range(3, 23, 2)]

    resumed = copy.deepcopy(SamplePool(4, (1, 2)))
    resumed.load_state_dict(saved)
    torch.set_rng_state(chance)
    again = [resumed.exchange(_batch(first, 2, (1, 2))) for first in range(3, 23, 2)]
    assert torch.equal(torch.cat(again), torch.cat(unbroken))
    assert torch.equal(resumed.samples, pool.samples)


def test_low_precision_fakes_keep_their_dtype():
    pool = SamplePool(1, (3,))
    for _ in range(4):
        assert pool.exchange(torch.ones(2, 3).bfloat16()).dtype == torch.bfloat16


def test_its_state_is_buffers_only():
    assert set(SamplePool(2, (3,)).state_dict()) == {"samples", "count"}
