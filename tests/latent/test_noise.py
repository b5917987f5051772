from __future__ import annotations

import numpy as np
import pytest
import torch

from condgen.latent.noise import numbered_noise


def test_a_row_depends_on_its_number_and_the_seed_alone():
    noise = numbered_noise([0, 5, 2], 4, seed=3)
    assert noise.dtype == torch.float32
    assert noise[1].tolist() == np.random.default_rng((3, 5)).standard_normal(4).astype(np.float32).tolist()
    assert torch.equal(noise[1], numbered_noise([5], 4, seed=3)[0])
    assert not torch.equal(noise[1], numbered_noise([5], 4, seed=4)[0])


def test_it_is_normal():
    noise = numbered_noise(range(4000), 3)
    assert noise.mean().item() == pytest.approx(0, abs=0.03)
    assert noise.std().item() == pytest.approx(1, abs=0.03)


def test_of_no_numbers():
    assert numbered_noise([], 4).shape == (0, 4)
