"""What translated pictures are measured by against their true targets, and what is looked at while training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from condgen.adversarial.task import Report
from condgen.data import picture_grid
from condgen.data.manifest import Manifest, Row
from condgen.data.translation_images import read_picture
from condgen.errors import UserError
from condgen.metrics.label_agreement import Palette
from condgen.metrics.table import means, unique_label
from condgen.metrics.translated_pictures import (
    FID,
    KID,
    PAIR_METRICS,
    PairMetric,
    SetDistances,
    lpips,
    refuse_unknown,
)
from condgen.tasks.pix2pix.data import SIDES
from condgen.tasks.pix2pix.pipeline import Pipeline
from condgen.tasks.pix2pix.task import Config, Pix2Pix

if TYPE_CHECKING:
    from condgen.config import RunConfig

LPIPS, PALETTE = "lpips", "palette"
FURTHER = (LPIPS, PALETTE, FID, KID)
"""What `condgen evaluate` takes as --also."""

_SHOWN = 8  # pairs in the picture
_SIDE = 128  # pixels that a shown picture has at least


class Evaluation:
    """Looks at the first validation pairs during training, through the very code that users run."""

    def __init__(self, config: RunConfig):
        self.config = config
        data, rows = config.data, Manifest.read(config.data.manifest).rows("validation")
        self.pairs = [
            read_pair(row, config.model, config.model.crop if data.resize else 0, keep_aspect=data.keep_aspect)
            for row in rows[: data.validation_images]
        ]

    def __call__(self, task: Pix2Pix, folder: Path, name: str) -> Report:
        """Measures, and a picture `folder/name.png`: input, made and target, one pair a row."""
        trainer = self.config.trainer
        translate = Pipeline(task.generator, task.config, device=trainer.device, precision=trainer.precision)
        made = [translate(picture) for picture, _ in self.pairs]
        table = {
            str(number): {metric: measure(one, target) for metric, measure in PAIR_METRICS.items()}
            for number, (one, (_, target)) in enumerate(zip(made, self.pairs, strict=True))
        }
        shown = picture(self.pairs[:_SHOWN], made)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(shown).save(folder / f"{name}.png")
        (mean,), _ = means(table)
        return Report(mean, {"input, made, target": torch.from_numpy(shown).permute(2, 0, 1)})


Pair = tuple[np.ndarray, np.ndarray]
"""Input and target, uint8 (H, W, C)."""


def picture(pairs: Sequence[Pair], made: Sequence[np.ndarray]) -> np.ndarray:
    """Input, made and target of each pair as a row: uint8 (H, W, 3)."""
    cells = [cell for (given, target), one in zip(pairs, made, strict=False) for cell in (given, one, target)]
    scale = -(-_SIDE // max(pairs[0][0].shape[:2]))
    return picture_grid.grid(cells, 3, captions=["input", "made", "target"] * len(pairs), scale=scale)


def read_pair(row: Row, config: Config, side: int, *, keep_aspect: bool = False) -> Pair:
    """Both pictures of a row as training scales them.

    Args:
        side: pixels that both are resized to; 0: they stay as they are.
    """
    channels = config.input_channels, config.output_channels
    given, target = (
        read_picture(row.path(field), count, side, keep_aspect=keep_aspect)
        for field, count in zip(SIDES, channels, strict=True)
    )
    if given.shape[:2] != target.shape[:2]:
        raise UserError(f"{row.where}: the pictures of the pair differ in size; see `condgen data check`")
    return given, target


def measure(
    translate: Pipeline, pairs: Iterable[tuple[str, Pair]], metrics: Mapping[str, PairMetric]
) -> tuple[dict[str, dict[str, float]], list[np.ndarray]]:
    """Every metric of every labelled pair, and what was made."""
    table, made = {}, []
    for label, (given, target) in pairs:
        made.append(translate(given))
        table[label] = {name: metric(made[-1], target) for name, metric in metrics.items()}
    return table, made


def evaluate(
    pipeline: Pipeline, manifest: Manifest, split: str, also: Sequence[str], weights: Mapping[str, Path]
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """The table that `condgen evaluate` prints, and a line on each metric that cannot be had here.

    Pictures are resized to the model's crop first, the size that it was trained at and that the papers test at. Of
    other sizes than a square this changes the aspect ratio, as training does by default.

    psnr, ssim, l1: against the target, see `condgen.metrics.translated_pictures`.
    label_agreement: share of pixels whose label is the target's, of targets that are label maps; see `Palette`.
    lpips, fid, kid: see `condgen.metrics`.

    Args:
        also: of `FURTHER`.
        weights: local files: of `lpips`, its weights; of `palette`, the labels' colours, without which they are found
            in the targets; of `fid` and `kid`, see `SetDistances`.

    Raises:
        UserError: no rows of that split, or a metric that there is not.
    """
    refuse_unknown(also, weights, PAIR_METRICS, FURTHER)
    config, rows, metrics, missing = pipeline.config, manifest.rows(split), dict(PAIR_METRICS), []

    def pairs() -> Iterator[tuple[str, Pair]]:
        return zip(labels_of(rows), (read_pair(row, config, config.crop) for row in rows), strict=True)

    if PALETTE in also:
        file = weights.get(PALETTE)
        palette = Palette.read(file) if file else Palette.found_in(target for _, (_, target) in pairs())
        metrics["label_agreement"] = palette.agreement
    if LPIPS in also:
        try:
            metrics[LPIPS] = lpips(weights.get(LPIPS))
        except UserError as problem:
            missing.append(f"{LPIPS}: missing ({problem})")
    table, made = measure(pipeline, pairs(), metrics)
    (mean,), left_out = means(table)
    distances = SetDistances(also, weights, str(pipeline.device))
    found, without = distances(made, [target for _, (_, target) in pairs()]) if distances.names else ({}, [])
    return {**table, "mean": mean | found}, [*missing, *without, *left_out]


def labels_of(rows: Sequence[Row]) -> list[str]:
    """A name for each row."""
    labels: dict[str, dict] = {}
    for row in rows:
        labels[unique_label(Path(row[SIDES[0]]).stem, row.line, labels)] = {}
    return list(labels)
