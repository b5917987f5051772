from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from condgen.adversarial.objectives import ObjectiveName, objective
from condgen.conditioning.encoders import CodeSpace, one_hot
from condgen.conditioning.judging import (
    AuxiliaryClassifier,
    CodePrediction,
    CodeRegressor,
    ProjectionJudge,
    auxiliary_class_loss,
    matching_aware_losses,
    mutual_information_bound,
)

SPATIAL = [(), (5,), (3, 4), (2, 3, 2)]


@pytest.mark.parametrize("spatial", SPATIAL)
def test_projection_judge_by_its_formula(spatial):
    judge, features = ProjectionJudge(3, 4), torch.randn(2, 3, *spatial)
    labels = torch.tensor([2, 0])
    phi = features.reshape(2, 3, -1).sum(2)
    embedding = judge.embed.weight.T[labels]  # a row for each class
    wanted = (embedding * phi).sum(1) + phi @ judge.unconditional.weight[0] + judge.unconditional.bias
    torch.testing.assert_close(judge(features, one_hot(labels, 4)), wanted[:, None])


@pytest.mark.parametrize("spatial", SPATIAL)
def test_auxiliary_classifier(spatial):
    head = AuxiliaryClassifier(3, 5)
    features = torch.randn(2, 3)
    everywhere = features.reshape(2, 3, *[1] * len(spatial)).expand(2, 3, *spatial)
    torch.testing.assert_close(head(everywhere), head.classify(features))


def test_auxiliary_class_loss_by_hand():
    labels = torch.tensor([0, 3])
    assert auxiliary_class_loss(torch.zeros(2, 4), labels).item() == pytest.approx(math.log(4))
    logits = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    wanted = (math.log(1 + math.exp(-1)) + math.log(2)) / 2
    assert auxiliary_class_loss(logits, torch.tensor([0, 1])).item() == pytest.approx(wanted)
    extreme = torch.tensor([[1e4, -1e4]]).bfloat16().requires_grad_()
    loss = auxiliary_class_loss(extreme, torch.tensor([1]))
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    assert extreme.grad.isfinite().all()


class TestCodes:
    SPACE = CodeSpace(categorical=(10, 3), continuous=2)

    @pytest.mark.parametrize("spatial", SPATIAL)
    def test_the_regressor_predicts_every_code(self, spatial):
        prediction = CodeRegressor(4, self.SPACE)(torch.randn(6, 4, *spatial))
        assert [logits.shape for logits in prediction.class_logits] == [(6, 10), (6, 3)]
        assert prediction.mean.shape == (6, 2)

    @pytest.mark.parametrize("space", [CodeSpace(categorical=(4,)), CodeSpace(continuous=3)])
    def test_one_kind_of_code(self, space):
        prediction = CodeRegressor(4, space)(torch.randn(6, 4))
        assert mutual_information_bound(prediction, space.draw(6), space).isfinite()

    def test_guessing_is_worth_nothing_and_knowing_the_entropy(self):
        space = CodeSpace(categorical=(10, 3))
        code = space.draw(8)
        nothing = torch.zeros(8, 0)
        guess = CodePrediction((torch.zeros(8, 10), torch.zeros(8, 3)), nothing)
        assert mutual_information_bound(guess, code, space).item() == pytest.approx(0, abs=1e-6)
        known = tuple(100 * part for part in code.vector.split([10, 3], dim=1))
        bound = mutual_information_bound(CodePrediction(known, nothing), code, space)
        assert bound.item() == pytest.approx(math.log(30))

    def test_continuous_codes_by_the_gaussian_density(self):
        space = CodeSpace(continuous=2)
        code = space.draw(5)
        mean = torch.randn(5, 2) / 10
        prediction = CodePrediction((), mean)
        density = torch.distributions.Normal(mean, 1).log_prob(code.values).sum(1).mean()
        torch.testing.assert_close(mutual_information_bound(prediction, code, space), density + 2 * math.log(2))

    def test_the_weight_of_continuous_codes_leaves_the_others_alone(self):
        space = CodeSpace(categorical=(3,), continuous=2)
        code = space.draw(5)
        prediction = CodePrediction((torch.randn(5, 3),), torch.randn(5, 2))
        none, half, full = (mutual_information_bound(prediction, code, space, weight) for weight in (0, 0.5, 1))
        guess = CodeSpace(categorical=(3,))
        alone = CodePrediction(prediction.class_logits, torch.zeros(5, 0))
        torch.testing.assert_close(
            none, mutual_information_bound(alone, guess.encode(code.categories, torch.zeros(5, 0)), guess)
        )
        torch.testing.assert_close(half, (none + full) / 2)

    def test_extremes_stay_finite(self):
        prediction = CodePrediction(
            (torch.tensor([[1e4, -1e4]]).requires_grad_(),),
            torch.tensor([[1e4]]).bfloat16().requires_grad_(),
        )
        space = CodeSpace(categorical=(2,), continuous=1)
        bound = mutual_information_bound(prediction, space.encode(torch.tensor([[1]]), torch.tensor([[0.5]])), space)
        bound.backward()
        assert bound.isfinite()
        assert prediction.class_logits[0].grad.isfinite().all()
        assert prediction.mean.grad.isfinite().all()

    def test_a_regressor_learns_the_code(self):
        torch.manual_seed(0)
        space = CodeSpace(categorical=(3,), continuous=1)
        code, regressor = space.draw(64), CodeRegressor(4, space)
        optimizer = torch.optim.Adam(regressor.parameters(), 1e-2)
        for _ in range(100):
            bound = mutual_information_bound(regressor(code.vector), code, space)
            optimizer.zero_grad()
            (-bound).backward()
            optimizer.step()
        assert bound > 0.9 * (math.log(3) + math.log(2) - 0.5 * math.log(2 * math.pi))


class TestMatchingAware:
    @pytest.mark.parametrize("name", ObjectiveName)
    def test_kinds_share_the_weight_by_name(self, name):
        game = objective(name)
        real, fake, text, place = torch.randn(4, 4, 1)
        losses = matching_aware_losses(game, real, fake, {"wrong_text": (text, 0.5), "wrong_place": (place, 0.2)})
        assert list(losses) == ["adversarial", "wrong_text", "wrong_place"]
        torch.testing.assert_close(losses["adversarial"], 0.3 * game.discriminator(real, fake))
        torch.testing.assert_close(losses["wrong_text"], 0.5 * game.discriminator(real, text))
        torch.testing.assert_close(losses["wrong_place"], 0.2 * game.discriminator(real, place))

    def test_without_mismatches_it_is_the_plain_game(self):
        game, (real, fake) = objective(ObjectiveName.MINIMAX), torch.randn(2, 4, 1)
        for mismatched in ({}, {"wrong_text": (real, 0.0)}):
            losses = matching_aware_losses(game, real, fake, mismatched)
            assert losses == {"adversarial": game.discriminator(real, fake)}

    def test_reed_algorithm_1(self):
        right, wrong, fake = torch.randn(3, 4, 1)
        s_r, s_w, s_f = torch.sigmoid(right), torch.sigmoid(wrong), torch.sigmoid(fake)
        wanted = -(s_r.log().mean() + ((1 - s_w).log().mean() + (1 - s_f).log().mean()) / 2)
        losses = matching_aware_losses(objective(ObjectiveName.MINIMAX), right, fake, {"wrong_text": (wrong, 0.5)})
        torch.testing.assert_close(sum(losses.values()), wanted)

    def test_several_discriminators(self):
        right, wrong, fake = ([torch.randn(2, 1), torch.randn(2, 1, 3, 3)] for _ in range(3))
        game = objective(ObjectiveName.HINGE)

        def total(right, wrong, fake):
            return sum(matching_aware_losses(game, right, fake, {"wrong_text": (wrong, 0.5)}).values())

        apart = [total(*logits) for logits in zip(right, wrong, fake, strict=True)]
        torch.testing.assert_close(total(right, wrong, fake), apart[0] + apart[1])


def test_a_judge_learns_to_tell_right_from_wrong_conditions():
    torch.manual_seed(0)
    labels = torch.arange(4).repeat(4)
    sample, vector = nn.functional.one_hot(labels, 4).float() + 0.1 * torch.randn(16, 4), one_hot(labels, 4)
    wrong, fake, judge = vector.roll(1, 0), torch.randn(16, 4), ProjectionJudge(4, 4)
    game, optimizer = objective(ObjectiveName.NON_SATURATING), torch.optim.Adam(judge.parameters(), 2e-2)
    for _ in range(150):
        mismatched = {"wrong_text": (judge(sample, wrong), 0.5)}
        losses = matching_aware_losses(game, judge(sample, vector), judge(fake, vector), mismatched)
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    assert (judge(sample, vector) > judge(sample, wrong)).all()
