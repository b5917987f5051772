from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from condgen.conditioning.text_filter import TextFilter, filtered

CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
CASES = {  # spatial, kernel, padding
    "wave": ((9,), (3,), 1),
    "picture": ((6, 5), (5, 3), (2, 1)),
    "clip": ((4, 5, 5), (3, 3, 3), (2, 1, 1)),  # the time axis grows, as in TFGAN's second stage
    "frames": ((4, 5, 5), (1, 3, 3), (0, 1, 1)),
}


def one_by_one(features, filters, padding):
    convolution = CONVOLUTIONS[features.ndim - 2]
    pairs = zip(features, filters, strict=True)
    return torch.cat([convolution(one[None], own, padding=padding) for one, own in pairs])


def drawn(case: str, batch: int, dtype=torch.float32):
    spatial, kernel, padding = CASES[case]
    torch.manual_seed(0)
    features = torch.randn(batch, 3, *spatial, dtype=dtype, requires_grad=True)
    filters = torch.randn(batch, 4, 3, *kernel, dtype=dtype, requires_grad=True)
    return features, filters, padding


def test_by_hand():
    """A filter that doubles, and one that looks to the right."""
    features = torch.tensor([[[1.0, 2, 3]], [[1.0, 2, 3]]])
    filters = torch.tensor([[[[0.0, 2, 0]]], [[[0.0, 0, 1]]]])
    assert torch.equal(filtered(features, filters, 1), torch.tensor([[[2.0, 4, 6]], [[2.0, 3, 0]]]))


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("case", CASES)
def test_it_equals_a_loop_over_the_samples(case, batch):
    features, filters, padding = drawn(case, batch)
    wanted = one_by_one(features, filters, padding)
    made = filtered(features, filters, padding)
    torch.testing.assert_close(made, wanted)
    weights = torch.randn_like(wanted)
    gradients = (torch.autograd.grad((values * weights).sum(), (features, filters)) for values in (made, wanted))
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("case", CASES)
def test_second_derivatives_equal_those_of_the_loop(case, batch):
    """Of R1: the squared slope with respect to the features, by features and filters."""
    features, filters, padding = drawn(case, batch)

    def of_the_penalty(convolve):
        score = convolve(features, filters, padding).square().sum()
        (slope,) = torch.autograd.grad(score, features, create_graph=True)
        return torch.autograd.grad(slope.square().mean(), (features, filters))

    torch.testing.assert_close(of_the_penalty(filtered), of_the_penalty(one_by_one), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", ["picture", "clip"])
def test_layouts_and_samples_that_do_not_lie_together(case):
    features, filters, padding = drawn(case, 3)
    layout = torch.channels_last if features.ndim == 4 else torch.channels_last_3d
    wanted = filtered(features, filters, padding)
    torch.testing.assert_close(filtered(features.contiguous(memory_format=layout), filters, padding), wanted)
    spread, banks = (torch.stack([part, part], dim=1)[:, 0] for part in (features, filters))
    assert not spread.is_contiguous()
    torch.testing.assert_close(filtered(spread, banks, padding), wanted)


def test_in_bf16_and_in_fp32_with_filters_made_in_bf16():
    features, filters, padding = drawn("clip", 2)
    wanted = filtered(features, filters, padding)
    with torch.autocast("cpu", torch.bfloat16):
        made = filtered(features, filters, padding)
    assert made.dtype is torch.bfloat16
    torch.testing.assert_close(made.float(), wanted, rtol=0.02, atol=0.1)
    penalised = filtered(features, filters.bfloat16(), padding)
    assert penalised.dtype is torch.float32
    torch.testing.assert_close(penalised, wanted, rtol=0.02, atol=0.1)


@pytest.mark.parametrize("shape", [(2, 4, 3, 3, 3), (3, 4, 2, 3, 3), (3, 4, 3, 3), (3, 4, 3, 1, 3, 3)])
def test_filters_that_do_not_fit_are_refused(shape):
    with pytest.raises(ValueError, match="do not fit features"):
        filtered(torch.zeros(3, 3, 5, 5), torch.zeros(shape), 1)


def test_the_bank_is_the_text_s_linear_map():
    head = TextFilter(3, 2, 4, (1, 5))
    text = torch.randn(2, 3)
    bank = head(text)
    assert bank.shape == (2, 4, 2, 1, 5)
    torch.testing.assert_close(bank.flatten(1), text @ head.linear.weight.T + head.linear.bias)


def test_it_is_text2filters_transposed_convolution():
    head, transposed = TextFilter(6, 3, 4, (5, 5)), nn.ConvTranspose2d(6, 4 * 3, 5, bias=False)
    nn.init.zeros_(head.linear.bias)
    with torch.no_grad():
        head.linear.weight.copy_(transposed.weight.flatten(1).T)
    text = torch.randn(2, 6)
    torch.testing.assert_close(head(text).flatten(1, 2), transposed(text[:, :, None, None]))


def test_parameters_of_the_published_heads():
    """With the 1,510,656 of a tower's convolutions: 73.65 and 217.93 million."""
    with torch.device("meta"):
        for kernel, published in (((5, 5), 73.65e6), ((3, 5, 5), 217.93e6)):
            heads = [TextFilter(width, 32, 32, kernel) for width in (2560, 256)]
            count = sum(parameter.numel() for head in heads for parameter in head.parameters())
            assert 1_510_656 + count == pytest.approx(published, abs=5e3)


@pytest.mark.parametrize("square", [0.005, 1.0])
def test_the_scale_that_filters_start_with(square):
    """Variance (m + 1 / V) / 3."""
    torch.manual_seed(0)
    bank = TextFilter(64, 8, 16, (5, 5))(square**0.5 * torch.randn(32, 64).sign())
    assert bank.var().item() == pytest.approx((square + 1 / 64) / 3, rel=0.05)


@pytest.mark.parametrize("extent", [(2, 4, 4), (4, 4, 4), (1, 6, 3)])
def test_gradients_in_half_precision_on_maps_smaller_than_the_filters(extent):
    torch.manual_seed(0)
    features, filters = torch.randn(2, 4, *extent), torch.randn(2, 4, 4, 3, 5, 5, requires_grad=True)
    gradients = []
    for half in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = filtered(features, filters, (2, 2, 2)).float().square().sum()
        gradients += torch.autograd.grad(loss, [filters])
    full, half = gradients
    assert (half - full).norm() < 0.02 * full.norm()
