"""Reconstructions, samples and features of a trained encoder and decoder, measured and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from condgen.adversarial.task import Report
from condgen.data.image import to_signed
from condgen.data.labelled_images import UNLABELLED
from condgen.data.manifest import Manifest
from condgen.data.picture_grid import grid
from condgen.errors import UserError
from condgen.metrics.judge import Judge
from condgen.tasks.ali import linear_svm
from condgen.tasks.ali.data import DataConfig, Dataset, open_split
from condgen.tasks.ali.linear_svm import Examples
from condgen.tasks.ali.networks import SIZE
from condgen.tasks.ali.pipeline import Pipeline
from condgen.tasks.ali.task import ALI

if TYPE_CHECKING:
    from condgen.config import RunConfig

JUDGE, SVM = "judge", "linear_svm"  # what `condgen evaluate` takes as --weights judge=MODEL and --also linear_svm
RAW_PIXELS = "mean of raw pixels"  # the row of classifiers that see no encoder
SAMPLES = 2000
SURE = 0.9  # probability from which a judge is sure of a sample's class

_COLUMNS, _ROWS = 10, 3  # of originals with reconstructions, and of samples, in the picture


class Evaluation:
    """Looks at the validation pictures during training, through the very code that users run."""

    def __init__(self, config: RunConfig):
        self.config = config
        self.pictures = open_split(config, "validation", config.data.validation_images)
        self.judge = None
        if config.data.judge:
            wanted = {"image_channels": config.model.image_channels, "classes": config.model.classes}
            self.judge = Judge(config.data.judge, **wanted, device=config.trainer.device)

    def __call__(self, task: ALI, folder: Path, name: str) -> Report:
        """Measures, and a picture `folder/name.png`."""
        trainer = self.config.trainer
        pipeline = Pipeline(task.generator, task.config, device=trainer.device, precision=trainer.precision)
        rows = measure(pipeline, self.pictures, self.judge)
        shown = picture(pipeline, self.pictures)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(shown).save(folder / f"{name}.png")
        title = "originals, reconstructions, samples"
        return Report(rows["mean"], {title: torch.tensor(shown).permute(2, 0, 1)})


def picture(pipeline: Pipeline, pictures: Dataset) -> np.ndarray:
    """Rows of originals, each above its reconstructions, and below them rows of samples: uint8 (H, W, 3)."""
    count = min(_COLUMNS * _ROWS, len(pictures))
    some = torch.arange(count) * len(pictures) // count  # from all over: neighbours may be of one class
    originals = to_signed(pictures.images[some])
    made = pipeline(originals, names_of(pictures.labels[some], pipeline))
    pairs = zip(originals.split(_COLUMNS), made.split(_COLUMNS), strict=True)
    rows = [part for pair in pairs for part in (_filled(pair[0]), _filled(pair[1]))]
    captions = ["original", "reconstruction"] * (len(rows) // 2) + ["samples"] + [""] * (_ROWS - 1)
    samples = pipeline.sample(_COLUMNS * _ROWS)
    return grid(torch.cat([*rows, samples]), _COLUMNS, row_captions=captions, scale=2)


def _filled(row: Tensor) -> Tensor:
    """To the full number of columns, by white pictures."""
    return F.pad(row, (0, 0, 0, 0, 0, 0, 0, _COLUMNS - len(row)), value=1.0)


def names_of(labels: Tensor, pipeline: Pipeline) -> list[str] | None:
    """What the pipeline is told of pictures with these labels (N,).

    Raises:
        UserError: it is conditional, and some have none.
    """
    if not pipeline.classes:
        return None
    if (labels == UNLABELLED).any():
        raise UserError("some pictures have no label, and this model is told all; give their rows a label")
    return [pipeline.classes[label] for label in labels.tolist()]


def measure(pipeline: Pipeline, pictures: Dataset, judge: Judge | None) -> dict[str, dict[str, float]]:
    """Measures of each class, which is as the judge says, without one as the label says, and under "mean" of all.

    reconstruction_error: mean absolute difference, in [0, 2]. With a judge also
    kept_class: share of the reconstructions that are judged to be of their original's judged class; and of samples
    sample_label: where labels are asked for, share that are judged to have theirs; elsewhere
    sample_share: share that are judged to be of this class; and
    sample_sure: share of them of which the judge is sure (a probability of `SURE` or more).
    """
    originals = to_signed(pictures.images)
    made = pipeline.reconstruct(originals, names_of(pictures.labels, pipeline))
    error = (made - originals).abs().mean((1, 2, 3)).numpy()
    if judge is None:
        return _by_class(pictures.classes, pictures.labels.numpy(), {"reconstruction_error": error})
    before = judge(originals).argmax(1).numpy()
    kept = judge(made).argmax(1).numpy() == before
    table = _by_class(judge.classes, before, {"reconstruction_error": error, "kept_class": kept})
    found = _sample_measures(pipeline, judge)
    return {label: values | found[label] for label, values in table.items()}


def _sample_measures(pipeline: Pipeline, judge: Judge) -> dict[str, dict[str, float]]:
    classes, names = judge.classes, None
    if pipeline.classes:
        names = [pipeline.classes[number % len(pipeline.classes)] for number in range(SAMPLES)]
    probability, judged = judge(pipeline.sample(SAMPLES, labels=names)).max(1)
    if names is not None:
        asked = np.array([classes.index(name) for name in names])
        return _by_class(classes, asked, {"sample_label": judged.numpy() == asked})
    table = _by_class(classes, judged.numpy(), {"sample_sure": probability.numpy() >= SURE})
    shares = {name: float((judged == number).float().mean()) for number, name in enumerate(classes)}
    shares["mean"] = float(np.mean(list(shares.values())))
    return {label: {"sample_share": shares[label], **values} for label, values in table.items()}


def _by_class(
    classes: Sequence[str], belongs: np.ndarray, measures: Mapping[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """Means of measures (N,) over the samples of each class, NaN where there are none, and over all."""
    parts = {name: belongs == number for number, name in enumerate(classes)} | {"mean": np.ones(len(belongs), bool)}
    return {
        label: {name: float(values[rows].mean()) if rows.any() else float("nan") for name, values in measures.items()}
        for label, rows in parts.items()
    }


def evaluate(
    pipeline: Pipeline, manifest: Manifest, split: str, also: Sequence[str], weights: Mapping[str, Path]
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """The table that `condgen evaluate` prints, a line a class and the mean, and a line on each metric that is missing.

    Args:
        also: "linear_svm", the error of linear classifiers on the encoder's features (see `linear_svm`), with its
            deviation over draws; below the mean stands that on raw pixels.
        weights: "judge": the folder of an image classifier.

    Raises:
        UserError: no rows of that split, or a metric or weights that there are not.
    """
    for name in set(also) - {SVM}:
        raise UserError(f"ALI has no further metric {name!r}; it has {SVM}")
    for name in set(weights) - {JUDGE}:
        raise UserError(f"ALI takes no weights {name!r}; it takes {JUDGE}=MODEL, of task image_classifier")
    labels = {str(row.fields["label"]) for row in manifest.all_rows if "label" in row.fields}
    classes = pipeline.classes or tuple(sorted(labels))
    pictures = _read(manifest, split, pipeline, classes)
    judge, missing = None, []
    if JUDGE in weights:
        wanted = {"image_channels": pipeline.image_channels, "classes": pipeline.classes}
        judge = Judge(str(weights[JUDGE]), **wanted, device=str(pipeline.device))
    else:
        missing.append(f"kept_class and measures of samples: missing (give --weights {JUDGE}=MODEL)")
    table = measure(pipeline, pictures, judge)
    if SVM in also:
        try:
            table, lines = _with_svm(table, pipeline, manifest, pictures)
            missing.extend(lines)
        except UserError as problem:
            missing.append(f"{SVM}: missing ({problem})")
    return table, missing


def _read(manifest: Manifest, split: str, pipeline: Pipeline, classes: Sequence[str]) -> Dataset:
    config = DataConfig(manifest=str(manifest.path))
    return Dataset(config, size=SIZE, channels=pipeline.image_channels, classes=classes, split=split)


def _with_svm(
    table: Mapping[str, Mapping[str, float]], pipeline: Pipeline, manifest: Manifest, test: Dataset
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """The table with columns for the linear classifiers and a row for raw pixels, and what must be said of it."""
    if pipeline.classes:
        raise UserError("a conditional model's encodings are told the label")
    train, test = _read(manifest, "train", pipeline, test.classes).labelled(), test.labelled()
    encoded, raw = (
        linear_svm.misclassified(_examples(train, compute), _examples(test, compute))
        for compute in (pipeline.features, partial(torch.flatten, start_dim=1))
    )
    found = {name: _error(encoded[:, (test.labels == number).numpy()]) for number, name in enumerate(test.classes)}
    found |= {"mean": _error(encoded), RAW_PIXELS: _error(raw)}
    columns = [*next(iter(table.values())), *found["mean"]]
    joined = {
        label: {name: (table.get(label, {}) | found.get(label, {})).get(name, float("nan")) for name in columns}
        for label in [*table, RAW_PIXELS]
    }
    used = linear_svm.labels_of_a_draw(len(train.labels))
    return joined, [f"{SVM}: mean and deviation over {linear_svm.DRAWS} draws of {used} labels"]


def _examples(pictures: Dataset, compute: Callable[[Tensor], Tensor]) -> Examples:
    def features(rows: np.ndarray) -> np.ndarray:
        return compute(to_signed(pictures.images[torch.from_numpy(rows)])).numpy()

    return Examples(features, pictures.labels.numpy())


def _error(wrong: np.ndarray) -> dict[str, float]:
    """Of (draws, tests)."""
    if not wrong.size:
        return {}
    return {"svm_error": float(wrong.mean()), "svm_deviation": float(wrong.mean(1).std())}
