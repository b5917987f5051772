"""Error rates of each head, and the clips that are taken for something else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from condgen.adversarial.task import Report
from condgen.data import picture_grid
from condgen.data.captions import spread
from condgen.data.manifest import Manifest, Split
from condgen.errors import UserError
from condgen.metrics.clip_judge import ALL, TOGETHER, stills
from condgen.tasks.clip_classifier.data import DataConfig, Dataset
from condgen.tasks.clip_classifier.pipeline import Pipeline
from condgen.tasks.clip_classifier.task import ClipClassifier

if TYPE_CHECKING:
    from condgen.config import RunConfig

_ROWS, _COLUMNS = 12, 8  # clips and frames of each in the picture
_SIDE = 56  # pixels that a shown frame has at least


class Evaluation:
    """Looks at the validation clips during training, through the very code that judges."""

    def __init__(self, config: RunConfig):
        self.config = config
        data, model = config.data, config.model
        rows = spread(Manifest.read(data.manifest).rows(Split.VALIDATION), data.validation_clips)
        self.clips = Dataset(data, rows, model.heads, size=model.size, frames=model.frames, stride=model.stride)

    def __call__(self, task: ClipClassifier, folder: Path, name: str) -> Report:
        """Measures, and the surest mistakes in `folder/name.png`."""
        classify = Pipeline(task.classifier, task.config, device=self.config.trainer.device)
        probabilities = classified(classify, self.clips)
        wrong = wrong_of(probabilities, self.clips.labels)
        measures = {f"error_rate_{head}": float(share) for head, share in _shares(wrong).items()}
        measures["cross_entropy"] = sum(
            float(F.nll_loss(of_head.clamp_min(1e-12).log(), labels))
            for of_head, labels in zip(probabilities.values(), self.clips.labels.unbind(1), strict=True)
        )
        folder.mkdir(parents=True, exist_ok=True)
        shown = mistakes(self.clips, probabilities, classify.heads)
        if shown is None:
            return Report(measures)
        Image.fromarray(shown).save(folder / f"{name}.png")
        return Report(measures, {"true, taken for": torch.from_numpy(shown).permute(2, 0, 1)})


def classified(pipeline: Pipeline, clips: Dataset) -> dict[str, Tensor]:
    """Of each head the probabilities of all clips, (N, K)."""
    parts = [pipeline(part) for part in clips.portions()]
    return {head: torch.cat([part[head] for part in parts]) for head in pipeline.heads}


def wrong_of(probabilities: Mapping[str, Tensor], labels: Tensor) -> dict[str, Tensor]:
    """Of each head (N,) bool: its likeliest value is not that of `labels` (N, H)."""
    named = zip(probabilities.items(), labels.unbind(1), strict=True)
    return {head: of_head.argmax(1) != wanted for (head, of_head), wanted in named}


def mistakes(
    clips: Dataset, probabilities: Mapping[str, Tensor], heads: Mapping[str, Sequence[str]]
) -> np.ndarray | None:
    """Frames of the clips that heads are wrong about, the surest first, each with what is true and what was made out;
    None: there are no mistakes.
    """
    wrong = wrong_of(probabilities, clips.labels)
    found = [
        (float(probabilities[head][row].max()), row, head)
        for head, rows in wrong.items()
        for row in rows.nonzero().flatten().tolist()
    ]
    if not found:
        return None
    surest = sorted(found, reverse=True)[:_ROWS]
    captions = []
    for _, row, head in surest:
        true = clips.labels[row, list(heads).index(head)]
        captions.append(f"{heads[head][true]}, not {heads[head][probabilities[head][row].argmax()]}")
    frames = stills(clips.clips([row for _, row, _ in surest]), _COLUMNS)
    scale = -(-_SIDE // frames.shape[-1])
    return picture_grid.grid(frames, _COLUMNS, row_captions=captions, scale=scale)


def evaluate(
    pipeline: Pipeline, manifest: Manifest, split: str, also: Sequence[str], weights: Mapping[str, Path]
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """The table that `condgen evaluate` prints: error rates.

    "HEAD: VALUE" over the clips of one value, HEAD over all clips, `together` of clips with any head wrong, `mean` over
    the heads.

    Raises:
        UserError: no rows of that split, labels that the model does not know, or a metric that there is not.
    """
    for name in (*also, *weights):
        raise UserError(f"a classifier has no metric {name!r} besides error_rate")
    config = pipeline.config
    data = DataConfig(manifest=str(manifest.path), cache_gigabytes=0)
    form = {"size": config.size, "frames": config.frames, "stride": config.stride}
    clips = Dataset(data, manifest.rows(split), config.heads, **form)
    wrong = wrong_of(classified(pipeline, clips), clips.labels)
    table = {}
    for (head, values), labels in zip(config.heads.items(), clips.labels.unbind(1), strict=True):
        for index, value in enumerate(values):
            if (labels == index).any():
                table[f"{head}: {value}"] = _line(wrong[head][labels == index])
    shares = _shares(wrong)
    table |= {head: _line(rows) for head, rows in wrong.items()}
    table[TOGETHER] = {"error_rate": float(shares.pop(TOGETHER)), "clips": float(len(clips))}
    table[ALL] = {"error_rate": float(torch.stack(list(shares.values())).mean()), "clips": float(len(clips))}
    return table, []


def _line(wrong: Tensor) -> dict[str, float]:
    return {"error_rate": float(wrong.double().mean()), "clips": float(len(wrong))}


def _shares(wrong: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Error rates of all heads, and of clips with any head wrong."""
    together = torch.stack(list(wrong.values())).any(0)
    return {head: rows.double().mean() for head, rows in (*wrong.items(), (TOGETHER, together))}
