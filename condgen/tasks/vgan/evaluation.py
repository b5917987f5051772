"""What VGAN's clips are measured by, and what is looked at while it trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from condgen.adversarial.task import Report
from condgen.data.captions import spread
from condgen.data.clip_figure import write_figures
from condgen.data.manifest import Manifest, Split
from condgen.metrics.clip_judge import ALL
from condgen.metrics.generated_clips import (
    FURTHER,
    JUDGE,
    MOVEMENT,
    PORTION,
    frame_distances,
    in_bytes,
    measured,
    movement,
    nearest_and_diversity,
    open_judge,
    read_real,
    signed,
    without_judge,
)
from condgen.metrics.translated_pictures import refuse_unknown
from condgen.tasks.vgan.pipeline import Pipeline
from condgen.tasks.vgan.task import Vgan

if TYPE_CHECKING:
    from condgen.config import RunConfig

__all__ = ["FURTHER", "Evaluation", "evaluate", "made_for", "measure"]

OWN = ("nearest_sample", "diversity", MOVEMENT, JUDGE)

_SHOWN = 8  # clips of the figures


class Evaluation:
    """Looks at validation clips during training, through the very code that users run."""

    def __init__(self, config: RunConfig):
        self.config = config
        data, model = config.data, config.model
        rows = spread(Manifest.read(data.manifest).rows(Split.VALIDATION), data.validation_clips)
        self.real = read_real(rows, size=model.size, frames=model.frames, stride=model.stride)

    def __call__(self, task: Vgan, folder: Path, name: str) -> Report:
        """Measures, and figures `folder/name.png` and `.gif`: true clips beside made ones.

        Those of a row have their first frame in common where the model goes on from it, else nothing.
        """
        trainer = self.config.trainer
        pipeline = Pipeline(task.generator, task.config, device=trainer.device, precision=trainer.precision)
        made = made_for(pipeline, self.real)
        places = spread(range(len(made)), _SHOWN)
        shown = write_figures(folder, name, self.real[places], made[places, None])
        return Report(measure(made, self.real), {"true, made": torch.from_numpy(shown).permute(2, 0, 1)})


def made_for(pipeline: Pipeline, real: np.ndarray) -> np.ndarray:
    """As many clips as real ones, uint8 (N, T, S, S, 3): from their first frames, or the n-th by noise n."""
    portions = [slice(start, start + PORTION) for start in range(0, len(real), PORTION)]
    if pipeline.config.first_frame:
        return in_bytes(pipeline.animate(signed(real[part, :1])[:, :, 0]) for part in portions)
    numbers = range(len(real))
    return in_bytes(pipeline.decode(pipeline.noise(numbers[part])).clip for part in portions)


def measure(made: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """`nearest_and_diversity`, and `movement`; see `condgen.metrics.generated_clips`."""
    return nearest_and_diversity(made, real) | {MOVEMENT: movement(made, real)}


def evaluate(
    pipeline: Pipeline, manifest: Manifest, split: str, also: Sequence[str], weights: Mapping[str, Path]
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """The table that `condgen evaluate` prints, and a line on each metric that cannot be had here.

    Of as many clips as rows, of `MOST` rows from all over the split where there are more: what `measure` says;
    clip_distance and frame_distance (see `ClipJudge`); fid and kid between single frames.

    Args:
        also: of `FURTHER`.
        weights: "judge": name or folder of a clip classifier; of `fid` and `kid`, see `SetDistances`.

    Raises:
        UserError: no rows of that split, a metric that there is not, or a judge of more frames than the model makes
            or of another stride.
    """
    refuse_unknown(also, without_judge(weights), OWN, FURTHER)
    rows, lines = measured(manifest.rows(split), size=pipeline.size, frames=pipeline.frames)
    stride = pipeline.config.stride
    judge, without = open_judge(weights, str(pipeline.device), stride=stride)
    real = read_real(rows, size=pipeline.size, frames=pipeline.frames, stride=stride)
    if judge is not None:
        judge(signed(real[:1]))  # what it cannot judge is said before the work
    made = made_for(pipeline, real)
    found = measure(made, real)
    if judge is not None:
        sets = signed(made), signed(real)
        found |= {"clip_distance": judge.frechet_distance(*sets), "frame_distance": judge.frames_distance(*sets)}
    distances, unmeasured = frame_distances(made, real, also, weights, str(pipeline.device))
    return {ALL: found | distances}, lines + without + unmeasured
