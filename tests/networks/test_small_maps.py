"""Convolutions as products give what the library's convolutions give, whatever the size of the map."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from condgen.networks.small_maps import Convolution, Doubling, with_products
from condgen.runtime.device import channels_last


def randomised(layer: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return channels_last(layer).requires_grad_(False)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(2, 2), (4, 6), (8, 8), (20, 32)])
@pytest.mark.parametrize(
    "layer",
    [
        lambda bias: nn.Conv2d(3, 40, 4, stride=2, padding=1, bias=bias),
        lambda bias: nn.Conv2d(3, 40, 3, padding=1, bias=bias),
        lambda bias: nn.Conv2d(3, 40, (1, 2), stride=(1, 2), bias=bias),
        lambda bias: nn.ConvTranspose2d(3, 10, 4, stride=2, padding=1, bias=bias),
    ],
)
def test_products_are_the_convolution(layer, size, bias):
    layer = randomised(layer(bias))
    features = torch.randn(2, 3, *size).contiguous(memory_format=torch.channels_last)
    made = with_products(nn.Sequential(layer))(features)
    torch.testing.assert_close(made, layer(features), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "size", "is_product"),
    [
        (nn.Conv2d(2, 16, 4, stride=2, padding=1), 8, True),  # 16 windows, 16 channels
        (nn.Conv2d(2, 15, 4, stride=2, padding=1), 8, False),
        (nn.ConvTranspose2d(2, 4, 4, stride=2, padding=1), 3, True),  # 16 windows, 16 columns
        (nn.ConvTranspose2d(2, 3, 4, stride=2, padding=1), 3, False),
    ],
)
def test_large_maps_are_left_to_the_library(layer, size, is_product):
    calls = []
    layer = randomised(layer)
    layer.register_forward_hook(lambda *_: calls.append(1))
    with_products(nn.Sequential(layer))(torch.randn(1, 2, size, size))
    assert bool(calls) is not is_product


def test_other_layers_stay():
    kept = nn.Sequential(
        nn.Conv2d(4, 4, 3, groups=2),
        nn.Conv2d(4, 4, 3, dilation=2),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
        nn.ConvTranspose2d(4, 4, 3, stride=2, padding=1, output_padding=1),
        nn.Conv1d(4, 4, 3),
        nn.ReLU(),
    )
    layers = list(kept)
    assert list(with_products(kept)) == layers
    assert not any(isinstance(layer, Convolution | Doubling) for layer in kept)
