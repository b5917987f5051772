"""Fine-tuning on somebody's own photos, or pairs of low and high resolution: what is particular to super-resolution."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from condgen.data import picture_grid
from condgen.data.findings import WHOLE_FILE, Finding
from condgen.data.left_out import findings_of
from condgen.data.manifest import Manifest, Split
from condgen.data.pair_folders import side_folders, unwrapped
from condgen.data.pair_preparation import prepare_pairs
from condgen.data.pairs import LOW_HIGH, find_pairs
from condgen.data.preparation import find_photos, split_photos
from condgen.data.preparation import prepare as prepare_photos
from condgen.tasks.srgan.data import DataConfig, read_pair
from condgen.tasks.srgan.evaluation import bicubic, evaluate
from condgen.tasks.srgan.networks import DiscriminatorHead
from condgen.tasks.srgan.pipeline import Pipeline

if TYPE_CHECKING:
    from condgen.config import RunConfig
    from condgen.tasks.srgan.task import Config

ROWS = "photos"
MAIN = {"psnr_y": True}
NEXT = "condgen upscale photo.jpg -o photo_large.png"

SMALLEST_CROP = 32  # pixels: with less a discriminator has nothing to judge; smaller photos are found by the data check
_SHOWN, _SIDE = 4, 192  # photos in the comparison, and the side of the detail of each


def prepare(source: Path, output: Path, model: Config, *, fraction: float, seed: int) -> list[Finding]:
    """Write photos, or pairs, and the manifest below `output`, unless there are errors among the findings.

    Raises:
        UserError: there are no photos, or a split is left without one.
    """
    if _has_pairs(source):
        found = find_pairs(source, LOW_HIGH)
        if any(finding.is_error for finding in found.findings):
            return list(found.findings)
        made = prepare_pairs(found.items, output, fields=LOW_HIGH, fraction=fraction, seed=seed)
        return [*found.findings, *findings_of(made.left_out)]
    photos = find_photos([source])
    if len(photos) < 2:
        fix = "give at least 2: one is kept out of the training, to measure by"
        return [Finding(WHOLE_FILE, str(source), "only one photo", fix)]
    return findings_of(prepare_photos(split_photos(photos, fraction, seed), output).left_out)


def _has_pairs(source: Path) -> bool:
    """A table, or folders that are named like sides; a and b alone are what anybody may call folders of photos."""
    if not source.is_dir():
        return source.is_file()
    return any(folder.side_name not in ("a", "b") for folder in side_folders(unwrapped(source)))


def differences(model: Config, manifest: Manifest, *, judged: bool) -> tuple[dict[str, Any], list[str]]:
    """What the run's config states besides the model, and lines on what the data has decided.

    Args:
        judged: whether the model folder has a discriminator.
    """
    # half the rate that the shipped models ended their training with; a cosine leaves them where they settle
    player = {"learning_rate": 5e-5, "schedule": "cosine", "max_gradient_norm": 1}
    tree: dict[str, Any] = {
        "optimizers": {"generator": player},
        "data": {"validation_photos": 4},  # a report is a look on the way; all are measured at the end
        # few photos are soon learned by heart; a quarter of an hour on two cores
        "trainer": {
            "iterations": 1000,
            "batch_size": 16,
            "ema_decay": 0.99,
            "report_every": 250,
            "checkpoint_every": 250,
        },
    }
    if model.adversarial_weight:
        tree["optimizers"]["discriminator"] = player
    crop, lines = _crop(model, manifest, judged=judged)
    tree["data"]["crop"] = crop
    if model.adversarial_weight and model.discriminator.head is DiscriminatorHead.DENSE and not judged:
        tree["model"] = {"discriminator": {"crop": crop}}
    return tree, lines


def _crop(model: Config, manifest: Manifest, *, judged: bool) -> tuple[int, list[str]]:
    """As large as the smallest training photo allows; a dense discriminator that is kept allows its own alone."""
    scale, usual = model.generator.scale, DataConfig().crop
    usual -= usual % scale
    if model.adversarial_weight and judged and model.discriminator.head is DiscriminatorHead.DENSE:
        return model.discriminator.crop, []
    smallest = min((side for row in manifest.rows(Split.TRAIN) for side in _sides(row)), default=usual)
    crop = min(usual, smallest - smallest % scale)
    if crop == usual or crop < max(SMALLEST_CROP, 8 * scale):
        return usual, []
    return crop, [f"data.crop={crop} in place of {usual}: the smallest photo has {smallest} pixels a side"]


def _sides(row: Any) -> tuple[int, ...]:
    """Of the high resolution; none where the file cannot be read, which the data check will say."""
    try:
        with Image.open(row.path("high" if "high" in row.fields else "image")) as image:
            return image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return ()


def measure(pipeline: Pipeline, config: RunConfig) -> tuple[dict[str, dict[str, float]], list[str]]:
    """As `evaluate`, on the left-out part."""
    return evaluate(pipeline, Manifest.read(config.data.manifest), Split.VALIDATION, (), {})


def show(before: Pipeline, after: Pipeline, config: RunConfig, folder: Path) -> Path:
    """Details of left-out photos, `folder/before-after.png`: bicubic, before, after and true side by side."""
    cells: list[np.ndarray] = []
    for row in Manifest.read(config.data.manifest).rows(Split.VALIDATION)[:_SHOWN]:
        low, high = _detail(*read_pair(row, after.scale), after.scale)
        cells += [bicubic(low, after.scale), before(low), after(low), high]
    captions = ["bicubic", "before", "after", "true"] * (len(cells) // 4)
    path = folder / "before-after.png"
    Image.fromarray(picture_grid.grid(cells, 4, captions=captions)).save(path)
    return path


def _detail(low: np.ndarray, high: np.ndarray, scale: int) -> tuple[np.ndarray, np.ndarray]:
    """The middle of a pair."""
    side = max(1, _SIDE // scale)
    top, left = (max(0, (extent - side) // 2) for extent in low.shape[:2])
    part = np.ascontiguousarray(low[top : top + side, left : left + side])
    height, width = part.shape[:2]
    return part, high[scale * top : scale * (top + height), scale * left : scale * (left + width)]
