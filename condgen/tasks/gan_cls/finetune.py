"""Fine-tuning on somebody's own captioned pictures: what is particular to drawing sentences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image

from condgen.data import captioned_preparation, picture_grid
from condgen.data.captions import spread
from condgen.data.findings import Finding
from condgen.data.manifest import Manifest, Split
from condgen.tasks.gan_cls.evaluation import Captioned, cut, evaluate
from condgen.tasks.gan_cls.pipeline import Pipeline
from condgen.tasks.gan_cls.task import GanCls

if TYPE_CHECKING:
    from condgen.config import RunConfig
    from condgen.tasks.gan_cls.config import Config

ROWS = "captioned pictures"
MAIN = {"nearest_sample": False}
NEXT = "condgen draw 'WHAT TO DRAW' -o drawn.png"

JITTER = 76 / 64  # pictures before the crop over the crop, the authors'

_SHOWN = 6  # sentences of the comparison
_SAMPLES = 3  # of each, before and after
_SIDE = 64  # pixels that a shown picture has at least


def prepare(source: Path, output: Path, model: Config, *, fraction: float, seed: int) -> list[Finding]:
    """Write pictures and manifest below `output`, unless there are errors among the findings.

    Raises:
        UserError: there are no captioned pictures, or a split is left without one.
    """
    return captioned_preparation.prepare(source, output, fraction=fraction, seed=seed)


def differences(model: Config, manifest: Manifest, *, judged: bool) -> tuple[dict[str, Any], list[str]]:
    """What the run's config states besides the model, and lines on what the data has decided.

    Args:
        judged: whether the model folder has a discriminator.
    """
    # half the paper's rate; a cosine leaves them where they settle, however many iterations there are
    player = {"learning_rate": 1e-4, "betas": [0.5, 0.999], "schedule": "cosine"}
    tree: dict[str, Any] = {
        "optimizers": dict.fromkeys(GanCls.players(replace(model, text_trained=False)), player),
        "data": {"resize": round(JITTER * model.size)},
        # few pictures are soon learned by heart; minutes on two cores
        "trainer": {
            "iterations": 1000,
            "batch_size": 16,
            "ema_decay": 0.99,
            "report_every": 250,
            "checkpoint_every": 250,
        },
    }
    lines = []
    if model.text_trained:
        tree["model"] = {"text_trained": False}
        lines.append("the sentence encoder stays as it is: few sentences would spoil it (model.text_trained=false)")
    return tree, lines


def measure(pipeline: Pipeline, config: RunConfig) -> tuple[dict[str, dict[str, float]], list[str]]:
    """As `evaluate`, on the left-out part."""
    return evaluate(pipeline, Manifest.read(config.data.manifest), Split.VALIDATION, (), {})


def show(before: Pipeline, after: Pipeline, config: RunConfig, folder: Path) -> Path:
    """Left-out sentences, `folder/before-after.png`: true pictures, samples before, and after."""
    rows = spread(Manifest.read(config.data.manifest).rows(Split.VALIDATION), _SHOWN)
    true, columns = Captioned.read(rows, after.size), []
    for pipeline in (before, after):
        vectors = pipeline.vectors(true.sentences).repeat_interleave(_SAMPLES, dim=0)
        made = pipeline.draw_vectors(vectors, pipeline.noise(range(_SAMPLES)).repeat(len(rows), 1))
        columns.append(made.unflatten(0, (-1, _SAMPLES)))
    cells = torch.cat([true.images[:, None], *columns], dim=1).flatten(0, 1)
    captions = ["true", *["before"] * _SAMPLES, *["after"] * _SAMPLES] * len(rows)
    path, scale = folder / "before-after.png", -(-_SIDE // after.size)
    shown = picture_grid.grid(
        cells,
        1 + 2 * _SAMPLES,
        captions=captions,
        row_captions=[cut(sentence) for sentence in true.sentences],
        scale=scale,
    )
    Image.fromarray(shown).save(path)
    return path
