from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from condgen.conditioning.sentence import ConditioningAugmentation, interpolated, sentence_condition


def augmentation(mean: float, log_deviation: float) -> ConditioningAugmentation:
    """One whose Gaussian is the same for every sentence."""
    module = ConditioningAugmentation(3, 2)
    torch.nn.init.zeros_(module.mean_and_log_deviation.weight)
    with torch.no_grad():
        module.mean_and_log_deviation.bias.copy_(torch.tensor([mean, mean, log_deviation, log_deviation]))
    return module


def test_the_divergence_by_hand():
    """KL(N(m, s^2) || N(0, 1)) = (m^2 + s^2 - 1) / 2 - log s."""
    _, divergence = augmentation(0.5, math.log(2))(torch.randn(4, 3))
    assert divergence.item() == pytest.approx((0.25 + 4 - 1) / 2 - math.log(2))
    assert augmentation(0.0, 0.0)(torch.randn(4, 3))[1].item() == 0


def test_codes_are_drawn_around_the_mean_in_training_alone():
    torch.manual_seed(0)
    module, vector = augmentation(3.0, math.log(2)), torch.randn(20_000, 3)
    code, _ = module(vector)
    assert code.shape == (20_000, 2)
    assert code.mean().item() == pytest.approx(3, abs=0.05)
    assert code.std().item() == pytest.approx(2, abs=0.05)
    assert torch.equal(module.eval()(vector)[0], torch.full((20_000, 2), 3.0))


def test_gradients_reach_the_layer_through_the_drawn_code():
    module = ConditioningAugmentation(3, 2)
    module(torch.randn(4, 3))[0].sum().backward()
    assert module.mean_and_log_deviation.weight.grad.any(dim=1).all()


def test_sentences_between_two_by_hand():
    vectors = torch.tensor([[0.0, 8.0], [2.0, 2.0], [4.0, 0.0], [6.0, 2.0]])
    assert torch.equal(interpolated(vectors), torch.tensor([[2.0, 4.0], [4.0, 2.0]]))
    assert torch.equal(interpolated(vectors, 0.75), torch.tensor([[1.0, 6.0], [3.0, 2.0]]))
    assert torch.equal(interpolated(vectors[:3]), torch.tensor([[1.0, 5.0]]))  # the last of three is left out
    with pytest.raises(ValueError, match="batch of 1"):
        interpolated(vectors[:1])


def test_sentences_are_vectors_or_go_through_the_encoder():
    right, wrong = torch.zeros(2, 3), torch.ones(2, 3)
    vectors = SimpleNamespace(text=right, wrong_text=wrong)
    assert sentence_condition(None, vectors).vector is right
    assert sentence_condition(None, vectors, wrong=True).vector is wrong
    tokens = SimpleNamespace(codes=right, mask=right, wrong_codes=wrong, wrong_mask=wrong)

    def encoder(tokens):
        return SimpleNamespace(vector=(tokens.codes + tokens.mask).bfloat16())

    assert sentence_condition(encoder, tokens).vector.equal(right)
    assert sentence_condition(encoder, tokens, wrong=True).vector.equal(2 * wrong)  # fp32 again
