"""Fine-tuning on somebody's own class folders: what is particular to labelled pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from condgen.data import picture_grid
from condgen.data.findings import WHOLE_FILE, Finding
from condgen.data.image import to_signed
from condgen.data.labelled_images import Dataset
from condgen.data.labelled_preparation import find_classes, read_pictures, write_pictures
from condgen.data.left_out import findings_of
from condgen.data.manifest import Manifest, Split
from condgen.data.preparation import Photo, split_photos
from condgen.errors import UserError
from condgen.tasks.class_conditional.discriminator import Judging
from condgen.tasks.class_conditional.evaluation import ALL as MEAN
from condgen.tasks.class_conditional.evaluation import JUDGE, evaluate
from condgen.tasks.class_conditional.networks import DiscriminatorNorm
from condgen.tasks.class_conditional.pipeline import Pipeline

if TYPE_CHECKING:
    from condgen.config import RunConfig
    from condgen.tasks.class_conditional.config import Config

ROWS = "pictures"
MAIN = {"frechet_distance": False, "nearest_sample": False}
NEAREST = "nearest_sample"
NEXT = "condgen sample --count 16 -o samples.png"

SAMPLES = 64  # of each class, among which the nearest to a left-out picture is looked for
HELD_OUT = ("validation", "val", "test")  # folders of left-out pictures beside `train`, best first
_COLUMNS, _ROWS, _SIDE = 10, 3, 56  # of the comparison; the last: pixels that a shown picture has at least

Classes = dict[str, list[Photo]]


def prepare(source: Path, output: Path, model: Config, *, fraction: float, seed: int) -> list[Finding]:
    """Write pictures and manifest below `output`, unless there are errors among the findings.

    Raises:
        UserError: there are no class folders, or a split is left without a picture.
    """
    splits, findings = _splits(source, fraction, seed)
    if findings:
        return findings
    seen: dict[str, Path] = {}
    left_out: list[str] = []
    pictures = {  # validation first: where both have a picture, training gives way
        split: read_pictures(splits[split], model.size, seen, left_out, repeats=split == Split.VALIDATION)
        for split in (Split.VALIDATION, Split.TRAIN)
    }
    write_pictures(pictures, output, left_out)
    return findings_of(left_out)


def _splits(source: Path, fraction: float, seed: int) -> tuple[dict[Split, Classes], list[Finding]]:
    if not source.is_dir():
        raise UserError(f"{source} is no folder; give one with a sub-folder a class, e.g. {source / 'cat' / '1.png'}")
    inside = {path.name.lower(): path for path in source.iterdir() if path.is_dir()}
    apart = next((inside[name] for name in HELD_OUT if name in inside), None)
    if "train" in inside and apart is not None:
        splits = {Split.TRAIN: find_classes(inside["train"]), Split.VALIDATION: find_classes(apart)}
        strange = sorted(splits[Split.VALIDATION].keys() - splits[Split.TRAIN].keys())
        fix = f"give {inside['train']} the same sub-folders"
        return splits, [Finding(WHOLE_FILE, str(apart / name), "a class without training", fix) for name in strange]
    classes = find_classes(inside.get("train", source))
    findings = [
        Finding(WHOLE_FILE, str(source / name), "1 picture", "give at least 2 of each class: one is left out")
        for name, photos in classes.items()
        if len(photos) < 2
    ]
    if len(classes) < 2:
        (only,) = classes
        findings.append(Finding(WHOLE_FILE, str(source), f"1 class alone, {only}", "give 2 sub-folders or more"))
    if findings:
        return {}, findings
    parts = {name: split_photos(photos, fraction, seed) for name, photos in classes.items()}
    return {split: {name: part[split] for name, part in parts.items()} for split in (Split.TRAIN, Split.VALIDATION)}, []


def differences(model: Config, manifest: Manifest, *, judged: bool) -> tuple[dict[str, Any], list[str]]:
    """What the run's config states besides the model, and lines on what the data has decided.

    Args:
        judged: whether the model folder has a discriminator.
    """
    labels = Counter(str(row["label"]) for row in manifest.rows(Split.TRAIN) if "label" in row.fields)
    tree: dict[str, Any] = {
        "optimizers": {
            # a fifth and half of those of the recipes, which start from nothing
            "generator": {"learning_rate": 2e-4, "betas": [0.5, 0.999], "schedule": "cosine"},
            "discriminator": {"learning_rate": 1e-4, "betas": [0.5, 0.999], "schedule": "cosine"},
        },
        # few pictures are soon learned by heart; minutes on two cores
        "trainer": {
            "iterations": 1000,
            "batch_size": 32,
            "ema_decay": 0.99,
            "report_every": 250,
            "checkpoint_every": 250,
        },
    }
    lines, judge = [], model.discriminator
    if judge.norm is DiscriminatorNorm.VIRTUAL_BATCH:  # its reference is taken from one batch
        tree["trainer"]["batch_size"] = max(32, judge.reference_size)
    if judge.judging is Judging.CLASSES_AND_FAKE and labels:  # every label that there is, equally many of each
        tree["data"] = {"labels": len(labels) * min(labels.values())}
    if model.classes and labels.keys() != set(model.classes):
        tree["model"] = {"classes": sorted(labels)}
        kept = "every weight is kept" if len(labels) == len(model.classes) else "what depends on their number is new"
        lines.append(f"classes: {', '.join(sorted(labels))}, not {', '.join(model.classes)}; {kept}")
    return tree, lines


def measure(pipeline: Pipeline, config: RunConfig) -> tuple[dict[str, dict[str, float]], list[str]]:
    """As `evaluate` (with data.judge, if there is one), and `nearest_sample`; nothing of a model of other classes.

    nearest_sample: root mean square between a left-out picture and the nearest of `SAMPLES` samples of its class,
        pixels in [-1, 1], mean over the pictures; compared with the nearest of the training pictures.
    """
    manifest = Manifest.read(config.data.manifest)
    labels = {str(row["label"]) for row in manifest.rows(Split.VALIDATION) if "label" in row.fields}
    if pipeline.config.classes and not labels <= set(pipeline.config.classes):
        return {}, [f"the start model has other classes ({', '.join(pipeline.config.classes)}): not measured before"]
    weights = {JUDGE: Path(config.data.judge)} if config.data.judge else {}
    table, missing = evaluate(pipeline, manifest, Split.VALIDATION, (), weights)
    if not weights:
        missing = ["label_accuracy, frechet_distance: missing (name a classifier of your classes: data.judge=MODEL)"]
    left_out, known = (_pictures(pipeline, config, split) for split in (Split.VALIDATION, Split.TRAIN))
    table[MEAN][NEAREST] = _nearest(left_out, _samples(pipeline))
    table["mean of training pictures"] = {NEAREST: _nearest(left_out, (to_signed(known.images), known.labels))}
    return table, missing


def _pictures(pipeline: Pipeline, config: RunConfig, split: str) -> Dataset:
    model = pipeline.config
    return Dataset(config.data, size=model.size, channels=model.image_channels, classes=pipeline.classes, split=split)


def _samples(pipeline: Pipeline) -> tuple[Tensor, Tensor]:
    """(N, C, S, S) in [-1, 1], and (N,) the labels they were made for, -1 without."""
    classes = pipeline.classes
    labels = torch.arange(len(classes)).repeat(SAMPLES) if classes else torch.full((SAMPLES,), -1)
    return pipeline.sample(len(labels), labels=[classes[n] for n in labels] if classes else None), labels


def _nearest(pictures: Dataset, among: tuple[Tensor, Tensor]) -> float:
    samples, labels = among
    wanted, found = to_signed(pictures.images), []
    for image, label in zip(wanted, pictures.labels, strict=True):
        errors = (samples[labels == label] - image).square().flatten(1).mean(1)
        found.append(errors.min().sqrt() if len(errors) else torch.tensor(torch.nan))
    return float(torch.stack(found).nanmean())


def show(before: Pipeline, after: Pipeline, config: RunConfig, folder: Path) -> Path:
    """Samples before, samples after and left-out pictures, one class a column: `folder/before-after.png`."""
    columns = min(_COLUMNS, len(after.classes) or _COLUMNS)
    left_out = _pictures(after, config, Split.VALIDATION)
    cells = [*_drawn(before, columns), *_drawn(after, columns), *_true(left_out, columns)]
    captions = ["before"] * _ROWS + ["after"] * _ROWS + ["true"]
    shown = picture_grid.grid(cells, columns, row_captions=captions, scale=-(-_SIDE // after.config.size))
    path = folder / "before-after.png"
    Image.fromarray(shown).save(path)
    return path


def _drawn(pipeline: Pipeline, columns: int) -> Sequence[np.ndarray]:
    classes = pipeline.classes
    labels = [classes[number % columns % len(classes)] for number in range(columns * _ROWS)] if classes else None
    return picture_grid.to_uint8(pipeline.sample(columns * _ROWS, labels=labels))


def _true(pictures: Dataset, columns: int) -> Sequence[np.ndarray]:
    """A picture of each class, or as they come; white where there is none."""
    shown = []
    for column in range(columns):
        rows = (pictures.labels == column).nonzero().flatten().tolist() if pictures.classes else range(len(pictures))
        index = (0 if pictures.classes else column) if rows else None
        fits = index is not None and index < len(rows)
        picture = pictures.images[rows[index]] if fits else torch.full_like(pictures.images[0], 255)
        shown.append(picture.permute(1, 2, 0).numpy())
    return shown
