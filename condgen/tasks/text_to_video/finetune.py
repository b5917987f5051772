"""Fine-tuning on somebody's own captioned clips: what is particular to gist and text filter."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from condgen.data.manifest import Manifest
from condgen.errors import UserError
from condgen.finetuning_clips import MAIN, NEXT, ROWS, measure, prepare, show
from condgen.tasks.text_to_video.task import TextToVideo

if TYPE_CHECKING:
    from condgen.tasks.text_to_video.config import Config

__all__ = ["MAIN", "NEXT", "ROWS", "differences", "measure", "prepare", "show"]


def differences(model: Config, manifest: Manifest, *, judged: bool) -> tuple[dict[str, Any], list[str]]:
    """What the run's config states besides the model, and lines on what the data has decided.

    Args:
        judged: whether the model folder has a discriminator.

    Raises:
        UserError: the model has played no game yet.
    """
    # as the recipes: with a gradient penalty without momentum; a cosine leaves them where they settle
    betas = [0.0, 0.99] if model.r1_weight else [0.5, 0.999]
    player = {"learning_rate": 1e-4, "betas": betas, "schedule": "cosine"}
    tree: dict[str, Any] = {
        "optimizers": dict.fromkeys(TextToVideo.players(replace(model, text_trained=False)), player),
        # few clips are soon learned by heart; minutes on two cores
        "trainer": {
            "iterations": 1000,
            "batch_size": 16,
            "ema_decay": 0.99,
            "report_every": 250,
            "checkpoint_every": 250,
        },
    }
    lines = []
    if model.reconstruction_alone:
        raise UserError("this model was trained by reconstruction alone; train the game from it, with start_from=MODEL")
    if model.text_trained:
        tree["model"] = {"text_trained": False}
        lines.append("the sentence encoder stays as it is: few sentences would spoil it (model.text_trained=false)")
    return tree, lines
