"""Turns that move more than one player."""

from __future__ import annotations

from dataclasses import replace

import torch
from toy_task import ToyBatch, ToyGame, run_config

from condgen.adversarial.trainer import Trainer
from condgen.runtime.engine import Engine


def make(folder) -> Trainer:
    config = run_config(None)
    torch.manual_seed(7)
    return Trainer(ToyGame(config.model), config, Engine(config.trainer.device, config.trainer.precision), folder)


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trainer.task.state_dict().items()}


def a_batch() -> ToyBatch:
    torch.manual_seed(3)
    return ToyBatch(torch.randn(4, 3, 8, 8), torch.randn(4, 3, 8, 8))


def test_a_turn_may_move_several_players(tmp_path):
    trainer = make(tmp_path)
    batch = a_batch()
    alone, both = trainer.turns[0], replace(trainer.turns[0], also=("generator",))

    def fooled(batch: ToyBatch):
        return {"sum": sum(parameter.square().sum() for parameter in trainer.task.parameters())}

    for turn, moving in ((alone, {"discriminator"}), (both, {"discriminator", "generator"})):
        before = weights(trainer)
        values = trainer.play(replace(turn, loss=fooled, penalty=None), [batch])
        moved = {name.split(".")[0] for name, value in weights(trainer).items() if not torch.equal(value, before[name])}
        assert moved == moving
        assert {f"{name}/gradient_norm" for name in moving} <= values.keys()
        assert all(parameter.grad is None for parameter in trainer.task.parameters())


def test_a_further_player_of_a_turn_may_start_later(tmp_path):
    trainer = make(tmp_path)
    trainer.config.optimizers["generator"] = replace(trainer.config.optimizers["generator"], starts_at=1)
    batch = a_batch()
    before = weights(trainer)
    trainer.play(replace(trainer.turns[0], also=("generator",)), [batch])
    after = weights(trainer)
    assert all(torch.equal(after[name], before[name]) for name in before if name.startswith("generator."))
