"""What TFGAN's clips are measured by, and what is looked at while it trains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from condgen.adversarial.task import Report
from condgen.metrics.animated_sentences import FURTHER, Captioned, evaluate, look
from condgen.tasks.tfgan.pipeline import Pipeline
from condgen.tasks.tfgan.task import Tfgan

if TYPE_CHECKING:
    from condgen.config import RunConfig

__all__ = ["FURTHER", "Evaluation", "evaluate"]


class Evaluation:
    """Looks at validation sentences during training, through the very code that users run."""

    def __init__(self, config: RunConfig):
        self.config, self.real = config, Captioned.of_run(config)

    def __call__(self, task: Tfgan, folder: Path, name: str) -> Report:
        """Measures, and figures `folder/name.png` and `.gif`; see `look`."""
        players, trainer = (task.generator, task.text_towers, task.text_encoder), self.config.trainer
        pipeline = Pipeline(*players, task.config, device=trainer.device, precision=trainer.precision)
        return look(pipeline, self.real, folder, name)
