from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.distributed
import torch.multiprocessing

from condgen.adversarial.objectives import (
    BoundaryEquilibrium,
    EnergyBased,
    ObjectiveName,
    TaskSpecific,
    objective,
    reconstruction_energy,
    refuse_misuse,
)

SOFTPLUS_1 = math.log(1 + math.e)  # softplus(1); softplus(-1) is 1 less


@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [
        (ObjectiveName.MINIMAX, 2 * math.log(2), -math.log(2)),
        (ObjectiveName.NON_SATURATING, 2 * math.log(2), math.log(2)),
        (ObjectiveName.LEAST_SQUARES, 1, 1),
        (ObjectiveName.HINGE, 2, 0),
        (ObjectiveName.WASSERSTEIN, 0, 0),
        (ObjectiveName.ENERGY_BASED, 10, 0),
        (ObjectiveName.BOUNDARY_EQUILIBRIUM, 0, 0),
        (ObjectiveName.TASK_SPECIFIC, math.log(2), -math.log(2) / 2),
        (ObjectiveName.RELATIVISTIC_AVERAGE, 2 * math.log(2), 2 * math.log(2)),
    ],
)
def test_a_discriminator_that_knows_nothing(name, discriminator, generator):
    game, zero = objective(name), torch.zeros(4, 1)
    assert game.discriminator(zero, zero).item() == pytest.approx(discriminator)
    assert game.generator(zero, zero).item() == pytest.approx(generator, abs=1e-7)


@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [  # real logits (3, -1), fake logits (1, 0), by hand
        (ObjectiveName.HINGE, (0 + 2) / 2 + (2 + 1) / 2, -0.5),
        (ObjectiveName.LEAST_SQUARES, (4 + 4) / 2 + (1 + 0) / 2, (0 + 1) / 2),
        (ObjectiveName.WASSERSTEIN, 0.5 - 1, -0.5),
        (
            ObjectiveName.MINIMAX,
            (math.log(1 + math.exp(-3)) + SOFTPLUS_1) / 2 + (SOFTPLUS_1 + math.log(2)) / 2,
            -(SOFTPLUS_1 + math.log(2)) / 2,
        ),
        (
            ObjectiveName.NON_SATURATING,
            (math.log(1 + math.exp(-3)) + SOFTPLUS_1) / 2 + (SOFTPLUS_1 + math.log(2)) / 2,
            (SOFTPLUS_1 - 1 + math.log(2)) / 2,
        ),
        (
            ObjectiveName.RELATIVISTIC_AVERAGE,  # means: real 1, fake 0.5
            (math.log(1 + math.exp(-2.5)) + math.log(1 + math.exp(1.5))) / 2
            + (math.log(2) + math.log(1 + math.exp(-1))) / 2,
            (math.log(2) + math.log(1 + math.exp(1))) / 2
            + (math.log(1 + math.exp(2.5)) + math.log(1 + math.exp(-1.5))) / 2,
        ),
    ],
)
def test_by_hand(name, discriminator, generator):
    real, fake = torch.tensor([3.0, -1.0]), torch.tensor([1.0, 0.0])
    assert objective(name).discriminator(real, fake).item() == pytest.approx(discriminator)
    assert objective(name).generator(fake, real).item() == pytest.approx(generator)


@pytest.mark.parametrize("name", ObjectiveName)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_finite_at_extreme_logits(name, dtype):
    game = objective(name)
    for size in (1e4, -1e4):
        real = torch.tensor([size, -size, 0.0], dtype=dtype, requires_grad=True)
        fake = torch.tensor([-size, size, 0.0], dtype=dtype, requires_grad=True)
        for loss in (game.discriminator(real, fake), game.generator(fake, real)):
            assert loss.dtype == torch.float32
            assert loss.isfinite()
            loss.backward()
        assert real.grad.isfinite().all()
        assert fake.grad.isfinite().all()
        assert fake.grad.dtype == dtype


@pytest.mark.parametrize("name", ObjectiveName)
def test_low_precision_logits_are_averaged_in_full_precision(name):
    """The mean of many bf16 values, kept in bf16, would be off in the third digit."""
    logits = torch.randn(2, 1001, generator=torch.Generator().manual_seed(0)).bfloat16()
    game = objective(name)
    assert torch.equal(game.discriminator(*logits), game.discriminator(*logits.float()))
    assert torch.equal(game.generator(logits[1], logits[0]), game.generator(logits[1].float(), logits[0].float()))


@pytest.mark.parametrize("name", ObjectiveName)
def test_several_discriminators_add_up(name):
    game = objective(name)
    real, fake = [torch.randn(3, 1), torch.randn(3, 1, 5, 5)], [torch.randn(3, 1), torch.randn(3, 1, 5, 5)]
    apart = [game.discriminator(r, f) for r, f in zip(real, fake, strict=True)]
    torch.testing.assert_close(game.discriminator(real, fake), apart[0] + apart[1])
    apart = [game.generator(f, r) for r, f in zip(real, fake, strict=True)]
    torch.testing.assert_close(game.generator(fake, real), apart[0] + apart[1])
    with pytest.raises(ValueError, match="shorter"):
        game.discriminator(real, fake[:1])


@pytest.mark.parametrize("name", ObjectiveName)
def test_the_generator_needs_real_logits_only_where_it_says_so(name):
    game, fake = objective(name), torch.randn(4)
    if game.generator_needs_real:
        with pytest.raises(ValueError, match="real samples"):
            game.generator(fake)
    else:
        assert torch.equal(game.generator(fake), game.generator(fake, torch.randn(4)))


def test_the_non_saturating_generator_still_learns_when_it_is_losing():
    gradients = {}
    for name in (ObjectiveName.MINIMAX, ObjectiveName.NON_SATURATING):
        fake = torch.tensor([-30.0], requires_grad=True)
        objective(name).generator(fake).backward()
        gradients[name] = fake.grad.item()
    assert abs(gradients[ObjectiveName.MINIMAX]) < 1e-12
    assert gradients[ObjectiveName.NON_SATURATING] == pytest.approx(-1)


def test_energy_based_ignores_fakes_beyond_the_margin():
    real, fake = torch.tensor([1.0, 2.0]), torch.tensor([0.5, 7.0], requires_grad=True)
    loss = EnergyBased(margin=3).discriminator(real, fake)
    assert loss.item() == pytest.approx(1.5 + (2.5 + 0) / 2)
    loss.backward()
    assert fake.grad.tolist() == [-0.5, 0]
    assert EnergyBased(margin=3).generator(fake).item() == pytest.approx(3.75)
    with pytest.raises(ValueError, match="margin"):
        EnergyBased(margin=0)


def test_reconstruction_energy_is_a_mean_for_each_sample():
    sample, reconstruction = torch.zeros(2, 1, 2, 2), torch.ones(2, 1, 2, 2)
    reconstruction[1] *= 3
    assert reconstruction_energy(sample, reconstruction).tolist() == [1, 3]
    assert reconstruction_energy(sample, reconstruction, power=2).tolist() == [1, 9]


class TestBoundaryEquilibrium:
    def test_the_balance_moves_by_its_rule_and_weighs_the_fakes(self):
        game = BoundaryEquilibrium(ratio=0.5, rate=0.1)
        game.update(real=torch.tensor([4.0, 8.0]), fake=torch.tensor([1.0]))
        assert game.balance.item() == pytest.approx(0.1 * (0.5 * 6 - 1))
        loss = game.discriminator(torch.tensor([5.0]), torch.tensor([2.0]))
        assert loss.item() == pytest.approx(5 - 0.2 * 2)
        assert game.generator(torch.tensor([2.0])).item() == 2
        assert game.convergence(torch.tensor([4.0]), torch.tensor([3.0])).item() == pytest.approx(4 + 1)

    def test_the_balance_stays_in_its_range_and_survives_bad_energies(self):
        game = BoundaryEquilibrium(rate=1)
        game.update(real=torch.tensor([100.0]), fake=torch.tensor([0.0]))
        assert game.balance.item() == 1
        game.update(real=torch.tensor([math.nan]), fake=torch.tensor([0.0]))
        assert game.balance.item() == 1
        game.update(real=torch.tensor([0.0]), fake=torch.tensor([100.0]))
        assert game.balance.item() == 0

    def test_the_balance_is_checkpointed(self):
        game, fresh = BoundaryEquilibrium(rate=0.25), BoundaryEquilibrium(rate=0.25)
        game.update(real=torch.tensor([2.0]), fake=torch.tensor([0.0]))
        fresh.load_state_dict(game.state_dict())
        assert fresh.balance.item() == 0.25

    def test_ranks_agree_on_the_balance(self, tmp_path):
        arguments = (str(tmp_path / "meeting"), str(tmp_path))
        torch.multiprocessing.start_processes(_update_on_rank, arguments, nprocs=2, start_method="fork")
        balances = [torch.load(tmp_path / f"{rank}.pt").item() for rank in range(2)]
        assert balances == [pytest.approx(0.1 * (0.5 * (1 + 5) / 2 - 1))] * 2


def _update_on_rank(rank: int, meeting: str, folder: str) -> None:
    torch.set_num_threads(1)  # threads do not survive a fork
    torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    game = BoundaryEquilibrium(rate=0.1)
    game.update(real=torch.tensor([1.0 + 4 * rank]), fake=torch.tensor([1.0]))
    torch.save(game.balance, Path(folder, f"{rank}.pt"))
    torch.distributed.destroy_process_group()


class TestTaskSpecific:
    """On three symbols, with samples in exactly the proportions of P and Q."""

    P, Q = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.1, 0.3, 0.6])
    REAL, FAKE = torch.tensor([0] * 5 + [1] * 3 + [2] * 2), torch.tensor([0] * 1 + [1] * 3 + [2] * 6)

    @staticmethod
    def divergence(pi, p, q):
        mixture = pi * p + (1 - pi) * q
        return pi * (p * (p / mixture).log()).sum() + (1 - pi) * (q * (q / mixture).log()).sum()

    @pytest.mark.parametrize("pi", [0.1, 0.5, 0.8])
    def test_the_best_discriminator_measures_the_divergence(self, pi):
        game = TaskSpecific(pi)
        best = (pi * self.P / ((1 - pi) * self.Q)).log().requires_grad_()
        smallest = game.discriminator(best[self.REAL], best[self.FAKE])
        (gradient,) = torch.autograd.grad(smallest, best)
        torch.testing.assert_close(gradient, torch.zeros(3), atol=1e-7, rtol=0)
        entropy = -pi * math.log(pi) - (1 - pi) * math.log(1 - pi)
        torch.testing.assert_close(entropy - smallest, self.divergence(pi, self.P, self.Q))
        for noise in 0.3 * torch.randn(20, 3):
            assert game.discriminator((best + noise)[self.REAL], (best + noise)[self.FAKE]) > smallest

    @pytest.mark.parametrize("pi", [0.1, 0.5, 0.8])
    def test_the_generator_descends_the_divergence(self, pi):
        weights = self.Q.log().requires_grad_()
        q = weights.softmax(0)
        (wanted,) = torch.autograd.grad(self.divergence(pi, self.P, q), weights, retain_graph=True)
        best = (pi * self.P / ((1 - pi) * self.Q)).log()
        loss = sum(q[symbol] * TaskSpecific(pi).generator(best[symbol]) for symbol in range(3))
        (got,) = torch.autograd.grad(loss, weights)
        torch.testing.assert_close(got, wanted)

    def test_its_limits_are_the_two_kullback_leibler_divergences(self):
        forward = (self.P * (self.P / self.Q).log()).sum()
        backward = (self.Q * (self.Q / self.P).log()).sum()
        p, q = self.P.double(), self.Q.double()
        assert (self.divergence(1e-4, p, q) / 1e-4).item() == pytest.approx(forward.item(), rel=1e-3)
        assert (self.divergence(1 - 1e-4, p, q) / 1e-4).item() == pytest.approx(backward.item(), rel=1e-3)

    @pytest.mark.parametrize("pi", [0, 1, -0.5])
    def test_pi_is_a_true_mixture(self, pi):
        with pytest.raises(ValueError, match="pi"):
            TaskSpecific(pi)


def test_settings_reach_the_class():
    assert objective(ObjectiveName.ENERGY_BASED, margin=2).margin == 2
    assert objective(ObjectiveName.TASK_SPECIFIC, pi=0.25).pi == 0.25


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        (ObjectiveName.ENERGY_BASED, {}, "judges energies of an autoencoder"),
        (ObjectiveName.HINGE, {"energies": True}, "judges logits"),
        (ObjectiveName.WASSERSTEIN, {"lipschitz": False}, "weight_clip, e.g. 0.01"),
        (ObjectiveName.RELATIVISTIC_AVERAGE, {"micro_batches": 2}, "micro_batches=1 and use one process"),
    ],
)
def test_misuse_is_refused(name, change, words):
    fitting = {"energies": False, "lipschitz": True, "micro_batches": 1}
    with pytest.raises(ValueError, match=words):
        refuse_misuse(name, **{**fitting, **change})
    refuse_misuse(ObjectiveName.HINGE, **fitting)


def test_a_mean_over_the_batch_needs_one_process(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="one process"):
        refuse_misuse(ObjectiveName.RELATIVISTIC_AVERAGE, energies=False, lipschitz=True, micro_batches=1)
