"""What a checkpoint holds, and how a trainer takes it back: as if the run had not been interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from condgen.config import part, to_plain
from condgen.errors import UserError
from condgen.runtime import checkpoint

if TYPE_CHECKING:
    from condgen.adversarial.trainer import Trainer


def save(trainer: Trainer) -> None:
    """Write a checkpoint of everything that the next iteration depends on; all ranks call it together.

    Raises:
        UserError: weights are not finite, or the disk is full; the older checkpoints are left alone.
    """
    ranks = trainer.engine.gather({"random": trainer.engine.random_state(), "buffers": _own_buffers(trainer)})
    trainer.engine.on_main(lambda: _write(trainer, ranks))


def _write(trainer: Trainer, ranks: list[dict]) -> None:
    broken = [name for name, value in trainer.task.named_parameters() if not value.isfinite().all()]
    if broken:
        raise UserError(
            f"stopped at iteration {trainer.iteration}: {broken[0]} is not finite; the checkpoints before are good: "
            "lower the learning rate and --resume"
        )
    state = {
        "config": to_plain(trainer.config),
        "iteration": trainer.iteration,
        "drawn": trainer.drawn,
        "rows": trainer.rows,
        "task": trainer.task.saved_state(),
        "averaged": {name: average.state_dict() for name, average in trainer.averaged.items()},
        "optimizers": {name: optimizer.state_dict() for name, optimizer in trainer.optimizers.items()},
        "ranks": ranks,
        "health": trainer.health.state(),
        "skipped": trainer.skipped,
        "skipped_in_a_row": trainer.skipped_in_a_row,
    }
    keep = trainer.config.trainer.keep_checkpoints
    checkpoint.save(trainer.folder / "checkpoints", trainer.iteration, state, keep=keep)


def resume(trainer: Trainer, path: Path) -> None:
    """Go on from a checkpoint as if the run had not been interrupted. Call before `feed`.

    Raises:
        UserError: the checkpoint is damaged, or what cannot change in a run has changed.
    """
    whole = checkpoint.load(path)
    model = part(whole["config"]["model"], type(trainer.config.model), f"{path}: model")  # options that are new since
    _refuse_changes(path, {**whole["config"], "model": to_plain(model)}, to_plain(trainer.config))
    if len(whole["ranks"]) != trainer.engine.world_size:
        raise UserError(
            f"{path} was made by {len(whole['ranks'])} processes and is resumed by {trainer.engine.world_size}; use "
            "the same number, or start a new run with start_from=RUN/model"
        )
    mine = whole["ranks"][trainer.engine.rank]
    trainer.task.load_saved_state({**whole["task"], **mine["buffers"]})
    for name, average in trainer.averaged.items():
        average.load_state_dict(whole["averaged"][name])
    for name, optimizer in trainer.optimizers.items():
        settings = [{key: group[key] for key in ("betas", "alpha") if key in group} for group in optimizer.param_groups]
        optimizer.load_state_dict(whole["optimizers"][name])
        for group, setting in zip(optimizer.param_groups, settings, strict=True):
            group.update(setting)  # the config's, which may have been changed on purpose
        trainer.skipped[name].copy_(whole["skipped"][name])
        trainer.skipped_in_a_row[name].copy_(whole["skipped_in_a_row"][name])
    trainer.iteration, trainer.drawn, trainer.rows = whole["iteration"], whole["drawn"], whole["rows"]
    trainer.health.load_state(whole["health"])
    trainer.engine.restore_random_state(mine["random"])


def _own_buffers(trainer: Trainer) -> dict[str, Tensor]:
    """What differs between ranks besides random numbers: pools of fakes, batch statistics."""
    if trainer.engine.world_size == 1:
        return {}
    buffers = dict(trainer.task.named_buffers())
    return {name: value.cpu() for name, value in trainer.task.saved_state().items() if name in buffers}


def _refuse_changes(path: Path, before: dict, now: dict) -> None:
    """Learning rates and the like may change when a run goes on; networks, and what fixes the data's order, may not."""
    for (name, old), new in zip(_fixed(before).items(), _fixed(now).values(), strict=True):
        if old != new:
            raise UserError(f"{path} was made with another {name}; resume with what it was made with, or start anew")


def _fixed(config: dict) -> dict:
    trainer = config["trainer"]
    return {
        "task": config["task"],
        "model": config["model"],
        "optimizers.*.name": {player: optimizer["name"] for player, optimizer in config["optimizers"].items()},
        "trainer.ema_decay (0 or not)": trainer["ema_decay"] > 0,
        **{f"trainer.{name}": trainer[name] for name in ("batch_size", "micro_batches", "seed")},
    }
