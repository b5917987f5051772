"""What the two players of a game minimise, as functions of the discriminator's logits (or energies).

Logits come straight from the network's last layer, never through a sigmoid: log sigmoid(x) = -softplus(-x) and
log(1 - sigmoid(x)) = -softplus(x) stay exact where the sigmoid has saturated. Everything is computed in fp32.

In the formulas r = D(x) are the logits of real samples, f = D(G(z)) those of fakes, E the mean over a tensor.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar

import torch
import torch.distributed
import torch.nn.functional as F
from torch import Tensor, nn

Logits = Tensor | Sequence[Tensor]
"""One tensor of any shape (a logit a sample, or a patch), or one tensor for each of several discriminators."""


class ObjectiveName(StrEnum):
    MINIMAX = "minimax"
    NON_SATURATING = "non_saturating"
    LEAST_SQUARES = "least_squares"
    HINGE = "hinge"
    WASSERSTEIN = "wasserstein"
    ENERGY_BASED = "energy_based"
    BOUNDARY_EQUILIBRIUM = "boundary_equilibrium"
    TASK_SPECIFIC = "task_specific"
    RELATIVISTIC_AVERAGE = "relativistic_average"


ENERGIES = (ObjectiveName.ENERGY_BASED, ObjectiveName.BOUNDARY_EQUILIBRIUM)
"""Objectives that judge the energies of an autoencoder; all others judge logits."""


class Objective(nn.Module):
    """The losses of both players; a module only so that what state there is gets checkpointed.

    Several discriminators (multi-scale) pass lists; their losses are summed (Wang et al., 2018, arXiv 1711.11585).
    """

    generator_needs_real: ClassVar[bool] = False
    """True where the generator's loss also depends on the logits of real samples."""

    def discriminator(self, real: Logits, fake: Logits) -> Tensor:
        """The scalar, fp32, that the discriminator minimises."""
        pairs = zip(_each(real), _each(fake), strict=True)
        return torch.stack([self._discriminator(r, f) for r, f in pairs]).sum()

    def generator(self, fake: Logits, real: Logits | None = None) -> Tensor:
        """The scalar, fp32, that the generator minimises; `real` only where `generator_needs_real`."""
        if real is None:
            if self.generator_needs_real:
                raise ValueError(f"the generator's loss of {type(self).__name__} needs the logits of real samples too")
            real = fake  # not looked at
        pairs = zip(_each(fake), _each(real), strict=True)
        return torch.stack([self._generator(f, r) for f, r in pairs]).sum()

    def _discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        raise NotImplementedError

    def _generator(self, fake: Tensor, real: Tensor) -> Tensor:
        raise NotImplementedError


class Minimax(Objective):
    """The original game (Goodfellow et al., 2014, arXiv 1406.2661, eq. 1); saturates when D wins.

    L_D = -E log sigmoid(r) - E log(1 - sigmoid(f));  L_G = E log(1 - sigmoid(f)).
    """

    def _discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return F.softplus(-real).mean() + F.softplus(fake).mean()

    def _generator(self, fake: Tensor, real: Tensor) -> Tensor:
        return -F.softplus(fake).mean()


class NonSaturating(Minimax):
    """Minimax with a generator whose gradient does not vanish (Goodfellow et al., 2014, end of section 3).

    L_D as in minimax;  L_G = -E log sigmoid(f).
    """

    def _generator(self, fake: Tensor, real: Tensor) -> Tensor:
        return F.softplus(-fake).mean()


class LeastSquares(Objective):
    """Least squares with targets 1, 0 and 1 (Mao et al., 2017, arXiv 1611.04076, eq. 9).

    L_D = E (r - 1)^2 + E f^2;  L_G = E (f - 1)^2: without the paper's factors 1/2, as in the code of SEGAN.
    """

    def _discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return (real - 1).square().mean() + fake.square().mean()

    def _generator(self, fake: Tensor, real: Tensor) -> Tensor:
        return (fake - 1).square().mean()


class Hinge(Objective):
    """Hinge (Lim and Ye, 2017, arXiv 1705.02894; Miyato et al., 2018, arXiv 1802.05957, eq. 16 and 17).

    L_D = E max(0, 1 - r) + E max(0, 1 + f);  L_G = -E f.
    """

    def _discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()

    def _generator(self, fake: Tensor, real: Tensor) -> Tensor:
        return -fake.mean()


class Wasserstein(Objective):
    """Wasserstein (Arjovsky et al., 2017, arXiv 1701.07875, eq. 2); D must be Lipschitz: see `penalties`.

    L_D = E f - E r;  L_G = -E f.
    """

    def _discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean() - real.mean()

    def _generator(self, fake: Tensor, real: Tensor) -> Tensor:
        return -fake.mean()


class EnergyBased(Objective):
    """Energy-based (Zhao et al., 2017, arXiv 1609.03126, eq. 1 and 2). r, f: energies >= 0 of each sample, (B,).

    L_D = E r + E max(0, margin - f);  L_G = E f.

    Args:
        margin: above 0, in the energy's units; fakes of a higher energy no longer interest D.
    """

    def __init__(self, margin: float = 10.0):
        super().__init__()
        if margin <= 0:
            raise ValueError(f"margin must be above 0, got {margin}")
        self.margin = margin

    def _discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return real.mean() + F.relu(self.margin - fake).mean()

    def _generator(self, fake: Tensor, real: Tensor) -> Tensor:
        return fake.mean()


class BoundaryEquilibrium(Objective):
    """Boundary equilibrium (Berthelot et al., 2017, arXiv 1703.10717, section 3.4). r, f: energies of samples.

    L_D = E r - k_t E f;  L_G = E f;  k_{t+1} = clip(k_t + rate (ratio E r - E f), 0, 1), k_0 = 0.

    `update` is called once an iteration, after both players have moved; the buffer `balance` is k_t.

    Args:
        ratio: the paper's gamma in [0, 1], wanted E f / E r: low for clean samples, high for diverse ones.
        rate: the paper's lambda_k.
    """

    balance: Tensor

    def __init__(self, ratio: float = 0.5, rate: float = 0.001):
        super().__init__()
        if not 0 <= ratio <= 1:
            raise ValueError(f"ratio must lie in [0, 1], got {ratio}")
        if not 0 < rate < float("inf"):
            raise ValueError(f"rate must be above 0, got {rate}")
        self.ratio, self.rate = ratio, rate
        self.register_buffer("balance", torch.zeros(()))

    def _discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return real.mean() - self.balance * fake.mean()

    def _generator(self, fake: Tensor, real: Tensor) -> Tensor:
        return fake.mean()

    @torch.no_grad()
    def update(self, real: Tensor, fake: Tensor) -> None:
        """Move k_t by this iteration's energies, averaged over all ranks (which must call together).

        Energies that are not finite leave it as it was.
        """
        step = self.rate * (self.ratio * real.float().mean() - fake.float().mean())
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(step)
            step /= torch.distributed.get_world_size()
        moved = (self.balance + step).clamp(0, 1)
        self.balance.copy_(torch.where(step.isfinite(), moved, self.balance))

    @torch.no_grad()
    def convergence(self, real: Tensor, fake: Tensor) -> Tensor:
        """The paper's measure of progress: E r + |ratio E r - E f|; falls while the game converges."""
        real, fake = real.float().mean(), fake.float().mean()
        return real + (self.ratio * real - fake).abs()


class TaskSpecific(Objective):
    """The pi-weighted Jensen-Shannon divergence (Huszar, 2015, arXiv 1511.05101).

    JS_pi(P||Q) = pi KL(P || M) + (1 - pi) KL(Q || M) with M = pi P + (1 - pi) Q, P the data, Q the generator.
    L_D = -pi E log sigmoid(r) - (1 - pi) E log(1 - sigmoid(f)), smallest at sigmoid(D) = pi P / M, where
    L_D = H(pi) - JS_pi(P||Q), H the entropy of a coin;  L_G = (1 - pi) E log(1 - sigmoid(f)), so that the generator
    descends JS_pi itself. pi = 1/2 is half of minimax.

    Args:
        pi: in (0, 1), by what the task needs: towards 0 it acts as KL(P||Q) (every mode is covered, blends are
            forgiven), towards 1 as KL(Q||P) (each sample is plausible, missing modes are forgiven).
    """

    def __init__(self, pi: float = 0.5):
        super().__init__()
        if not 0 < pi < 1:
            raise ValueError(f"pi must lie in (0, 1), got {pi}")
        self.pi = pi

    def _discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return self.pi * F.softplus(-real).mean() + (1 - self.pi) * F.softplus(fake).mean()

    def _generator(self, fake: Tensor, real: Tensor) -> Tensor:
        return -(1 - self.pi) * F.softplus(fake).mean()


class RelativisticAverage(Objective):
    """Is a real sample more real than the average fake? (Jolicoeur-Martineau, 2018, arXiv 1807.00734, RaSGAN.)

    L_D = -E log sigmoid(r - E f) - E log(1 - sigmoid(f - E r));  L_G the same with r and f exchanged.
    """

    generator_needs_real = True

    def _discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return F.softplus(fake.mean() - real).mean() + F.softplus(fake - real.mean()).mean()

    def _generator(self, fake: Tensor, real: Tensor) -> Tensor:
        return self._discriminator(real=fake, fake=real)


_CLASSES: dict[ObjectiveName, type[Objective]] = {
    ObjectiveName.MINIMAX: Minimax,
    ObjectiveName.NON_SATURATING: NonSaturating,
    ObjectiveName.LEAST_SQUARES: LeastSquares,
    ObjectiveName.HINGE: Hinge,
    ObjectiveName.WASSERSTEIN: Wasserstein,
    ObjectiveName.ENERGY_BASED: EnergyBased,
    ObjectiveName.BOUNDARY_EQUILIBRIUM: BoundaryEquilibrium,
    ObjectiveName.TASK_SPECIFIC: TaskSpecific,
    ObjectiveName.RELATIVISTIC_AVERAGE: RelativisticAverage,
}


def objective(name: ObjectiveName, **settings: float) -> Objective:
    """The objective of this name; `settings` are its class's arguments (margin, ratio, rate, pi)."""
    return _CLASSES[name](**settings)


def refuse_misuse(name: ObjectiveName, *, energies: bool, lipschitz: bool, micro_batches: int) -> None:
    """What every game must see to before it plays an objective.

    Args:
        energies: the discriminator gives energies >= 0, not logits.
        lipschitz: something bounds its slope: weight clipping, a gradient penalty or spectral norm.
        micro_batches: parts in which a batch is played.

    Raises:
        ValueError: the objective does not fit; one line that says what does.
    """
    if (name in ENERGIES) and not energies:
        raise ValueError(f"objective {name} judges energies of an autoencoder, and this discriminator gives logits")
    if energies and name not in ENERGIES:
        raise ValueError(f"objective {name} judges logits, and this discriminator gives energies")
    if name is ObjectiveName.WASSERSTEIN and not lipschitz:
        raise ValueError(
            "objective wasserstein needs a discriminator of bounded slope: optimizers.discriminator.weight_clip, e.g. "
            "0.01, or a gradient penalty or spectral norm where the task has them"
        )
    if name is ObjectiveName.RELATIVISTIC_AVERAGE and (micro_batches > 1 or int(os.environ.get("WORLD_SIZE", "1")) > 1):
        raise ValueError(
            "objective relativistic_average compares with the whole batch's mean: set trainer.micro_batches=1 and use "
            "one process"
        )


def reconstruction_energy(sample: Tensor, reconstruction: Tensor, power: int = 1) -> Tensor:
    """Energy of each sample under an autoencoder: E |sample - reconstruction|^power, (B, ...) -> (B,), fp32.

    power 1 as in boundary equilibrium (section 3.1); 2 is the mean square form of energy-based (section 2.3).
    """
    return (sample.float() - reconstruction.float()).abs().pow(power).flatten(1).mean(1)


def _each(logits: Logits) -> list[Tensor]:
    return [one.float() for one in ([logits] if isinstance(logits, Tensor) else logits)]
