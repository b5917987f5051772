"""Pictures with class labels, small enough to be kept in memory together.

    {"split": "train", "image": "images/train/7/00001.png", "label": "7"}

A row without a label is a picture of unknown class.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from condgen.data import loading
from condgen.data.findings import WHOLE_FILE, Finding, print_findings, refuse
from condgen.data.image import fit, read_rgb, to_signed
from condgen.data.loading import Draw
from condgen.data.manifest import Manifest, Row, Split
from condgen.data.preparation import with_progress
from condgen.errors import UserError, refuse_below

UNLABELLED = -1
"""In place of a class's index: the class is not known, or is not to be known under this config."""

CHUNK = 256  # files that a thread reads at a stretch: tiny ones take less time than handing them over
SHOWN = 5  # rows or labels that a message names

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Pictures in a manifest: field `image`, and `label` where the class is known."""

    manifest: str = "data/images/manifest.jsonl"
    labels: int = 0  # so many training pictures keep their label, equally many of each class; 0: all do
    labels_seed: int = 0  # which ones
    judge: str = ""  # model of task image_classifier (name or folder) that judges samples in reports; empty: none does
    validation_images: int = 2000  # how many of the validation split a report during training looks at

    def __post_init__(self):
        if self.labels < 0 or self.labels_seed < 0:
            raise ValueError(f"labels and labels_seed must not be negative, got {self.labels} and {self.labels_seed}")
        refuse_below(self, 1, "validation_images")


@dataclass(frozen=True, eq=False)
class Batch(loading.Batch):
    image: Tensor  # (B, C, S, S) in [-1, 1]
    label: Tensor  # (B,) int64, index of the class, or UNLABELLED


class Dataset(TorchDataset):
    """The pictures of one split, decoded once; neither cropped at random nor flipped.

    Args:
        config: in the training split, only `config.labels` pictures keep their label.
        size: pixels a side; pictures of other sizes are fitted (antialiased bicubic, centre).
        channels: 1 grey or 3 RGB, whatever the files are.
        classes: names; a label is an index into them. Empty: labels are not looked at.
        split: which rows.
        limit: so many rows drawn from all over the split, which may be sorted by class, always the same; 0: all.

    Attributes:
        images: (N, C, S, S) uint8.
        labels: (N,) int64.

    Raises:
        UserError: a file is missing or damaged, a label is no class, or a class has too few pictures with a label.
    """

    def __init__(
        self,
        config: DataConfig,
        *,
        size: int,
        channels: int,
        classes: Sequence[str],
        split: str = "train",
        limit: int = 0,
    ):
        manifest = Manifest.read(Path(config.manifest))
        rows = manifest.rows(split)
        if 0 < limit < len(rows):
            rows = [rows[number] for number in sorted(np.random.default_rng(0).permutation(len(rows))[:limit])]
        self.classes = tuple(classes)
        self.labels = _labels(rows, self.classes)
        if split == Split.TRAIN and config.labels and classes:
            self.labels = _with_few(self.labels, config, self.classes)
        self.images = torch.empty(len(rows), channels, size, size, dtype=torch.uint8)
        images = self.images.numpy()  # the same memory
        decoded = _in_parallel(lambda row: _decoded(row, size, channels), rows, f"reading {split} pictures")
        for index, pixels in enumerate(decoded):
            images[index] = pixels.transpose(2, 0, 1)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, draw: Draw) -> Batch:
        return Batch(image=to_signed(self.images[draw.index]), label=self.labels[draw.index])

    def labelled_rows(self) -> Tensor:
        """(L,) int64: indices of the pictures that have a label."""
        return (self.labels != UNLABELLED).nonzero().flatten()

    def labelled(self) -> Self:
        """The pictures that have a label, alone.

        Raises:
            UserError: there is none.
        """
        rows = self.labelled_rows()
        if not len(rows):
            raise UserError('no picture has a label; rows look like {"split": "train", "image": "a.png", "label": "7"}')
        part = copy.copy(self)
        part.images, part.labels = self.images[rows], self.labels[rows]
        return part


def require_good(config: DataConfig, classes: Sequence[str]) -> None:
    """Check before training: both splits have rows, every file can be decoded, every label is one of the classes.

    Equal pictures in training and validation are left to `condgen data check`: the published splits of some data sets
    have them.

    Raises:
        UserError: it is not so; a table on stderr names bad files.
    """
    manifest = Manifest.read(config.manifest)
    findings = [*_missing_splits(manifest), *_bad_rows(manifest)]
    if findings:
        from rich.console import Console

        print_findings(findings, Console(stderr=True))
        refuse(manifest, findings)
    for split in (Split.TRAIN, Split.VALIDATION):
        labels = _labels(manifest.rows(split), classes)
        if split == Split.TRAIN and config.labels and classes:
            _with_few(labels, config, classes)


def _missing_splits(manifest: Manifest) -> Iterator[Finding]:
    present = {str(row.fields.get("split")) for row in manifest.all_rows}
    for split in (Split.TRAIN, Split.VALIDATION):
        if split not in present:
            fix = f'give some rows "split": "{split}"'
            yield Finding(WHOLE_FILE, manifest.path.name, f"no row of split {str(split)!r}", fix)


def _bad_rows(manifest: Manifest) -> Iterator[Finding]:
    problems = _in_parallel(_problem, manifest.all_rows, "checking pictures")
    for row, problem in zip(manifest.all_rows, problems, strict=True):
        if problem:
            text, _, fix = problem.partition("; ")
            yield Finding(row.line, str(row.fields.get("image", "")), text, fix or "take the row out")


def _problem(row: Row) -> str:
    """What is wrong with a row but for its label; empty: nothing."""
    where = row.where
    try:
        _ = row.split
        where = row.path("image")
        read_rgb(where)
    except UserError as problem:
        return str(problem).removeprefix(f"{where}: ")
    return ""


def _labels(rows: Sequence[Row], classes: Sequence[str]) -> Tensor:
    """(N,) int64. Raises UserError when a label is no class."""
    if not classes:
        return torch.full((len(rows),), UNLABELLED)
    known = {name: index for index, name in enumerate(classes)}
    wrong = [row for row in rows if "label" in row.fields and str(row["label"]) not in known]
    if wrong:
        names = sorted({str(row["label"]) for row in wrong})
        lines = ", ".join(str(row.line) for row in wrong[:SHOWN]) + (", ..." if len(wrong) > SHOWN else "")
        raise UserError(
            f"{wrong[0].manifest}: {len(wrong)} rows (lines {lines}) have a label that is no class of the model: "
            f"{_some(names)}; the classes are {', '.join(classes)}: change the rows or model.classes"
        )
    indices = [known[str(row["label"])] if "label" in row.fields else UNLABELLED for row in rows]
    return torch.tensor(indices, dtype=torch.int64)


def _with_few(labels: Tensor, config: DataConfig, classes: Sequence[str]) -> Tensor:
    """Labels of which only `config.labels` are left: of each class the first of a seeded order, so that more labels
    contain the fewer.
    """
    share, rest = divmod(config.labels, len(classes))
    if rest:
        raise UserError(f"data.labels={config.labels} are not equally many of {len(classes)} classes; take a multiple")
    few = torch.full_like(labels, UNLABELLED)
    for index, name in enumerate(classes):
        rows = (labels == index).nonzero().flatten()
        if len(rows) < share:
            raise UserError(
                f"{config.manifest}: class {name!r} has {len(rows)} training pictures with a label, and "
                f"data.labels={config.labels} takes {share} of each; lower it, or label more"
            )
        order = np.random.default_rng((config.labels_seed, index)).permutation(len(rows))
        few[rows[torch.from_numpy(order[:share])]] = index
    return few


def _decoded(row: Row, size: int, channels: int) -> np.ndarray:
    """uint8 (size, size, channels)."""
    pixels = fit(read_rgb(row.path("image")), size)
    if channels == 3:
        return pixels
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).convert("L"))[..., None]


def _in_parallel(work: Callable[[Row], Result], rows: Sequence[Row], label: str) -> Iterator[Result]:
    """The work's results in the order of the rows; files are decoded outside the interpreter lock."""
    parts = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = pool.map(lambda part: [work(row) for row in part], parts)
        for results in with_progress(done, label, len(parts)):
            yield from results


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
