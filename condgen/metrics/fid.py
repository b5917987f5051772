"""Frechet distance between the features of two sets of pictures."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from condgen.errors import UserError


@torch.no_grad()
def fid(
    fake: Iterable[Tensor],
    real: Iterable[Tensor],
    *,
    extractor: nn.Module | None = None,
    inception_weights: Path | None = None,
    device: torch.device | str = "cpu",
) -> float:
    """Frechet Inception distance, lower is better (Heusel et al., 2017, arXiv 1706.08500, equation 6).

    Args:
        fake: batches (B, 3, H, W), RGB in [0, 1]; for Inception of any size (resized to 299x299).
        real: the same.
        extractor: any module (B, 3, H, W) in [0, 1] -> (B, features), in place of Inception. The value is then
            comparable only with values of the same extractor. A copy is used, in evaluation mode.
        inception_weights: local copy of torch-fidelity's `weights-inception-2015-12-05-6726825d.pth`.
        device: where the features are computed.

    Raises:
        UserError: fewer than two pictures in a set, torch-fidelity is missing, or the Inception weights cannot be had.
    """
    if extractor is None:
        metric = _inception_metric(inception_weights).to(device)
    else:
        real, size = _with_size(real)
        metric = _metric(feature=copy.deepcopy(extractor).cpu().eval(), normalize=True, input_img_size=size).to(device)
    counts = {is_real: _count(metric, batches, is_real, device) for is_real, batches in ((True, real), (False, fake))}
    if min(counts.values()) < 2:
        raise UserError(f"FID needs two pictures or more in each set, got {counts[True]} real and {counts[False]} fake")
    return metric.compute().item()


def _metric(**arguments: Any) -> nn.Module:
    from torchmetrics.image.fid import FrechetInceptionDistance

    return FrechetInceptionDistance(**arguments)


def _inception_metric(weights: Path | None) -> nn.Module:
    """Raises UserError when torch-fidelity or the weights are missing."""
    try:
        return _metric(feature=2048, feature_extractor_weights_path=weights and str(weights))
    except ModuleNotFoundError:
        raise UserError("FID with Inception needs torch-fidelity: pip install 'condgen[metrics]'") from None
    except Exception as problem:  # no network, a damaged file: each library layer has exceptions of its own
        reason = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise UserError(
            f"FID has no Inception weights ({reason}); give a local file as `inception_weights`, or an `extractor`"
        ) from None


def _count(metric: nn.Module, batches: Iterable[Tensor], real: bool, device: torch.device | str) -> int:
    """Feed all batches to the metric; the number of pictures."""
    count = 0
    for batch in batches:
        images = batch.to(device).float().clamp(0, 1)
        metric.update(images if metric.used_custom_model else (images * 255).round().byte(), real=real)
        count += len(images)
    return count


def _with_size(batches: Iterable[Tensor]) -> tuple[Iterable[Tensor], tuple[int, ...]]:
    """The same batches again, and the size (3, H, W) of the first."""
    iterator = iter(batches)
    first = next(iterator, torch.zeros(0, 3, 32, 32))

    def again():
        yield first
        yield from iterator

    return again(), tuple(first.shape[1:])
