from __future__ import annotations

import pytest
import torch
from torch import nn

from condgen.networks.clips import ClipConvolution, TransposedClipConvolution, padded


def test_it_is_torchs_convolution():
    torch.manual_seed(0)
    mine, torchs = ClipConvolution(3, 4, (3, 5, 3), padding=(1, 2, 1)), nn.Conv3d(3, 4, (3, 5, 3), padding=(1, 2, 1))
    torchs.load_state_dict(mine.state_dict())
    clips = torch.randn(2, 3, 4, 6, 5)
    torch.testing.assert_close(mine(clips), torchs(clips))


@pytest.mark.parametrize("form", [(1, 1, 1), (2, 1, 1), (4, 1, 1), (1, 2, 3)])
def test_it_is_torchs_transposed_convolution(form):
    torch.manual_seed(0)
    mine, torchs = (kind(3, 4, 4, stride=2, padding=1) for kind in (TransposedClipConvolution, nn.ConvTranspose3d))
    torchs.load_state_dict(mine.state_dict())
    clips = torch.randn(2, 3, *form)
    torch.testing.assert_close(mine(clips), torchs(clips))


CASES = [
    *((ClipConvolution, 3, 1, (frames, 8, 8)) for frames in (1, 2, 3)),
    (ClipConvolution, 3, 2, (4, 1, 1)),
    (ClipConvolution, 4, 2, (4, 2, 2)),
    (ClipConvolution, 5, 1, (2, 2, 2)),
    (TransposedClipConvolution, 4, 2, (2, 1, 1)),
    (TransposedClipConvolution, 4, 2, (4, 1, 1)),
]


@pytest.mark.parametrize(("kind", "kernel", "stride", "form"), CASES)
def test_gradients_in_half_precision_are_those_in_full(kind, kernel, stride, form):
    torch.manual_seed(0)
    layer = kind(8, 8, kernel, stride=stride, padding=(kernel - 1) // 2)
    clips = torch.randn(2, 8, *form).to(memory_format=torch.channels_last_3d)
    gradients = []
    for half in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = layer(clips).float().square().sum()
        gradients += torch.autograd.grad(loss, [layer.weight])
    full, half = gradients
    assert (half - full).norm() < 0.02 * full.norm()


def test_zeros_where_a_map_is_smaller_than_the_kernel():
    features, left = padded(torch.ones(1, 2, 3, 4, 9), (5, 5, 5), (2, 1, 2))
    assert features.shape == (1, 2, 7, 6, 9)
    assert left == (0, 0, 2)
    assert features.sum((0, 1, 3, 4)).tolist() == [0, 0, 72, 72, 72, 0, 0]
    assert features.sum((0, 1, 2, 4)).tolist() == [0, 54, 54, 54, 54, 0]
