"""Fine-tuning on two sets of somebody's own pictures: what is particular to translation learned without pairs."""

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
from condgen.data.media import Media
from condgen.data.pair_preparation import prepare_sets
from condgen.data.pairs import find_sets
from condgen.data.translation_images import scale_for
from condgen.errors import UserError
from condgen.networks.translation import multiple_of, smallest_side
from condgen.tasks.cyclegan.data import rows_of
from condgen.tasks.cyclegan.evaluation import Sample, evaluate
from condgen.tasks.cyclegan.pipeline import Pipeline
from condgen.tasks.cyclegan.task import Direction

if TYPE_CHECKING:
    from condgen.config import RunConfig
    from condgen.tasks.cyclegan.task import Config

ROWS = "pictures"
MAIN = {"psnr_a2b": True, "psnr_b2a": True}
NEXT = "condgen translate picture.png -o translated.png"

_SHOWN = 3  # pictures of each domain in the comparison


def prepare(source: Path, output: Path, model: Config, *, fraction: float, seed: int) -> list[Finding]:
    """Write both sets and the manifest below `output`, unless there are errors among the findings.

    Raises:
        UserError: there are no two sets, or a split of one is left without a picture.
    """
    _refuse_voices(model)
    found = find_sets([source])
    if any(finding.is_error for finding in found.findings):
        return list(found.findings)
    made = prepare_sets(found.items, output, fraction=fraction, seed=seed)
    return [*found.findings, *findings_of(made.left_out)]


def _refuse_voices(model: Config) -> None:
    if model.medium is not Media.IMAGE:
        raise UserError(
            "condgen finetune takes models of pictures; to train one of voices further, prepare recordings with "
            "data_prep/voices.py and give condgen train start_from=MODEL"
        )


def differences(model: Config, manifest: Manifest, *, judged: bool) -> tuple[dict[str, Any], list[str]]:
    """What the run's config states besides the model, and lines on what the data has decided.

    Args:
        judged: whether the model folder has discriminators.
    """
    _refuse_voices(model)
    paths = [row.path("image") for row in manifest.rows(Split.TRAIN)]
    least = smallest_side(model.discriminator)
    crop, resize, lines = scale_for(paths, multiple_of(model.generator), least, model.crop)
    # half the paper's rate; a cosine leaves them where they settle, however many iterations there are
    player = {"learning_rate": 1e-4, "betas": [0.5, 0.999], "schedule": "cosine"}
    tree: dict[str, Any] = {
        "model": {"crop": crop},
        "optimizers": {"generator": player, "discriminator": player},
        "data": {
            "resize": resize,  # so that pictures of any size will do
            "validation_images": 4,  # a report is a look on the way; all are measured at the end
        },
        # the paper's batch; twenty pictures of each domain are seen a hundred times
        "trainer": {
            "iterations": 2000,
            "batch_size": 1,
            "ema_decay": 0.99,
            "report_every": 500,
            "checkpoint_every": 250,
        },
    }
    if len(model.directions) > 1:
        return tree, lines
    tree["model"]["directions"] = [str(direction) for direction in Direction]
    return tree, [*lines, f"the model has {model.directions[0]} alone: {model.directions[0].reverse} starts fresh"]


def measure(pipeline: Pipeline, config: RunConfig) -> tuple[dict[str, dict[str, float]], list[str]]:
    """As `evaluate`, on the left-out part, at the run's size: the start model may have been trained at another."""
    pipeline = copy.copy(pipeline)
    pipeline.config = replace(pipeline.config, crop=_side(config))
    table, missing = evaluate(pipeline, Manifest.read(config.data.manifest), Split.VALIDATION, (), {})
    if not MAIN.keys() & table["mean"].keys():
        missing = [
            *missing,
            "no true partners are known, so no number says how good a translation is (a cycle can be right and change "
            "nothing): look at before-after.png",
        ]
    return table, missing


def _side(config: RunConfig) -> int:
    """Pixels a side that pictures are measured and shown at; 0: as they are."""
    return config.model.crop if config.data.resize else 0


def show(before: Pipeline, after: Pipeline, config: RunConfig, folder: Path) -> Path:
    """Left-out pictures of both domains, `folder/before-after.png`: input, before and after; true where it is known."""
    manifest, model = Manifest.read(config.data.manifest), config.model
    cells: list[np.ndarray] = []
    for direction in Direction:
        pipelines = [_turned(pipeline, direction) for pipeline in (before, after)]
        for row in rows_of(manifest, Split.VALIDATION, direction.source)[:_SHOWN]:
            sample = Sample.read(row, model, _side(config))
            blank = np.full_like(sample.image, 255)
            made = [blank if translate is None else translate(sample.image) for translate in pipelines]
            cells += [sample.image, *made, blank if sample.partner is None else sample.partner]
    captions = ["input", "before", "after", "true"] * (len(cells) // 4)
    path = folder / "before-after.png"
    Image.fromarray(picture_grid.grid(cells, 4, captions=captions)).save(path)
    return path


def _turned(pipeline: Pipeline, direction: Direction) -> Pipeline | None:
    """None where the model has it not."""
    if pipeline.direction is direction:
        return pipeline
    return pipeline.reverse() if direction in pipeline.config.directions else None
