"""Kernel distance between the features of two sets of pictures."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from condgen.errors import UserError

SUBSET, SUBSETS = 1000, 100  # the authors'; with fewer pictures all of the smaller set


@torch.no_grad()
def kid(
    fake: Iterable[Tensor],
    real: Iterable[Tensor],
    *,
    extractor: nn.Module | None = None,
    inception_weights: Path | None = None,
    device: torch.device | str = "cpu",
) -> float:
    """Kernel Inception distance, lower is better (Binkowski et al., 2018, arXiv 1801.01401, section 4).

    Unlike FID it has no bias for small sets, but may be below 0. Subsets are drawn from a fixed seed.

    Args:
        fake: batches (B, 3, H, W), RGB in [0, 1]; for Inception of any size (resized to 299x299).
        real: the same.
        extractor: any module (B, 3, H, W) in [0, 1] -> (B, features), in place of Inception. A copy is used, in
            evaluation mode.
        inception_weights: local copy of torch-fidelity's `weights-inception-2015-12-05-6726825d.pth`.
        device: where the features are computed.

    Raises:
        UserError: fewer than two pictures in a set, torch-fidelity is missing, or the Inception weights cannot be had.
    """
    from torchmetrics.image.kid import KernelInceptionDistance

    network = _inception(inception_weights) if extractor is None else copy.deepcopy(extractor).cpu().eval()
    metric = KernelInceptionDistance(feature=network).to(device)
    counts = {}
    for is_real, batches in ((True, real), (False, fake)):
        counts[is_real] = 0
        for batch in batches:
            images = batch.to(device).float().clamp(0, 1)
            metric.update((images * 255).round().byte() if extractor is None else images, real=is_real)
            counts[is_real] += len(images)
    if min(counts.values()) < 2:
        raise UserError(f"KID needs two pictures or more in each set, got {counts[True]} real and {counts[False]} fake")
    metric.subset_size = min(SUBSET, *counts.values())
    metric.subsets = 1 if max(counts.values()) == metric.subset_size else SUBSETS
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return metric.compute()[0].item()


def _inception(weights: Path | None) -> nn.Module:
    """Torchmetrics' KID takes no file of weights; its FID does. Raises UserError when they cannot be had."""
    from torchmetrics.image.fid import NoTrainInceptionV3

    try:
        return NoTrainInceptionV3("inception-v3-compat", ["2048"], weights and str(weights))
    except ModuleNotFoundError:
        raise UserError("KID with Inception needs torch-fidelity: pip install 'condgen[metrics]'") from None
    except Exception as problem:  # no network, a damaged file: each library layer has exceptions of its own
        reason = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise UserError(f"KID has no Inception weights ({reason}); give a local file as --weights kid=FILE") from None
