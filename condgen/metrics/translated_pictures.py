"""What translated pictures are measured by: against a true partner, and as a set against true pictures."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import condgen
from condgen.errors import UserError
from condgen.metrics.fid import fid
from condgen.metrics.judge import ClassifierFeatures
from condgen.metrics.kid import kid
from condgen.metrics.ssim import WINDOW, ssim
from condgen.runtime.model_folder import ModelFolder

PairMetric = Callable[[np.ndarray, np.ndarray], float]
"""Of what was made and what it should be, both uint8 (H, W, C)."""

FID, KID = "fid", "kid"
PORTION = 50  # pictures that go through a feature extractor at once


def psnr(made: np.ndarray, wanted: np.ndarray) -> float:
    """PSNR over all channels in dB, 10 log10(255^2 / mean squared error); higher is better, infinite where equal."""
    error = np.square(made.astype(np.float64) - wanted).mean()
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def l1(made: np.ndarray, wanted: np.ndarray) -> float:
    """Mean absolute error, of pictures in [0, 1]; lower is better."""
    return float(np.abs(made.astype(np.float64) - wanted).mean() / 255)


def luma_ssim(made: np.ndarray, wanted: np.ndarray) -> float:
    """SSIM of Y, higher is better; not a number for pictures smaller than its window."""
    if min(made.shape[:2]) < WINDOW:
        return float("nan")
    return float(ssim(to_unit_range([made]), to_unit_range([wanted])))


PAIR_METRICS: Mapping[str, PairMetric] = {"psnr": psnr, "ssim": luma_ssim, "l1": l1}


def lpips(weights: Path | None) -> PairMetric:
    """LPIPS as a metric of pairs. Raises UserError when its weights cannot be had."""
    from condgen.metrics.lpips import LPIPS

    distance = LPIPS(weights=weights)
    return lambda made, wanted: float(distance(to_unit_range([made]), to_unit_range([wanted])))


def refuse_unknown(
    also: Sequence[str], weights: Mapping[str, Path], own: Collection[str], further: Collection[str]
) -> None:
    """Raise UserError for metrics that there are not, and weights of such as are not measured.

    Args:
        own, further: metrics that are always measured, and those to ask for.
    """
    known = " and ".join(", ".join(names) for names in (own, further) if names)
    for name in set(also) - set(further):
        raise UserError(f"there is no metric {name!r} here besides {known}")
    for name in set(weights) - set(also):
        raise UserError(f"weights for {name!r}, which is not measured: add --also {name}")


def to_unit_range(pictures: Sequence[np.ndarray]) -> Tensor:
    """uint8 (H, W, 1 or 3) of one size -> (N, 3, H, W) in [0, 1]; grey is repeated."""
    stack = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
    return stack.expand(-1, 3, -1, -1)


class SetDistances:
    """Distances between two sets of pictures in the features of one network.

    Args:
        names: of the distances, FID and KID among others that are passed over.
        weights: by the distance's name a file of Inception weights (see `condgen.metrics.fid`), or a model folder of
            task `image_classifier`, whose features then take Inception's place. Values of different features cannot
            be compared.
        device: "cpu", "cuda" or "cuda:N".
    """

    def __init__(self, names: Collection[str], weights: Mapping[str, Path], device: str):
        self.names = [name for name in (FID, KID) if name in names]
        self._weights, self._device = weights, device

    def __call__(self, fake: Sequence[np.ndarray], real: Sequence[np.ndarray]) -> tuple[dict[str, float], list[str]]:
        """The distances that can be had, and a line on each other one; pictures uint8 (H, W, C) of one size."""
        found, missing = {}, []
        for name in self.names:
            try:
                found[name] = self._distance(name, fake, real)
            except UserError as problem:
                missing.append(f"{name}: missing ({problem})")
        return found, missing

    def _distance(self, name: str, fake: Sequence[np.ndarray], real: Sequence[np.ndarray]) -> float:
        source = self._weights.get(name)
        given = {"device": self._device}
        if source is not None and source.is_dir():
            ModelFolder.find(source, task="image_classifier")
            given["extractor"] = ClassifierFeatures(condgen.load(str(source), device="cpu"))
        else:
            given["inception_weights"] = source
        sets = [_portions(pictures) for pictures in (fake, real)]
        return fid(*sets, **given) if name == FID else kid(*sets, **given)


def _portions(pictures: Sequence[np.ndarray]):
    return (to_unit_range(pictures[start : start + PORTION]) for start in range(0, len(pictures), PORTION))
