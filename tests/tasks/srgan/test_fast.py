"""The rewritten generator against the plain one."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from condgen.tasks.srgan.fast import Flow, fold, spans
from condgen.tasks.srgan.networks import Activation, Generator

VARIANTS = {
    "paper x2": {"scale": 2},
    "paper x3": {"scale": 3},
    "paper x4": {},
    "paper x8": {"scale": 8},
    "no batch norm, 5x5 ends": {"batch_norm": False, "edge_kernel": 5},
    "3x3 ends, x3": {"scale": 3, "edge_kernel": 3},
    "no body end, no long skip, ReLU": {"body_end": False, "long_skip": False, "block_activation": Activation.RELU},
    "MSRResNet": {
        "batch_norm": False,
        "block_activation": Activation.RELU,
        "upsample_activation": Activation.LEAKY_RELU,
        "edge_kernel": 3,
        "long_skip": False,
        "refine": True,
        "body_end": False,
        "add_interpolated": True,
    },
    "tanh": {"tanh_output": True},
}


def plainly(generator: Generator, low: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return generator(low)


def lived_in(**arguments) -> Generator:
    """A small generator whose norms, slopes and biases are not at their start values."""
    torch.manual_seed(0)
    generator = Generator(residual_blocks=2, channels=8, **arguments).eval()
    with torch.no_grad():
        for module in generator.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.1)
            elif isinstance(module, nn.PReLU):
                module.weight.uniform_(0.05, 0.5)
            elif isinstance(module, nn.Conv2d):
                module.bias.normal_(0, 0.1)
    return generator


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_fold_gives_the_same_picture(variant):
    generator, low = lived_in(**variant), torch.rand(2, 3, 11, 14)
    made = fold(generator)(low)
    torch.testing.assert_close(made, plainly(generator, low), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("tile", [4, 8, 25])  # 1, 1 and 13 rows a strip; bands of 16 or more columns
@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_strips_and_bands_give_the_same_picture(variant, tile):
    generator, low = lived_in(**variant), torch.rand(1, 3, 41, 47)
    expected, network = plainly(generator, low), fold(generator)
    flow, parts = Flow(network, 47, tile), []
    for top, bottom in spans(41, flow.rows):
        parts.append(flow.push(low[:, :, top:bottom], last=bottom == 41))
    assert len(parts) == math.ceil(41 / flow.rows) > 1
    torch.testing.assert_close(torch.cat(parts, dim=2), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 60), (60, 1)])
def test_pictures_of_one_pixel_width(size):
    generator, low = lived_in(), torch.rand(1, 3, *size)
    torch.testing.assert_close(fold(generator)(low), plainly(generator, low), atol=1e-5, rtol=1e-5)


def test_fold_needs_no_convolution_at_full_size_and_leaves_the_generator_alone():
    generator = lived_in().train()
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    folded = fold(generator, torch.bfloat16)
    shapes = [tuple(layer.weight.shape) for layer in folded.enlarge if not isinstance(layer, nn.PixelShuffle)]
    assert shapes == [(32, 8, 3, 3), (32, 8, 3, 3), (12, 32, 5, 5)]
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert generator.training
    assert generator.body[0].norm1.training
    for name, tensor in generator.state_dict().items():
        assert tensor.dtype == before[name].dtype
        assert torch.equal(tensor, before[name])
    assert all(parameter.requires_grad for parameter in generator.parameters())


def test_bf16_stays_near_and_answers_in_fp32():
    generator, low = lived_in(), torch.rand(1, 3, 16, 16)
    made = fold(generator, torch.bfloat16)(low)
    assert made.dtype == torch.float32
    exact = fold(generator)(low)
    assert 0 < (made - exact).abs().mean() < 0.02


@pytest.mark.parametrize(("extent", "size"), [(1, 64), (64, 64), (65, 64), (1000, 96)])
def test_spans_cover_without_overlap(extent, size):
    parts = list(spans(extent, size))
    assert [pixel for start, end in parts for pixel in range(start, end)] == list(range(extent))
    lengths = [end - start for start, end in parts]
    assert max(lengths) <= size
    assert max(lengths) - min(lengths) <= 1
