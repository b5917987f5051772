"""Fine-tuning on somebody's own pairs of pictures: what is particular to translation learned from pairs."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from condgen.data import picture_grid
from condgen.data.findings import Finding
from condgen.data.left_out import findings_of
from condgen.data.manifest import Manifest, Split
from condgen.data.pair_preparation import prepare_pairs
from condgen.data.pairs import INPUT_TARGET, find_pairs
from condgen.data.translation_images import read_picture, scale_for
from condgen.networks.translation import multiple_of, smallest_side
from condgen.tasks.pix2pix.data import SIDES
from condgen.tasks.pix2pix.evaluation import evaluate
from condgen.tasks.pix2pix.pipeline import Pipeline

if TYPE_CHECKING:
    from condgen.config import RunConfig
    from condgen.tasks.pix2pix.task import Config

ROWS = "pairs"
MAIN = {"l1": False}
NEXT = "condgen translate picture.png -o translated.png"

_SHOWN = 4  # pairs of the comparison


def prepare(source: Path, output: Path, model: Config, *, fraction: float, seed: int) -> list[Finding]:
    """Write pairs and manifest below `output`, unless there are errors among the findings.

    Raises:
        UserError: there are no pairs, or a split is left without one.
    """
    found = find_pairs(source, INPUT_TARGET)
    if any(finding.is_error for finding in found.findings):
        return list(found.findings)
    made = prepare_pairs(found.items, output, fields=INPUT_TARGET, fraction=fraction, seed=seed)
    return [*found.findings, *findings_of(made.left_out)]


def differences(model: Config, manifest: Manifest, *, judged: bool) -> tuple[dict[str, Any], list[str]]:
    """What the run's config states besides the model, and lines on what the data has decided.

    Args:
        judged: whether the model folder has a discriminator.
    """
    rows = manifest.rows(Split.TRAIN)
    paths = [row.path(SIDES[0]) for row in rows]
    least = smallest_side(model.discriminator)
    crop, resize, lines = scale_for(paths, multiple_of(model.generator), least, model.crop)
    # half the paper's rate; a cosine leaves them where they settle, however many iterations there are
    player = {"learning_rate": 1e-4, "betas": [0.5, 0.999], "schedule": "cosine"}
    tree = {
        "model": {"crop": crop},
        "optimizers": {"generator": player, "discriminator": player},
        "data": {
            "resize": resize,  # so that pictures of any size will do
            "validation_images": 4,  # a report is a look on the way; all are measured at the end
        },
        # the paper's batch; twenty pairs are seen a hundred times
        "trainer": {
            "iterations": 2000,
            "batch_size": 1,
            "ema_decay": 0.99,
            "report_every": 500,
            "checkpoint_every": 250,
        },
    }
    given, wanted = (rows[0][side] for side in SIDES)
    return tree, [
        *lines,
        f"from input to target, e.g. from {given} to {wanted}; exchange them if that is the wrong way",
    ]


def measure(pipeline: Pipeline, config: RunConfig) -> tuple[dict[str, dict[str, float]], list[str]]:
    """As `evaluate`, on the left-out part, at the run's size: the start model may have been trained at another."""
    pipeline = copy.copy(pipeline)
    pipeline.config = replace(pipeline.config, crop=_side(config))
    return evaluate(pipeline, Manifest.read(config.data.manifest), Split.VALIDATION, (), {})


def _side(config: RunConfig) -> int:
    """Pixels a side that pictures are measured and shown at; 0: as they are."""
    return config.model.crop if config.data.resize else 0


def show(before: Pipeline, after: Pipeline, config: RunConfig, folder: Path) -> Path:
    """Left-out pairs, `folder/before-after.png`: input, before, after and true side by side."""
    cells: list[np.ndarray] = []
    model = config.model
    for row in Manifest.read(config.data.manifest).rows(Split.VALIDATION)[:_SHOWN]:
        channels = (model.input_channels, model.output_channels)
        given, wanted = (
            read_picture(row.path(side), count, _side(config)) for side, count in zip(SIDES, channels, strict=True)
        )
        cells += [given, before(given), after(given), wanted]
    captions = ["input", "before", "after", "true"] * (len(cells) // 4)
    path = folder / "before-after.png"
    Image.fromarray(picture_grid.grid(cells, 4, captions=captions)).save(path)
    return path
