from __future__ import annotations

import pytest
import torch
from torch import nn

from condgen.networks.clips import ClipConvolution, zeros_in_time


def test_it_is_torchs_convolution():
    torch.manual_seed(0)
    mine, torchs = ClipConvolution(3, 4, (3, 5, 3), padding=(1, 2, 1)), nn.Conv3d(3, 4, (3, 5, 3), padding=(1, 2, 1))
    torchs.load_state_dict(mine.state_dict())
    clips = torch.randn(2, 3, 4, 6, 5)
    torch.testing.assert_close(mine(clips), torchs(clips))


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_gradients_in_half_precision_are_those_in_full(frames):
    torch.manual_seed(0)
    layer, clips = ClipConvolution(8, 8, 3, padding=1), torch.randn(2, 8, frames, 8, 8)
    gradients = []
    for half in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = layer(clips).float().square().sum()
        gradients += torch.autograd.grad(loss, [layer.weight])
    full, half = gradients
    assert (half - full).norm() < 0.02 * full.norm()


def test_zeros_in_time():
    padded = zeros_in_time(torch.ones(1, 2, 3, 4, 4), 2)
    assert padded.shape == (1, 2, 7, 4, 4)
    assert padded.sum((0, 1, 3, 4)).tolist() == [0, 0, 32, 32, 32, 0, 0]
