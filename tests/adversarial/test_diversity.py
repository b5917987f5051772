from __future__ import annotations

import copy
import math
from pathlib import Path

import pytest
import torch
import torch.distributed
import torch.multiprocessing
from torch import nn

from condgen.adversarial.diversity import (
    MinibatchDiscrimination,
    ReferenceBatch,
    VirtualBatchNorm,
    mean_feature_matching,
    neighbour_distance,
    paired_feature_matching,
    relative_diversity,
)
from condgen.adversarial.penalties import r1

SPATIAL = [(), (6,), (3, 4), (2, 3, 2)]


class TestMinibatchDiscrimination:
    def test_closeness_by_hand(self):
        layer = MinibatchDiscrimination(channels=2, kernels=1, kernel_width=2)
        with torch.no_grad():
            layer.tensor.copy_(torch.eye(2))
        features = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 2.0]])  # distances 1 (0, 1), 3 (0, 2), 2 (1, 2)
        wanted = [math.exp(-1) + math.exp(-3), math.exp(-1) + math.exp(-2), math.exp(-3) + math.exp(-2)]
        out = layer(features)
        assert torch.equal(out[:, :2], features)
        torch.testing.assert_close(out[:, 2], torch.tensor(wanted))

    def test_a_collapsed_batch_is_closest_and_a_single_sample_has_no_neighbour(self):
        layer = MinibatchDiscrimination(channels=4, kernels=3)
        torch.testing.assert_close(layer(torch.ones(5, 4))[:, 4:], torch.full((5, 3), 4.0))
        torch.testing.assert_close(layer(torch.ones(1, 4))[:, 4:], torch.zeros(1, 3))

    def test_kernels_are_independent(self):
        layer = MinibatchDiscrimination(channels=3, kernels=2, kernel_width=4)
        features = torch.randn(5, 3)
        alone = MinibatchDiscrimination(channels=3, kernels=1, kernel_width=4)
        with torch.no_grad():
            alone.tensor.copy_(layer.tensor[:, 4:])
        torch.testing.assert_close(layer(features)[:, 4], alone(features)[:, 3])

    def test_twice_differentiable_and_keeps_the_dtype(self):
        layer = MinibatchDiscrimination(channels=4, kernels=3)
        r1(lambda sample: layer(sample).sum(1), torch.randn(3, 4)).backward()
        assert layer.tensor.grad.abs().sum() > 0
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert layer(torch.randn(3, 4).bfloat16()).dtype == torch.bfloat16


class TestVirtualBatchNorm:
    @pytest.mark.parametrize("spatial", SPATIAL)
    def test_the_formula(self, spatial):
        layer, features = VirtualBatchNorm(3, reference_size=4), torch.randn(6, 3, *spatial) * 2 + 1
        out = layer(features)
        assert out.shape == features.shape
        for channel in range(3):
            reference, live = features[:4, channel], features[4:, channel]
            scale = layer.scale[channel]
            deviation = (reference.square().mean() - reference.mean() ** 2 + 1e-5).sqrt()
            torch.testing.assert_close(out[:4, channel], scale * (reference - reference.mean()) / deviation)
            mean = 4 / 5 * reference.mean() + 1 / 5 * live.mean()
            square = 4 / 5 * reference.square().mean() + 1 / 5 * live.square().mean()
            torch.testing.assert_close(out[4:, channel], scale * (live - mean) / (square - mean**2 + 1e-5).sqrt())

    def test_the_reference_is_untouched_by_the_batch_and_goes_alone(self):
        layer, reference = VirtualBatchNorm(2, reference_size=3), torch.randn(3, 2, 5)
        torch.testing.assert_close(layer(torch.cat([reference, torch.randn(2, 2, 5)]))[:3], layer(reference))

    def test_a_neighbour_hardly_moves_what_becomes_of_a_sample(self):
        """The point of the layer: in plain batch norm a neighbour weighs as much as the sample."""
        torch.manual_seed(0)
        reference, sample = torch.randn(100, 1, 64), torch.randn(1, 1, 64)
        together = torch.cat([sample, 20 * torch.randn(1, 1, 64)])
        layer, plain = VirtualBatchNorm(1, reference_size=100), nn.BatchNorm1d(1)
        alone, beside = (layer(torch.cat([reference, batch]))[100].std() for batch in (sample, together))
        assert (beside / alone).item() == pytest.approx((1 + 200 / 101) ** -0.5, rel=0.15)
        assert plain(together)[0].std() / plain(sample)[0].std() < 0.1

    def test_start_values(self):
        layer = VirtualBatchNorm(4000, reference_size=1)
        assert layer.scale.mean().item() == pytest.approx(1, abs=0.002)
        assert layer.scale.std().item() == pytest.approx(0.02, rel=0.1)
        assert not layer.shift.any()

    def test_gradients_flow_through_the_reference_statistics(self):
        layer, features = VirtualBatchNorm(2, reference_size=3), torch.randn(5, 2, 4, requires_grad=True)
        layer(features)[3:].square().sum().backward()
        assert features.grad[:3].abs().sum() > 0

    def test_constant_and_low_precision_input(self):
        layer = VirtualBatchNorm(2, reference_size=2)
        for value in (0.0, 123.456, 1234.567):  # rounding makes some of their variances negative
            features = torch.full((4, 2, 13), value, requires_grad=True)
            out = layer(features)
            out.sum().backward()
            assert out.isfinite().all()
            assert features.grad.isfinite().all()
        features = torch.randn(4, 2, 8).bfloat16()
        assert layer(features).dtype == torch.bfloat16
        torch.testing.assert_close(layer(features), layer(features.float()).bfloat16())


class _Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.reference = ReferenceBatch(3, (2, 8))
        self.layers = nn.Sequential(
            nn.Conv1d(2, 4, 3), VirtualBatchNorm(4, 3), nn.LeakyReLU(0.3), nn.Flatten(), nn.Linear(24, 1)
        )

    def forward(self, samples):
        return self.reference.drop(self.layers(self.reference(samples)))


class TestReferenceBatch:
    def test_it_goes_ahead_of_the_batch_and_is_dropped_again(self):
        reference, real, batch = ReferenceBatch(2, (1, 4)), torch.randn(5, 1, 4), torch.randn(3, 1, 4)
        reference.keep(real)
        assert torch.equal(reference(batch), torch.cat([real[:2], batch]))
        assert torch.equal(reference.drop(reference(batch)), batch)

    def test_it_must_be_kept_first_and_be_whole(self):
        reference = ReferenceBatch(4, (1, 4))
        with pytest.raises(RuntimeError, match="keep"):
            reference(torch.randn(2, 1, 4))
        with pytest.raises(ValueError, match="4 samples, got 3"):
            reference.keep(torch.randn(3, 1, 4))

    def test_a_discriminator_comes_back_from_its_state(self):
        discriminator, batch = _Discriminator(), torch.randn(4, 2, 8)
        fresh = copy.deepcopy(_Discriminator())
        fresh.load_state_dict(discriminator.state_dict())
        with pytest.raises(RuntimeError, match="reference batch is empty"):
            fresh(batch)
        discriminator.reference.keep(torch.randn(3, 2, 8))
        fresh.load_state_dict(discriminator.state_dict())
        assert torch.equal(fresh(batch), discriminator(batch))

    def test_ranks_hold_the_reference_of_rank_0(self, tmp_path):
        arguments = (str(tmp_path / "meeting"), str(tmp_path))
        torch.multiprocessing.start_processes(_keep_on_rank, arguments, nprocs=2, start_method="fork")
        for rank in range(2):
            assert torch.equal(torch.load(tmp_path / f"{rank}.pt"), torch.zeros(2, 3) + 7)


def _keep_on_rank(rank: int, meeting: str, folder: str) -> None:
    torch.set_num_threads(1)  # threads do not survive a fork
    torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    reference = ReferenceBatch(2, (3,))
    reference.keep(torch.full((2, 3), 7.0 + rank))
    torch.save(reference.samples, Path(folder, f"{rank}.pt"))
    torch.distributed.destroy_process_group()


class TestFeatureMatching:
    def test_means_by_hand(self):
        real = [torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.zeros(2, 1, 2)]  # mean (2, 3)
        fake = [torch.tensor([[0.0, 0.0]]), torch.ones(1, 1, 2)]
        assert mean_feature_matching(real, fake).item() == pytest.approx((4 + 9) / 2 + 1)

    def test_means_do_not_ask_for_pairs(self):
        real = [torch.randn(4, 3, 5)]
        assert mean_feature_matching(real, [real[0].flip(0)]).item() == pytest.approx(0, abs=1e-12)
        assert paired_feature_matching(real, [real[0].flip(0)]).item() > 0.1

    def test_pairs_by_hand(self):
        real = [torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.zeros(2, 1, 2)]
        fake = [torch.tensor([[0.0, 2.0], [3.0, 7.0]]), -torch.ones(2, 1, 2)]
        assert paired_feature_matching(real, fake).item() == pytest.approx((1 + 3) / 4 + 1)

    @pytest.mark.parametrize("loss", [mean_feature_matching, paired_feature_matching])
    def test_only_fakes_get_a_gradient_in_full_precision(self, loss):
        real = [torch.randn(2, 3).bfloat16().requires_grad_()]
        fake = [torch.randn(2, 3).bfloat16().requires_grad_()]
        value = loss(real, fake)
        value.backward()
        assert value.dtype == torch.float32
        assert real[0].grad is None
        assert fake[0].grad.abs().sum() > 0
        with pytest.raises(ValueError, match="longer"):
            loss(real, fake * 2)


class TestNeighbourDistance:
    def test_by_hand(self):
        samples = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])  # 0.5, 0.5 and, going round, 1
        assert neighbour_distance(samples).item() == pytest.approx(2 / 3)

    @pytest.mark.parametrize("spatial", SPATIAL)
    def test_collapse_is_0_and_the_extreme_is_2(self, spatial):
        same = torch.full((4, 3, *spatial), 0.3).bfloat16()
        assert neighbour_distance(same).item() == 0
        ends = torch.ones(4, 3, *spatial)
        ends[::2] = -1
        assert neighbour_distance(ends).item() == 2

    def test_a_share_of_that_of_real_samples(self):
        real = torch.tensor([[0.0], [1.0]])
        assert relative_diversity(0.25 * real, real).item() == 0.25

    def test_one_sample_says_nothing(self):
        assert neighbour_distance(torch.zeros(1, 3)).isnan()
