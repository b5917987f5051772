"""How many modes are covered, how many samples lie near one, and whether reconstructions stay in theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from condgen.adversarial.task import Report
from condgen.data.manifest import Manifest
from condgen.data.picture_grid import grid
from condgen.errors import UserError
from condgen.tasks.gaussian_mixture.data import Dataset, Mixture, open_split
from condgen.tasks.gaussian_mixture.pipeline import Pipeline
from condgen.tasks.gaussian_mixture.task import GaussianMixture

if TYPE_CHECKING:
    from condgen.config import RunConfig

SAMPLES = 10_000  # as in ALI's section 4.4
NEAR = 3.0  # deviations from a mode's centre; 98.9 % of a mode's own points are within
COVERED = 0.25  # of a mode's expected share of the samples, which must lie near it

ALL = "mean"  # the row of all modes together

_SIDE = 240  # pixels of a panel of the picture
_MARGIN = 0.25  # of the mixture's width, on each side of it


class Evaluation:
    """Looks at samples during training, beside the validation points."""

    def __init__(self, config: RunConfig):
        self.config = config
        self.points = open_split(config, "validation")

    def __call__(self, task: GaussianMixture, folder: Path, name: str) -> Report:
        """Measures, and a picture `folder/name.png`."""
        pipeline = Pipeline(task.generator, task.config, device=self.config.trainer.device)
        shown = picture(pipeline, self.points)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(shown).save(folder / f"{name}.png")
        return Report(measure(pipeline, self.points)[ALL], {"points": torch.from_numpy(shown).permute(2, 0, 1)})


def picture(pipeline: Pipeline, data: Dataset) -> np.ndarray:
    """Real points, as many samples and, where there is an encoder, reconstructions, side by side: uint8 (H, W, 3)."""
    panels = {"real points": data.points, "samples": pipeline(len(data))}
    if pipeline.encodes:
        panels["reconstructions"] = pipeline.reconstruct(data.points)
    scattered = [_scatter(points, *limits(data.mixture)) for points in panels.values()]
    return grid(scattered, len(panels), captions=list(panels))


def limits(mixture: Mixture) -> tuple[Tensor, Tensor]:
    """The lower left and upper right corner of what is shown, (2,) each."""
    low, high = mixture.centres.amin(0), mixture.centres.amax(0)
    margin = _MARGIN * (high - low).max().clamp_min(4 * mixture.deviation)
    return low - margin, high + margin


def _scatter(points: Tensor, low: Tensor, high: Tensor) -> np.ndarray:
    """Black dots on white, y upwards; what lies outside is left out: uint8 (side, side, 1)."""
    place = ((points - low) / (high - low) * (_SIDE - 1)).round()
    inside = place[((place >= 0) & (place < _SIDE)).all(1)].long().numpy()
    canvas = np.full((_SIDE, _SIDE, 1), 255, np.uint8)
    canvas[_SIDE - 1 - inside[:, 1], inside[:, 0]] = 0
    return canvas


def measure(pipeline: Pipeline, data: Dataset) -> dict[str, dict[str, float]]:
    """Measures of each mode, and under "mean" of all.

    share: of the samples that lies within `NEAR` deviations of this mode's centre; under "mean" as near_mode of any.
    modes_covered: how many modes have at least `COVERED` of their expected share.
    spread: root of the samples' variance over that of the points; towards 0 samples are all alike.
    kept_mode: share of the points, of this mode or of all, whose reconstruction is nearest to the same centre; where
        there is an encoder.
    """
    modes = len(data.mixture.centres)
    samples = pipeline(SAMPLES)
    mode, distance = data.mixture.nearest(samples)
    shares = torch.bincount(mode[distance <= NEAR], minlength=modes) / SAMPLES
    table = {f"mode {number}": {"share": share} for number, share in enumerate(shares.tolist())}
    table[ALL] = {
        "modes_covered": float((shares >= COVERED / modes).sum()),
        "near_mode": float(shares.sum()),
        "spread": float((samples.var(0).sum() / data.points.var(0).sum()).sqrt()),
    }
    if pipeline.encodes:
        kept = (data.mixture.nearest(pipeline.reconstruct(data.points))[0] == data.modes).double()
        for number in range(modes):
            table[f"mode {number}"]["kept_mode"] = float(kept[data.modes == number].mean())
        table[ALL]["kept_mode"] = float(kept.mean())
    return table


def evaluate(
    pipeline: Pipeline, manifest: Manifest, split: str, also: Sequence[str], weights: Mapping[str, Path]
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """The table that `condgen evaluate` prints; nothing is ever missing.

    Raises:
        UserError: no points of that split, or a metric or weights that there are not.
    """
    for name in (*also, *weights):
        raise UserError(f"points have no further metric {name!r}")
    return measure(pipeline, Dataset(manifest, split)), []
