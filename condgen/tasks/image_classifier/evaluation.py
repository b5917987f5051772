"""Error rates, and the pictures that are taken for something else."""

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
from condgen.data.image import to_signed
from condgen.data.manifest import Manifest
from condgen.errors import UserError
from condgen.tasks.image_classifier.data import DataConfig, Dataset, open_split
from condgen.tasks.image_classifier.pipeline import Pipeline
from condgen.tasks.image_classifier.task import ImageClassifier

if TYPE_CHECKING:
    from condgen.config import RunConfig

_COLUMNS, _ROWS = 8, 4  # of the picture
_SIDE = 56  # pixels that a shown picture has at least


class Evaluation:
    """Looks at the validation pictures during training, through the very code that judges."""

    def __init__(self, config: RunConfig):
        self.config = config
        self.pictures = open_split(config, "validation", config.data.validation_images)

    def __call__(self, task: ImageClassifier, folder: Path, name: str) -> Report:
        """Measures, and the surest mistakes in `folder/name.png`."""
        classify = Pipeline(task.classifier, task.config, device=self.config.trainer.device)
        probabilities = classify(to_signed(self.pictures.images))
        measures = {
            "error_rate": float(_wrong(probabilities, self.pictures.labels).double().mean()),
            "cross_entropy": float(F.nll_loss(probabilities.clamp_min(1e-12).log(), self.pictures.labels)),
        }
        folder.mkdir(parents=True, exist_ok=True)
        shown = mistakes(self.pictures, probabilities)
        if shown is None:
            return Report(measures)
        Image.fromarray(shown).save(folder / f"{name}.png")
        return Report(measures, {"true class, taken for": torch.from_numpy(shown).permute(2, 0, 1)})


def mistakes(pictures: Dataset, probabilities: Tensor) -> np.ndarray | None:
    """The wrong pictures that the classifier is surest of, with true and made-out class; None: it makes no mistake."""
    sureness, taken_for = probabilities.max(1)
    rows = _wrong(probabilities, pictures.labels).nonzero().flatten()
    if not len(rows):
        return None
    rows = rows[sureness[rows].argsort(descending=True)][: _COLUMNS * _ROWS]
    names = pictures.classes
    captions = [f"{names[pictures.labels[row]]}, not {names[taken_for[row]]}" for row in rows.tolist()]
    scale = -(-_SIDE // pictures.images.shape[-1])
    return picture_grid.grid(to_signed(pictures.images[rows]), _COLUMNS, captions=captions, scale=scale)


def evaluate(
    pipeline: Pipeline, manifest: Manifest, split: str, also: Sequence[str], weights: Mapping[str, Path]
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """The table that `condgen evaluate` prints: the error rate of each class, and over all pictures as `mean`.

    Raises:
        UserError: no labelled rows of that split, or a metric that there is not.
    """
    for name in (*also, *weights):
        raise UserError(f"a classifier has no metric {name!r} besides error_rate")
    config = pipeline.config
    pictures = Dataset(
        DataConfig(manifest=str(manifest.path)),
        size=config.size,
        channels=config.image_channels,
        classes=config.classes,
        split=split,
    ).labelled()
    wrong = _wrong(pipeline(to_signed(pictures.images)), pictures.labels).double()
    table = {}
    for index, name in enumerate(config.classes):
        of_class = wrong[pictures.labels == index]
        if len(of_class):
            table[name] = {"error_rate": float(of_class.mean()), "pictures": float(len(of_class))}
    return {**table, "mean": {"error_rate": float(wrong.mean()), "pictures": float(len(wrong))}}, []


def _wrong(probabilities: Tensor, labels: Tensor) -> Tensor:
    """(N,) bool."""
    return probabilities.argmax(1) != labels
