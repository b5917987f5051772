from __future__ import annotations

import math

import pytest
import torch

from condgen.tasks.segan.spectral_loss import RESOLUTIONS, spectral_loss


def noise(seed, shape=(2, 1, 4096)):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) / 4


def test_of_a_signal_and_itself_it_is_nothing():
    assert spectral_loss(noise(0), noise(0)) == 0
    assert spectral_loss(torch.zeros(1, 1, 4096), torch.zeros(1, 1, 4096)) == 0


@pytest.mark.parametrize("gain", [0.5, 1.5, 3.0])
def test_of_another_level_by_hand(gain):
    """Every magnitude differs by the gain: convergence |1 - g|, logarithms |ln g|, at every resolution."""
    wanted = abs(1 - gain) + abs(math.log(gain))
    assert spectral_loss(gain * noise(0), noise(0)).item() == pytest.approx(wanted, rel=1e-3)


def test_the_phase_is_not_judged():
    assert spectral_loss(-noise(0), noise(0)) == 0


def test_against_the_formula_with_plain_operations():
    made, wanted, total = noise(0), noise(1), 0.0
    for size, hop, length in RESOLUTIONS:
        window = torch.zeros(size)
        window[(size - length) // 2 : (size + length) // 2] = torch.hann_window(length)
        padded = torch.nn.functional.pad(torch.cat([made, wanted]), (size // 2, size // 2), mode="reflect")
        frames = padded[:, 0].unfold(1, size, hop) * window
        mine, theirs = torch.fft.rfft(frames).abs().clamp(min=1e-4).split(2)
        total += ((theirs - mine).square().sum() / theirs.square().sum()).sqrt()
        total += (mine / theirs).log().abs().mean()
    torch.testing.assert_close(spectral_loss(made, wanted), total / 3)


@pytest.mark.parametrize("wanted", [noise(0), torch.zeros(2, 1, 4096)], ids=["speech", "silence"])
def test_gradients_are_finite_even_in_silence(wanted):
    for made in (torch.zeros(2, 1, 4096), noise(1)):
        made.requires_grad_()
        spectral_loss(made, wanted).backward()
        assert made.grad.isfinite().all()
    assert made.grad.any()


def test_it_is_computed_in_fp32_inside_autocast():
    made = noise(1).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        loss = spectral_loss(made, noise(0))
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, spectral_loss(made.float(), noise(0)))
