"""Learning rate over a run as a factor of the base rate. It depends on the iteration alone: resume needs no state."""

from __future__ import annotations

import math

from condgen.config import OptimizerConfig, Schedule


def factor(config: OptimizerConfig, iteration: int, iterations: int) -> float:
    """The factor in [0, 1] for `iteration` (from 0) of a run of `iterations`."""
    scale = min(1.0, (iteration + 1) / config.warmup) if config.warmup else 1.0
    match config.schedule:
        case Schedule.CONSTANT:
            return scale
        case Schedule.STEPS:
            return scale * config.decay ** sum(iteration >= milestone for milestone in config.milestones)
        case Schedule.LINEAR:
            start = config.milestones[0]
            return scale * (1.0 if iteration < start else max(0.0, (iterations - iteration) / (iterations - start)))
        case Schedule.COSINE:
            return scale * 0.5 * (1 + math.cos(math.pi * min(1.0, iteration / iterations)))
