"""The field's protocol for super-resolution, and the pictures to look at while training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from condgen.adversarial.task import Report
from condgen.data.manifest import Manifest, Row
from condgen.errors import UserError
from condgen.metrics.psnr import psnr
from condgen.metrics.sharpness import sharpness
from condgen.metrics.spectrum import spectral_distance
from condgen.metrics.ssim import ssim
from condgen.metrics.table import means, unique_label
from condgen.tasks.srgan.data import read_pair
from condgen.tasks.srgan.pipeline import Pipeline
from condgen.tasks.srgan.task import SRGAN

if TYPE_CHECKING:
    from condgen.config import RunConfig

METRICS = {"psnr_y": psnr, "ssim_y": ssim, "sharpness": sharpness, "spectral_distance": spectral_distance}
"""On the Y channel, with as many border pixels left out as the scale is."""

_SHOWN = 96  # side of the details in the picture, high-resolution pixels


def measure(
    upscale: Callable[[np.ndarray], np.ndarray], rows: Iterable[Row], scale: int, metrics: dict = METRICS
) -> dict[str, dict[str, float]]:
    """Every metric of every photo, by the photo's name.

    Args:
        upscale: takes and gives uint8 (h, w, 3).
        metrics: name -> function of prediction and target, both (1, 3, H, W) in [0, 1], and the border.
    """
    table = {}
    for row in rows:
        low, high = read_pair(row, scale)
        made, wanted = _tensor(upscale(low)), _tensor(high)
        label = unique_label(name_of(row), row.line, table)
        table[label] = {name: float(metric(made, wanted, border=scale)) for name, metric in metrics.items()}
    return table


def bicubic(low: np.ndarray, scale: int) -> np.ndarray:
    """What every method is compared with: uint8 (h, w, 3) enlarged by Pillow's bicubic filter."""
    height, width = low.shape[:2]
    return np.asarray(Image.fromarray(low).resize((scale * width, scale * height), Image.Resampling.BICUBIC))


def name_of(row: Row) -> str:
    return Path(row.fields.get("image") or row.fields["high"]).stem


class Evaluation:
    """Looks at the validation photos during training, through the very code that users run."""

    def __init__(self, config: RunConfig):
        self.config = config
        self.scale = config.model.generator.scale
        rows = Manifest.read(config.data.manifest).rows("validation")
        self.rows = rows[: config.data.validation_photos]

    def __call__(self, task: SRGAN, folder: Path, name: str) -> Report:
        """Measures, and a picture `folder/name.png`."""
        trainer = self.config.trainer
        upscale = Pipeline(task.generator, task.config, device=trainer.device, precision=trainer.precision)
        table = measure(upscale, self.rows, self.scale)
        shown = self.picture(upscale)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(shown).save(folder / f"{name}.png")
        (mean,), _ = means(table)
        return Report(mean, {"bicubic, made, true": torch.from_numpy(shown).permute(2, 0, 1)})

    def picture(self, upscale: Pipeline) -> np.ndarray:
        """Details of the first photos: bicubic, made and true side by side, one photo a line."""
        return np.concatenate([self._details(upscale, row) for row in self.rows[:4]])

    def _details(self, upscale: Pipeline, row: Row) -> np.ndarray:
        low, high = read_pair(row, self.scale)
        sides: Sequence[np.ndarray] = (bicubic(low, self.scale), upscale(low), high)
        return np.concatenate([_centre(side) for side in sides], axis=1)


def _centre(picture: np.ndarray) -> np.ndarray:
    """The middle of a picture as a square of fixed size; smaller pictures are set on black."""
    top, left = (max(0, (extent - _SHOWN) // 2) for extent in picture.shape[:2])
    cut = picture[top : top + _SHOWN, left : left + _SHOWN]
    return np.pad(cut, ((0, _SHOWN - cut.shape[0]), (0, _SHOWN - cut.shape[1]), (0, 0)))


def _tensor(picture: np.ndarray) -> Tensor:
    """uint8 (h, w, 3) -> (1, 3, h, w) in [0, 1]."""
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255


def evaluate(
    upscale: Pipeline, manifest: Manifest, split: str, also: Sequence[str], weights: Mapping[str, Path]
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """The table that `condgen evaluate` prints, and a line on each metric that cannot be had here.

    Args:
        also: further metrics that need weights: `lpips`.
        weights: local files for them, by the metric's name; without, they are downloaded.

    Raises:
        UserError: no rows of that split, or a metric that there is not.
    """
    scale, metrics, missing = upscale.config.generator.scale, dict(METRICS), []
    for name in also:
        if name != "lpips":
            raise UserError(f"super-resolution has no metric {name!r} besides {', '.join(METRICS)} and lpips")
        try:
            metrics[name] = _lpips(weights.get(name))
        except UserError as problem:
            missing.append(f"{name}: missing ({problem})")
    for name in set(weights) - set(also):
        raise UserError(f"weights for {name!r}, which is not measured: add --also {name}")
    rows = manifest.rows(split)
    table = measure(upscale, rows, scale, metrics)
    plain = measure(lambda low: bicubic(low, scale), rows, scale, metrics)
    (mean, mean_of_bicubic), left_out = means(table, plain)
    return {**table, "mean": mean, "mean of bicubic": mean_of_bicubic}, [*missing, *left_out]


def _lpips(weights: Path | None) -> Callable[..., Tensor]:
    """LPIPS on the whole picture: it has no border of its own to leave out."""
    from condgen.metrics.lpips import LPIPS

    distance = LPIPS(weights=weights)
    return lambda made, wanted, border: distance(made, wanted)
