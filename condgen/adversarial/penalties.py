"""What keeps a discriminator smooth.

The gradient penalties return a weighted scalar that goes into the same backward as the loss it accompanies. They are
computed in fp32 with autocast off, and differentiate twice: the discriminator must not be compiled. Each sample is
taken to be judged alone; batch normalisation in the discriminator breaks that (use none, or a per-sample norm).

A discriminator that gives several logits a sample (patches) has their mean as its D(x), as the objectives do.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

Discriminator = Callable[[Tensor], Tensor]
"""Samples (B, ...) -> logits (B, ...); a conditional one comes as `lambda sample: discriminator(sample, condition)`."""


def with_spectral_norm(module: nn.Module) -> None:
    """Hold the largest singular value of every convolution and linear map of a module at 1, in place.

    Miyato et al., 2018, arXiv 1802.05957, by torch's own parametrization. Batch norms would scale the maps up again.
    """
    for part in list(module.modules()):
        if isinstance(part, nn.modules.conv._ConvNd | nn.Linear):
            spectral_norm(part)


@torch.no_grad()
def clip_weights(module: nn.Module, bound: float) -> None:
    """Hold every parameter in [-bound, bound], in place, after a step (Arjovsky et al., 2017, algorithm 1: 0.01)."""
    for parameter in module.parameters():
        parameter.clamp_(-bound, bound)


def wgan_gp(discriminator: Discriminator, real: Tensor, fake: Tensor, weight: float = 10.0) -> Tensor:
    """Weight E (||grad D(u)||_2 - 1)^2 at random points u = e x + (1 - e) G(z), e ~ U(0, 1) for each sample.

    Gulrajani et al., 2017, arXiv 1704.00028, algorithm 1.

    Args:
        discriminator: gives the logits of a batch.
        real: (B, ...) samples; no gradient flows to them.
        fake: (B, ...) samples of the same shape; no gradient flows to them.
        weight: the paper's lambda.
    """
    if real.shape != fake.shape:
        raise ValueError(f"real and fake samples must have one shape, got {tuple(real.shape)} and {tuple(fake.shape)}")
    mixing = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device)
    between = torch.lerp(fake.detach().float(), real.detach().float(), mixing)
    return weight * (_gradients(discriminator, between).norm(dim=1) - 1).square().mean()


def r1(discriminator: Discriminator, real: Tensor, gamma: float = 10.0) -> Tensor:
    """gamma/2 E ||grad D(x)||_2^2 at real samples (B, ...) (Mescheder et al., 2018, arXiv 1801.04406, eq. 9)."""
    return gamma / 2 * _gradients(discriminator, real.detach().float()).square().sum(1).mean()


def _gradients(discriminator: Discriminator, samples: Tensor) -> Tensor:
    """Gradient of each sample's logit with respect to that sample, differentiable: (B, ...) -> (B, all the rest)."""
    with torch.autocast(samples.device.type, enabled=False):
        samples = samples.requires_grad_()
        logits = discriminator(samples).float()
        score = logits.reshape(len(samples), -1).mean(1).sum()
        (gradients,) = torch.autograd.grad(score, samples, create_graph=True)
    return gradients.flatten(1)
