"""The trainer: the only file with backward, step and averaged weights. It is never subclassed.

The loop around it, with log lines, reports and checkpoints, is `loop.fit`.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from condgen.adversarial import state
from condgen.adversarial.health import HealthMonitor
from condgen.adversarial.penalties import clip_weights
from condgen.adversarial.schedules import factor
from condgen.adversarial.task import Losses, Task, Turn, opponents_frozen
from condgen.config import AUTO_WORKERS, OptimizerConfig, OptimizerName, RunConfig
from condgen.data.loading import Order, batches
from condgen.errors import UserError
from condgen.runtime.device import channels_last
from condgen.runtime.engine import Engine

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


class Trainer:
    """Plays a task's turns over a data set and keeps everything that a resumed run needs.

    Args:
        task: the game; moved to the engine's device in place.
        config: the run's config; only `optimizers` and `trainer` are read, the rest is stored in checkpoints.
        engine: processes, device, precision.
        folder: the run's folder, for log and checkpoints.
    """

    def __init__(self, task: Task, config: RunConfig, engine: Engine, folder: Path):
        self.config, self.engine, self.folder = config, engine, folder
        self.task = channels_last(task.to(engine.device)).train()
        if engine.world_size > 1 and engine.device.type == "cuda":
            self.task = nn.SyncBatchNorm.convert_sync_batchnorm(self.task)
        engine.copy_from_main(self.task)
        self.turns = task.turns()
        self.optimizers = {
            name: _optimizer(getattr(task, name), optimizer) for name, optimizer in config.optimizers.items()
        }
        names = task.inference if config.trainer.ema_decay else ()
        self.averaged = {name: copy.deepcopy(getattr(task, name)).requires_grad_(False) for name in names}
        self.health = HealthMonitor()
        self.iteration = 0
        self.drawn = 0  # micro-batches taken from the data, on each rank
        self.rows = 0  # of the training split; 0 before there is one
        self.skipped = {name: torch.zeros((), device=engine.device) for name in self.optimizers}  # steps not finite
        self.skipped_in_a_row = {name: torch.zeros((), device=engine.device) for name in self.optimizers}
        self._source: Any = None
        self.waited = 0.0  # seconds spent waiting for data

    # -- one iteration ---------------------------------------------------------------------------------------------

    def iterate(self) -> dict[str, Tensor]:
        """All turns once, but for players that have not started.

        A turn that repeats draws fresh data each time; later turns see the latest draw.
        """
        values: dict[str, Tensor] = {}
        group = self._draw()
        for turn in self.turns:
            if not self._has_started(turn.player):
                continue
            for repeat in range(turn.repeats):
                if repeat:
                    group = self._draw()
                values |= self.play(turn, group)
        self.task.finish_iteration()
        self.iteration += 1
        self._update_averages()
        return values | self._observed()

    def _has_started(self, player: str) -> bool:
        return self.iteration >= self.config.optimizers[player].starts_at

    @torch.no_grad()
    def _update_averages(self) -> None:
        """Weights by exponential moving average, and batch norm statistics with them: the newest are not theirs.

        Other buffers, such as the vectors of a spectral norm, follow the newest. The decay grows from 2/11 on, as in
        TensorFlow's ExponentialMovingAverage, so that what the run began with is soon forgotten.
        """
        decay = min(self.config.trainer.ema_decay, (1 + self.iteration) / (10 + self.iteration))
        average_in_place = get_ema_multi_avg_fn(decay)
        for name, average in self.averaged.items():
            player = getattr(self.task, name)
            averaged = [*average.parameters(), *_running_statistics(average)]
            if averaged:  # fixed word vectors have none
                average_in_place(averaged, [*player.parameters(), *_running_statistics(player)], None)
            kept = {id(tensor) for tensor in averaged}
            for old, new in zip(average.buffers(), player.buffers(), strict=True):
                if id(old) not in kept:
                    old.copy_(new)

    def play(self, turn: Turn, micro_batches: Sequence[Any]) -> dict[str, Tensor]:
        """One update of a turn's players on the mean loss over the micro-batches. Nothing here waits for a GPU."""
        names = [name for name in turn.players if self._has_started(name)]
        statistics = _running_statistics(self.task)
        before = [tensor.clone() for tensor in statistics]
        with opponents_frozen(self.task, *(getattr(self.task, name) for name in names)):
            for batch in micro_batches:
                with self.engine.autocast():
                    losses = self._losses(turn, batch)
                (sum(losses.values()) / len(micro_batches)).backward()
        norms = {name: self._step(name) for name in names}
        finite, frozen = torch.stack([norm.isfinite() for norm in norms.values()]).all(), self._frozen_statistics()
        for tensor, old in zip(statistics, before, strict=True):
            tensor.copy_(old if id(tensor) in frozen else torch.where(finite, tensor, old))
        values = {f"{turn.player}/{name}": value.detach() for name, value in losses.items()}
        return values | self._observed() | {f"{name}/gradient_norm": norm for name, norm in norms.items()}

    def _frozen_statistics(self) -> set[int]:
        """Ids of the running statistics of players that have not started: an opponent's turn calls them, too."""
        waiting = (getattr(self.task, name) for name in self.optimizers if not self._has_started(name))
        return {id(tensor) for player in waiting for tensor in _running_statistics(player)}

    def _observed(self) -> dict[str, Tensor]:
        values, self.task.observations = self.task.observations, {}
        return values

    def _losses(self, turn: Turn, batch: Any) -> Losses:
        losses = turn.loss(batch)
        if turn.penalty is not None and self.iteration % turn.penalty_every == 0:
            losses |= {name: turn.penalty_every * value for name, value in turn.penalty(batch).items()}
        return losses

    def _step(self, name: str) -> Tensor:
        """Average over ranks, clip, and step unless the gradient is not finite: then nothing of the player changes."""
        player, optimizer, config = getattr(self.task, name), self.optimizers[name], self.config.optimizers[name]
        if self.engine.world_size > 1:  # a rank whose data left a parameter out must not fall out of step
            for parameter in player.parameters():
                if parameter.requires_grad and parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
        parameters = [parameter for parameter in player.parameters() if parameter.grad is not None]
        self.engine.average_gradients(parameters)
        norm = nn.utils.get_total_norm([parameter.grad for parameter in parameters])
        broken = (~norm.isfinite()).float()
        self.skipped[name] += broken
        self.skipped_in_a_row[name] = (self.skipped_in_a_row[name] + 1) * broken
        if config.max_gradient_norm:
            nn.utils.clip_grads_with_norm_(parameters, config.max_gradient_norm, norm)
        rate = config.learning_rate * factor(config, self.iteration, self.config.trainer.iterations)
        for group in optimizer.param_groups:
            group["lr"] = rate
        if self.engine.device.type == "cuda" and config.name is OptimizerName.ADAM:
            optimizer.found_inf = broken  # the fused kernel itself skips the step, so the host need not look
            optimizer.step()
        elif not broken:  # the one look from the host, with RMSprop on a GPU
            optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if config.weight_clip:
            clip_weights(player, config.weight_clip)
        return norm

    def in_broken_streak(self) -> bool:
        """Whether some player's newest steps were skipped: nothing made now is worth keeping."""
        return any(bool(skipped) for skipped in self.skipped_in_a_row.values())

    # -- data ------------------------------------------------------------------------------------------------------

    def feed(self, dataset: Any) -> None:
        """Take batches from `dataset` from here on, starting behind those already drawn.

        Raises:
            UserError: the data set is empty, or the batch does not divide among processes and micro-batches.
        """
        config, parts = self.config.trainer, self.config.trainer.micro_batches * self.engine.world_size
        if not len(dataset):
            raise UserError("the training split is empty; see `condgen data check`")
        if self.rows and self.rows != len(dataset):
            raise UserError(
                f"the training split had {self.rows} rows when this run began and has {len(dataset)} now; resume with "
                "the same data, or start anew with start_from=RUN/model"
            )
        self.rows = len(dataset)
        if config.batch_size % parts:
            raise UserError(
                f"trainer.batch_size {config.batch_size} does not divide among {self.engine.world_size} processes "
                f"and {config.micro_batches} micro-batches"
            )
        order = Order(
            len(dataset),
            config.batch_size // parts,
            config.seed,
            start=self.drawn,
            rank=self.engine.rank,
            world_size=self.engine.world_size,
        )
        on_gpu, workers = self.engine.device.type == "cuda", config.loader_workers
        if workers == AUTO_WORKERS:
            workers = min(8, (os.cpu_count() or 1) // self.engine.local_world_size) if on_gpu else 0
        self._source = batches(dataset, order, workers=workers, pin_memory=on_gpu)

    def _draw(self) -> list[Any]:
        start = time.perf_counter()
        group = [next(self._source).to(self.engine.device) for _ in range(self.config.trainer.micro_batches)]
        self.drawn += len(group)
        self.waited += time.perf_counter() - start
        return group

    # -- looking at it, keeping it ----------------------------------------------------------------------------------

    @contextmanager
    def evaluating(self) -> Iterator[Task]:
        """Inside, the task is in evaluation mode and has the averaged weights, if there are any."""
        own = {name: getattr(self.task, name) for name in self.averaged}
        try:
            for name, average in self.averaged.items():
                setattr(self.task, name, average)
            yield self.task.eval()
        finally:
            for name, module in own.items():
                setattr(self.task, name, module)
            self.task.train()

    def save(self) -> None:
        """Write a checkpoint; see `state.save`."""
        state.save(self)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint; see `state.resume`."""
        state.resume(self, path)


def _optimizer(player: nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    match config.name:
        case OptimizerName.ADAM:
            return torch.optim.Adam(player.parameters(), config.learning_rate, betas=tuple(config.betas), fused=True)
        case OptimizerName.RMSPROP:
            return torch.optim.RMSprop(player.parameters(), config.learning_rate, alpha=config.alpha)


def _running_statistics(module: nn.Module) -> list[Tensor]:
    """The batch norms' running means and variances, which a non-finite batch must not spoil."""
    norms: Iterable = (part for part in module.modules() if isinstance(part, BATCH_NORMS))
    return [tensor for norm in norms if norm.track_running_stats for tensor in (norm.running_mean, norm.running_var)]
