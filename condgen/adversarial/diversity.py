"""Against collapse: layers that look at several samples at once, losses on features, and a measure of diversity."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed
from torch import Tensor, nn

from condgen.conditioning.injection import over_space

EPSILON = 1e-5  # added to variances, as torch's batch norms do


class MinibatchDiscrimination(nn.Module):
    """How close each sample is to the others of its batch (Salimans et al., 2016, arXiv 1606.03498, section 3.2).

    M_i = f_i T;  o(x_i)_b = sum over j != i of exp(-||M_ib - M_jb||_1). Real and fake batches go through apart.

    Args:
        channels: A, the width of the features f_i.
        kernels: B, the number of closeness values appended to the features.
        kernel_width: C, the length of each row of M_i.
    """

    def __init__(self, channels: int, kernels: int = 100, kernel_width: int = 5):
        super().__init__()
        self.kernels = kernels
        self.tensor = nn.Parameter(torch.randn(channels, kernels * kernel_width) * channels**-0.5)

    def forward(self, features: Tensor) -> Tensor:
        """features: (B, channels) -> (B, channels + kernels)."""
        with torch.autocast(features.device.type, enabled=False):
            rows = (features.float() @ self.tensor.float()).unflatten(1, (self.kernels, -1))  # (B, kernels, width)
            # not torch.cdist: gradient penalties differentiate this twice
            distance = (rows[:, None] - rows[None]).abs().sum(3)  # (B, B, kernels)
            closeness = torch.exp(-distance).sum(1) - 1  # less the sample itself, exp(0)
        return torch.cat([features, closeness.to(features.dtype)], dim=1)


class ReferenceBatch(nn.Module):
    """The fixed samples that go through a discriminator ahead of every batch, for its virtual batch norms.

    They travel in front of the batch instead of leaving statistics in the layers: those would be out of date after
    one update, and as in the authors' code gradients flow through them. The samples are a buffer, so checkpointed.

        samples = self.reference(samples)            # (N + B, ...)
        return self.reference.drop(self.layers(samples))  # (B, ...)

    Args:
        size: N, the number of reference samples.
        sample_shape: (C, *spatial) of what the discriminator's first layer sees, concatenated condition included.
    """

    samples: Tensor

    def __init__(self, size: int, sample_shape: Sequence[int]):
        super().__init__()
        self.kept = False  # on the host: asking a buffer would stall a GPU each step
        self.register_buffer("samples", torch.zeros(size, *sample_shape))

    @torch.no_grad()
    def keep(self, samples: Tensor) -> None:
        """Take the first N of these real samples for good; all ranks call it together and get those of rank 0.

        Raises:
            ValueError: there are fewer than N.
        """
        if len(samples) < len(self.samples):
            raise ValueError(f"the reference batch needs {len(self.samples)} samples, got {len(samples)}")
        self.samples.copy_(samples[: len(self.samples)])
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.broadcast(self.samples, src=0)
        self.kept = True

    def keep_first(self, samples: Tensor) -> None:
        """`keep`, unless there is a reference already: of an earlier call, or loaded from a checkpoint."""
        if not self._is_kept():
            self.keep(samples)

    def _is_kept(self) -> bool:
        if not self.kept:  # perhaps copied or loaded since: look once
            self.kept = bool(self.samples.any())
        return self.kept

    def forward(self, samples: Tensor) -> Tensor:
        """(B, C, *spatial) -> (N + B, C, *spatial), the reference first."""
        if not self._is_kept():
            raise RuntimeError("the reference batch is empty: call keep() with real samples before the first forward")
        return torch.cat([self.samples.to(samples.dtype), samples])

    def drop(self, output: Tensor) -> Tensor:
        """(N + B, ...) -> (B, ...): the batch alone."""
        return output[len(self.samples) :]


class VirtualBatchNorm(nn.Module):
    """Batch norm by a reference batch (Salimans et al., 2016, section 3.4; SEGAN: Pascual et al., 2017).

    The reference is normalised by its own mean and mean of squares over samples and space; the rest by these two
    mixed with its own, with weight N/(N + 1) and 1/(N + 1). Then scale, which starts at N(1, 0.02), and shift, at 0.

    Args:
        channels: C.
        reference_size: N, how many samples at the front of a batch are the reference (see `ReferenceBatch`).
    """

    def __init__(self, channels: int, reference_size: int):
        super().__init__()
        self.reference_size = reference_size
        self.scale = nn.Parameter(torch.normal(1.0, 0.02, (channels,)))
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor) -> Tensor:
        """features: (N + B, C, *spatial) -> the same shape and dtype; statistics in fp32."""
        reference, live = features.float().split([self.reference_size, len(features) - self.reference_size])
        statistics = _moments(reference)
        normalised = [self._normalise(reference, statistics)]
        if len(live):
            statistics = torch.lerp(statistics, _moments(live), 1 / (self.reference_size + 1))
            normalised.append(self._normalise(live, statistics))
        return torch.cat(normalised).to(features.dtype)

    def _normalise(self, features: Tensor, statistics: Tensor) -> Tensor:
        mean, mean_of_squares = statistics
        factor = self.scale.float() * torch.rsqrt((mean_of_squares - mean.square()).clamp(min=0) + EPSILON)
        mean, factor, shift = (over_space(one, features) for one in (mean, factor, self.shift.float()))
        return (features - mean) * factor + shift


def _moments(features: Tensor) -> Tensor:
    """Mean and mean of squares over samples and space: (B, C, *spatial) -> (2, C)."""
    others = [0, *range(2, features.ndim)]
    return torch.stack([features.mean(others), features.square().mean(others)])


def mean_feature_matching(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Sum over maps of the mean squared difference between the batch means of real and fake features.

    ||E f(x) - E f(G(z))||_2^2 (Salimans et al., 2016, section 3.1), divided by the number of features so that the
    weight does not depend on the width, as the authors' code does. Real and fake samples need not correspond.

    Args:
        real: feature maps (B, C, *spatial) of real samples; no gradient flows to them.
        fake: feature maps of fakes, same shapes apart from B.
    """
    pairs = zip(real, fake, strict=True)
    return torch.stack([(f.float().mean(0) - r.detach().float().mean(0)).square().mean() for r, f in pairs]).sum()


def paired_feature_matching(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Sum over maps of the mean absolute difference, for fakes that have a real counterpart each.

    sum_i 1/N_i ||D_i(s, x) - D_i(s, G(s))||_1 (Wang et al., 2018, arXiv 1711.11585, section 3.2).

    Args:
        real: feature maps (B, C, *spatial) of the targets; no gradient flows to them.
        fake: feature maps of the fakes, same shapes.
    """
    pairs = zip(real, fake, strict=True)
    return torch.stack([(f.float() - r.detach().float()).abs().mean() for r, f in pairs]).sum()


@torch.no_grad()
def neighbour_distance(samples: Tensor) -> Tensor:
    """Diversity of a batch: mean absolute difference between each sample and its neighbour, the last's the first.

    (B, ...) in [-1, 1] -> scalar in [0, 2], fp32; 0 when all are equal, NaN for a batch of one, where it says nothing.
    """
    if len(samples) < 2:
        return torch.full((), torch.nan, device=samples.device)
    samples = samples.float()
    return (samples - samples.roll(1, dims=0)).abs().mean()


def relative_diversity(fake: Tensor, real: Tensor) -> Tensor:
    """`neighbour_distance` of fakes as a share of that of real samples; near 0 the fakes are all alike."""
    return neighbour_distance(fake) / neighbour_distance(real)
