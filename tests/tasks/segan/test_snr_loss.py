from __future__ import annotations

import math

import pytest
import torch

from condgen.tasks.segan.snr_loss import CEILING, snr_loss


def speech(size: int = 2) -> torch.Tensor:
    return torch.sin(torch.arange(1000) / 7).expand(size, 1, 1000) / 3


@pytest.mark.parametrize("ratio", [-10.0, 0.0, 10.0])
def test_it_is_minus_the_ratio_in_decibels(ratio):
    """An error in proportion to the speech has a known power."""
    made = speech() * (1 + 10 ** (-ratio / 20))
    wanted = 10 * math.log10(10 ** (-ratio / 10) + CEILING)
    assert snr_loss(made, speech()).item() == pytest.approx(wanted, abs=1e-3)


def test_every_window_counts_as_much_whatever_its_level():
    made, wanted = speech(), speech()
    made = made + torch.tensor([0.1, 0.01])[:, None, None] * wanted
    quiet = torch.tensor([1.0, 0.3])[:, None, None]
    assert snr_loss(quiet * made, quiet * wanted).item() == pytest.approx(snr_loss(made, wanted).item(), abs=0.01)
    mean = (snr_loss(made[:1], wanted[:1]) + snr_loss(made[1:], wanted[1:])) / 2
    assert snr_loss(made, wanted).item() == pytest.approx(mean.item(), abs=1e-5)


def test_it_ends_at_thirty_decibels_and_at_silence():
    assert snr_loss(speech(), speech()).item() == pytest.approx(-30, abs=0.01)
    silence = torch.zeros(1, 1, 1000, requires_grad=True)
    loss = snr_loss(silence, torch.zeros(1, 1, 1000))
    loss.backward()
    assert loss.item() == 0
    assert silence.grad.isfinite().all()
