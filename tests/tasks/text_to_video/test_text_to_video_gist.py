from __future__ import annotations

import math

import pytest
import torch

from condgen.conditioning.condition import Condition
from condgen.tasks.text_to_video.gist import GistEncoder, GistGenerator, Posterior


def test_divergence_from_the_prior_by_hand():
    """KL(N(m, v) || N(0, 1)) = (m^2 + v - 1 - log v) / 2 nats for each number of a code."""
    assert Posterior(torch.zeros(2, 5), torch.zeros(2, 5)).divergence().item() == 0
    assert Posterior(torch.ones(2, 4), torch.zeros(2, 4)).divergence().item() == pytest.approx(2)
    mean, log_variance = torch.tensor([[0.0], [2.0]]), torch.tensor([[math.log(3)], [0.0]])
    expected = ((3 - 1 - math.log(3)) / 2 + 4 / 2) / 2
    assert Posterior(mean, log_variance).divergence().item() == pytest.approx(expected)


def test_codes_are_drawn_around_the_mean():
    torch.manual_seed(0)
    code = Posterior(torch.full((20_000, 1), 3.0), torch.full((20_000, 1), math.log(0.25))).draw()
    assert code.mean().item() == pytest.approx(3, abs=0.02)
    assert code.std().item() == pytest.approx(0.5, abs=0.02)


def test_code_and_sentence_paint():
    torch.manual_seed(0)
    paint = GistGenerator(6, code=3, text_code=4, width=2, size=32)
    code, vector = torch.randn(2, 3), torch.randn(2, 6)
    gist = paint(code, Condition(vector=vector))
    assert gist.shape == (2, 3, 32, 32)
    assert gist.abs().max() <= 1
    for other in (paint(-code, Condition(vector=vector)), paint(code, Condition(vector=-vector))):
        assert (gist - other).abs().max() > 1e-4


def test_the_posterior_sees_frame_and_sentence():
    torch.manual_seed(0)
    encode = GistEncoder(6, code=3, text_code=4, width=2, size=32)
    frame, vector = torch.randn(2, 3, 32, 32), torch.randn(2, 6)
    mean, log_variance = encode(frame, Condition(vector=vector))
    assert mean.shape == log_variance.shape == (2, 3)
    for other in (encode(frame.flip(0), Condition(vector=vector)), encode(frame, Condition(vector=-vector))):
        assert (mean - other.mean).abs().max() > 1e-4


def test_proposed_sizes():
    """100 numbers and 256 of the sentence to 64 pixels, and back."""
    with torch.device("meta"):
        gist = GistGenerator(384)(torch.empty(2, 100), Condition(vector=torch.empty(2, 384)))
        posterior = GistEncoder(384)(gist, Condition(vector=torch.empty(2, 384)))
    assert gist.shape == (2, 3, 64, 64)
    assert posterior.mean.shape == (2, 100)
