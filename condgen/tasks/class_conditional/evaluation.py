"""What a generator of labelled pictures is measured by, and what is looked at while it trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from condgen.adversarial.task import Report
from condgen.data import picture_grid
from condgen.data.image import to_signed
from condgen.data.labelled_images import DataConfig, Dataset
from condgen.data.manifest import Manifest
from condgen.errors import UserError
from condgen.metrics.judge import Judge
from condgen.tasks.class_conditional.code_figure import code_figure
from condgen.tasks.class_conditional.config import Config
from condgen.tasks.class_conditional.data import open_pictures
from condgen.tasks.class_conditional.discriminator import Judging
from condgen.tasks.class_conditional.pipeline import Pipeline
from condgen.tasks.class_conditional.task import ClassConditional

if TYPE_CHECKING:
    from condgen.config import RunConfig

JUDGE = "judge"  # what `condgen evaluate` takes as --weights judge=MODEL
ALL = "mean"  # the row of all classes together

_COLUMNS = 10  # of the picture
_ROWS = 8
_SIDE = 56  # pixels that a shown picture has at least


class Evaluation:
    """Looks at samples during training, through the very code that users run."""

    def __init__(self, config: RunConfig):
        self.config = config
        self.pictures = open_pictures(config, "validation", config.data.validation_images)
        self.judge = None
        if config.data.judge:
            model, device = config.model, config.trainer.device
            told = tuple(model.classes) if model.conditional else ()
            self.judge = Judge(config.data.judge, image_channels=model.image_channels, classes=told, device=device)

    def __call__(self, task: ClassConditional, folder: Path, name: str) -> Report:
        """Measures, and a picture `folder/name.png`: a column a class, or see `code_figure`."""
        device = self.config.trainer.device
        pipeline = Pipeline(task.generator, task.config, discriminator=task.discriminator, device=device)
        shown = picture(pipeline)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(shown).save(folder / f"{name}.png")
        measures = measure(pipeline, self.pictures, self.judge)[ALL]
        return Report(measures, {"samples": torch.from_numpy(shown).permute(2, 0, 1)})


def picture(pipeline: Pipeline) -> np.ndarray:
    """Samples as uint8 (H, W, 3): by class, by latent code, or as they come."""
    scale = -(-_SIDE // pipeline.config.size)
    if pipeline.classes:
        columns = len(pipeline.classes)
        # a row has one noise, which should show as one style over all classes
        noise = pipeline.noise(_ROWS).repeat_interleave(columns, dim=0)
        captions = list(pipeline.classes) * _ROWS
        return picture_grid.grid(pipeline.decode(noise, captions), columns, captions=captions, scale=scale)
    if pipeline.config.codes.space is not None:
        return code_figure(pipeline, scale=scale)
    return picture_grid.grid(pipeline.sample(_COLUMNS * _ROWS), _COLUMNS, scale=scale)


def measure(pipeline: Pipeline, pictures: Dataset, judge: Judge | None) -> dict[str, dict[str, float]]:
    """Measures of each class, and under "mean" of all pictures. As many samples as there are pictures are made.

    label_accuracy: share of samples of which the judge says that they have the label they were made for.
    frechet_distance: between samples and pictures, of the judge's features, see `Judge.frechet_distance`.
    share: of samples that the judge takes for this class; where no label is asked for.
    cluster_accuracy: share of the pictures whose first latent code, told by the discriminator, is the one that belongs
        to their class, by the assignment of codes to classes that is best for the pictures (InfoGAN).
    error_rate: share of the pictures whose class a semi-supervised discriminator gets wrong.
    """
    table = {ALL: {}} if judge is None else _judged(pipeline, pictures, judge)
    config, images, known = pipeline.config, to_signed(pictures.images), bool(pictures.classes)
    if config.discriminator.judging is Judging.CLASSES_AND_FAKE and known:
        wrong = pipeline.classify(images).argmax(1) != pictures.labels
        table[ALL]["error_rate"] = float(wrong.double().mean())
    if config.codes.categorical and known:
        told = pipeline.codes_of(images).categories[:, 0]
        table[ALL]["cluster_accuracy"] = cluster_accuracy(told, pictures.labels)
    return table


def _judged(pipeline: Pipeline, pictures: Dataset, judge: Judge) -> dict[str, dict[str, float]]:
    count = len(pictures)
    labels = [pipeline.classes[n % len(pipeline.classes)] for n in range(count)] if pipeline.classes else None
    samples = pipeline.sample(count, labels=labels)
    named = np.array(judge.named(samples))
    table: dict[str, dict[str, float]] = {}
    for name in judge.classes:
        if labels is None:
            table[name] = {"share": float((named == name).mean())}
        elif name in pipeline.classes:
            table[name] = {"label_accuracy": float((named[np.array(labels) == name] == name).mean())}
    table[ALL] = {"frechet_distance": judge.frechet_distance(samples, to_signed(pictures.images))}
    if labels is not None:
        table[ALL]["label_accuracy"] = float((named == np.array(labels)).mean())
    return table


def cluster_accuracy(codes: Tensor, labels: Tensor) -> float:
    """Share of samples (N,) whose code is that of their label, under the best one-to-one assignment (Kuhn, 1955)."""
    from scipy.optimize import linear_sum_assignment

    counts = np.zeros((int(codes.max()) + 1, int(labels.max()) + 1), int)
    np.add.at(counts, (codes.numpy(), labels.numpy()), 1)
    return float(counts[linear_sum_assignment(counts, maximize=True)].sum() / len(labels))


def evaluate(
    pipeline: Pipeline, manifest: Manifest, split: str, also: Sequence[str], weights: Mapping[str, Path]
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """The table that `condgen evaluate` prints, and a line on what is missing.

    Args:
        weights: "judge": name or folder of an image classifier.

    Raises:
        UserError: no rows of that split, or a metric or weights that there are not.
    """
    for name in also:
        raise UserError(f"labelled pictures have no further metric {name!r}; give --weights {JUDGE}=MODEL")
    for name in set(weights) - {JUDGE}:
        raise UserError(f"there are no weights {name!r} here, only {JUDGE}=MODEL, of task image_classifier")
    config: Config = pipeline.config
    judge, missing = None, []
    if JUDGE in weights:
        wanted = {"image_channels": config.image_channels, "classes": pipeline.classes}
        judge = Judge(str(weights[JUDGE]), **wanted, device=str(pipeline.device))
    else:
        missing.append(f"label_accuracy, frechet_distance: missing (give --weights {JUDGE}=MODEL)")
    classes = config.classes or (judge.classes if judge else ())
    data = DataConfig(manifest=str(manifest.path))
    pictures = Dataset(data, size=config.size, channels=config.image_channels, classes=classes, split=split)
    return measure(pipeline, pictures, judge), missing
