"""A run from its first iteration, or the resumed one, to its last: what happens between the trainer's iterations."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from condgen.adversarial.task import Report, Task
from condgen.adversarial.trainer import Trainer
from condgen.errors import UserError
from condgen.runtime import checkpoint
from condgen.runtime.logging import RunLog
from condgen.runtime.progress import Progress


def fit(trainer: Trainer, report: Callable[[Task], Report], save_model: Callable[[Task], None]) -> None:
    """Play until the last iteration, with log lines, reports, checkpoints and model folders on the way.

    Args:
        report: looks at the validation split; gets the task with averaged weights, in evaluation mode.
        save_model: writes the model folder; gets the same.

    Raises:
        UserError: too many non-finite steps in a row; the last good checkpoint stays.
    """
    config = trainer.config.trainer
    log = RunLog(trainer.folder, trainer.iteration) if trainer.engine.is_main else None
    label = f"{trainer.config.task}: training"
    with Progress(label, config.iterations, trainer.iteration, silent=log is None) as progress:
        window = _Window(trainer)
        while trainer.iteration < config.iterations:
            window.add(trainer.iterate())
            text = _log(trainer, window.close(), log, progress) if _due(trainer, config.log_every) else None
            progress.advance(text)
            if trainer.iteration == config.iterations and trainer.in_broken_streak():
                _stop(trainer)
            if _due(trainer, config.report_every) and not trainer.in_broken_streak():
                trainer.engine.on_main(lambda: _report(trainer, report, save_model, log, progress))
                window.restart()  # reports are not part of the speed
            if _due(trainer, config.checkpoint_every) and not trainer.in_broken_streak():
                trainer.save()  # behind the report: a run killed in between makes it again
    if log is not None:
        log.close()
    trainer.engine.barrier()


def _due(trainer: Trainer, every: int) -> bool:
    """On every n-th iteration and the last."""
    return trainer.iteration % every == 0 or trainer.iteration == trainer.config.trainer.iterations


def _log(trainer: Trainer, values: dict[str, float], log: RunLog | None, progress: Progress) -> str:
    """Write a line of the log, let the health monitor speak, stop a run that has broken down."""
    config, iteration = trainer.config.trainer, trainer.iteration
    if any(skipped >= config.max_skipped_steps for skipped in trainer.skipped_in_a_row.values()):
        _stop(trainer)
    text = " ".join(f"{name} {value:.4g}" for name, value in values.items() if "/" in name or name == "lead")
    if log is not None:
        log.scalars(iteration, values)
        lines = trainer.health.read(values)
        if values["skipped"]:
            lines.append(
                f"{values['skipped']:.0f} steps had gradients that are not finite and were skipped: if this goes on, "
                "lower the learning rates or set max_gradient_norm"
            )
        for line in lines:
            log.event(iteration, line)
            progress.note(f"iteration {iteration}: {line}")
    left = f"{values['seconds_left'] / 60:.0f} min left"
    progress.note(f"{iteration}/{config.iterations} {text} ({left})", always=False)
    return text


def _stop(trainer: Trainer) -> None:
    player, skipped = max(trainer.skipped_in_a_row.items(), key=lambda item: float(item[1]))
    kept = checkpoint.latest(trainer.folder / "checkpoints")
    raise UserError(
        f"stopped at iteration {trainer.iteration}: the last {skipped:.0f} steps of the {player} had gradients that "
        f"are not finite; lower optimizers.{player}.learning_rate or set its max_gradient_norm, then --resume "
        f"(last good checkpoint: {kept.name if kept else 'none yet'})"
    )


def _report(trainer: Trainer, report: Callable, save_model: Callable, log: RunLog, progress: Progress) -> None:
    devices = [trainer.engine.device] if trainer.engine.device.type == "cuda" else []
    with trainer.evaluating() as task, torch.random.fork_rng(devices=devices):
        found = report(task)
        save_model(task)
    log.scalars(trainer.iteration, {f"validation/{name}": value for name, value in found.measures.items()})
    log.pictures(trainer.iteration, found.pictures)
    log.sounds(trainer.iteration, found.sounds)
    measures = "  ".join(f"{name} {value:.4f}" for name, value in found.measures.items())
    progress.note(f"iteration {trainer.iteration}: validation {measures}")


class _Window:
    """Means over a log interval. Values stay on the device until the interval closes."""

    def __init__(self, trainer: Trainer):
        self._trainer = trainer
        self.restart()

    def restart(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        self._start, self._first = time.perf_counter(), self._trainer.iteration
        self._trainer.waited = 0.0
        self._skipped = _total(self._trainer.skipped)

    def add(self, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0) + value
            self._counts[name] = self._counts.get(name, 0) + 1

    def close(self) -> dict[str, float]:
        trainer, config = self._trainer, self._trainer.config.trainer
        means = {name: float(total) / self._counts[name] for name, total in self._sums.items()}
        seconds, iterations = time.perf_counter() - self._start, trainer.iteration - self._first
        means |= {
            "skipped": _total(trainer.skipped) - self._skipped,
            "samples_per_second": iterations * config.batch_size / seconds,
            "waiting_for_data": trainer.waited / seconds,
            "seconds_left": seconds / iterations * (config.iterations - trainer.iteration),
        }
        self.restart()
        return means


def _total(counts: Mapping[str, Tensor]) -> float:
    return float(sum(counts.values()))
