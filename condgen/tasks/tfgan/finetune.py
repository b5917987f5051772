"""Fine-tuning on somebody's own captioned clips: what is particular to TFGAN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from condgen.data.manifest import Manifest
from condgen.finetuning_clips import MAIN, NEXT, ROWS, measure, prepare, show
from condgen.tasks.tfgan.task import Tfgan

if TYPE_CHECKING:
    from condgen.tasks.tfgan.config import Config

__all__ = ["MAIN", "NEXT", "ROWS", "differences", "measure", "prepare", "show"]


def differences(model: Config, manifest: Manifest, *, judged: bool) -> tuple[dict[str, Any], list[str]]:
    """What the run's config states besides the model, and lines on what the data has decided.

    Args:
        judged: whether the model folder has discriminators.
    """
    # the paper's rate, a quarter of that of small networks; a cosine leaves them where they settle, however many
    # iterations there are
    player = {"learning_rate": 1e-4, "betas": [0.0, 0.99], "schedule": "cosine"}
    tree = {
        "optimizers": dict.fromkeys(Tfgan.players(model), player),
        # few clips are soon learned by heart; minutes on two cores
        "trainer": {
            "iterations": 1000,
            "batch_size": 8,
            "ema_decay": 0.99,
            "report_every": 250,
            "checkpoint_every": 250,
        },
    }
    return tree, []
