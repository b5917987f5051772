"""What clips by gist and text filter are measured by, and what is looked at while their generator trains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from condgen.adversarial.task import Report
from condgen.conditioning.condition import Condition
from condgen.metrics.animated_sentences import FURTHER, Captioned, evaluate, look
from condgen.metrics.generated_clips import signed
from condgen.tasks.text_to_video.pipeline import Pipeline
from condgen.tasks.text_to_video.task import TextToVideo

if TYPE_CHECKING:
    from condgen.config import RunConfig

__all__ = ["FURTHER", "Evaluation", "evaluate", "gist_measures"]


class Evaluation:
    """Looks at validation sentences during training, through the very code that users run."""

    def __init__(self, config: RunConfig):
        self.config, self.real = config, Captioned.of_run(config)

    def __call__(self, task: TextToVideo, folder: Path, name: str) -> Report:
        """Measures, those of the gist among them, and figures `folder/name.png` and `.gif`; see `look`."""
        trainer = self.config.trainer
        pipeline = Pipeline(
            task.generator, task.text_encoder, task.config, device=trainer.device, precision=trainer.precision
        )
        if not task.config.gist:
            return look(pipeline, self.real, folder, name)
        first, vectors = signed(self.real.clips[:, :1])[:, :, 0], pipeline.vectors(self.real.sentences)
        measures = gist_measures(task, first, vectors)
        report = look(pipeline, self.real, folder, name)
        return replace(report, measures={**report.measures, **measures})


@torch.no_grad()
def gist_measures(task: TextToVideo, frames: Tensor, vectors: Tensor) -> dict[str, float]:
    """Of first frames (N, 3, S, S) in [-1, 1] and the vectors (N, width) of their sentences:

    gist_error: root mean square between a frame and the gist that its own code paints, the posterior's mean.
    divergence: of the posterior from N(0, I) in nats, the mean over clips; near 0 the sentence alone paints.
    """
    device = next(task.gist_encoder.parameters()).device
    frames, condition = frames.to(device), Condition(vector=vectors.to(device))
    posterior = task.gist_encoder(frames, condition)
    gists = task.generator.gist(posterior.mean, condition)
    error = (gists - frames).square().flatten(1).mean(1).sqrt().mean()
    return {"gist_error": float(error), "divergence": float(posterior.divergence())}
