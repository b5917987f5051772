"""The contract that every task keeps; tasks are found by their folders."""

from __future__ import annotations

import pytest
import torch

from condgen import tasks, training
from condgen.adversarial.trainer import Trainer
from condgen.config import OptimizerConfig, RunConfig, TrainerConfig, to_plain
from condgen.errors import UserError
from condgen.runtime import checkpoint
from condgen.runtime.engine import Engine
from condgen.runtime.model_folder import ModelFolder

EXAMPLES = [
    pytest.param(name, config, id=f"{name}-{label}")
    for name in tasks.names()
    for label, config in tasks.part(name, "example").configs().items()
]


def run_config(name: str, config, **trainer) -> RunConfig:
    players = tasks.part(name, "task").TASK.players(config)
    settings = {"device": "cpu", "precision": "fp32", "iterations": 10, "batch_size": 4, **trainer}
    return RunConfig(
        task=name,
        model=config,
        data=tasks.part(name, "data").DataConfig(),
        optimizers={player: OptimizerConfig(learning_rate=1e-3) for player in players},
        trainer=TrainerConfig(**settings),
    )


def make(name: str, config, folder, **trainer) -> Trainer:
    whole = run_config(name, config, **trainer)
    torch.manual_seed(0)
    task = tasks.part(name, "task").TASK(config)
    return Trainer(task, whole, Engine("cpu", whole.trainer.precision), folder)


def feed(trainer: Trainer, name: str, config) -> None:
    def endless():
        while True:
            yield tasks.part(name, "example").batch(config)

    trainer._source = endless()


@pytest.mark.parametrize(("name", "config"), EXAMPLES)
def test_a_turn_moves_only_its_player_and_leaves_no_gradients(name, config, tmp_path):
    trainer = make(name, config, tmp_path)
    feed(trainer, name, config)
    group = trainer._draw()
    for turn in trainer.turns:
        before = {key: value.detach().clone() for key, value in trainer.task.named_parameters()}
        asked = {key: value.requires_grad for key, value in trainer.task.named_parameters()}
        values = trainer.play(turn, group)
        moved = {key for key, value in trainer.task.named_parameters() if not torch.equal(value, before[key])}
        assert moved
        assert {key.split(".")[0] for key in moved} == set(turn.players)
        assert all(parameter.grad is None for parameter in trainer.task.parameters())
        assert asked == {key: value.requires_grad for key, value in trainer.task.named_parameters()}
        assert all(value.isfinite().all() and not value.requires_grad for value in values.values())


@pytest.mark.parametrize(("name", "config"), EXAMPLES)
def test_losses_are_named_fp32_scalars_in_bf16_too(name, config, tmp_path):
    trainer = make(name, config, tmp_path, precision="bf16")
    feed(trainer, name, config)
    (batch,) = trainer._draw()
    for turn in trainer.turns:
        with trainer.engine.autocast():
            losses = turn.loss(batch)
        assert losses
        for value in losses.values():
            assert value.ndim == 0
            assert value.dtype is torch.float32
    assert all(value.isfinite().all() for value in trainer.iterate().values())


@pytest.mark.parametrize(("name", "config"), EXAMPLES)
def test_players_and_inference_are_child_modules(name, config, tmp_path):
    task = make(name, config, tmp_path).task
    children = dict(task.named_children())
    players = task.players(config)
    assert set(players) | set(task.inference) <= children.keys()
    assert {name for turn in task.turns() for name in turn.players} == set(players)
    learning = {key.split(".")[0] for key, value in task.named_parameters() if value.requires_grad}
    assert learning == set(players)


@pytest.mark.parametrize(("name", "config"), EXAMPLES)
def test_resume_is_bit_for_bit(name, config, tmp_path):
    trainer = make(name, config, tmp_path, ema_decay=0.9)
    feed(trainer, name, config)
    trainer.iterate()
    trainer.save()
    resumed = make(name, config, tmp_path, ema_decay=0.9)
    resumed.resume(checkpoint.latest(tmp_path / "checkpoints"))
    results = []
    for one in (trainer, resumed):
        feed(one, name, config)
        torch.manual_seed(1)
        values = one.iterate()
        results.append((values, one.task.state_dict(), *[a.state_dict() for a in one.averaged.values()]))
    for first, second in zip(*results, strict=True):
        assert first.keys() == second.keys()
        for key in first:
            torch.testing.assert_close(first[key], second[key], rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize(("name", "config"), EXAMPLES)
def test_the_losses_fall_on_one_batch(name, config, tmp_path):
    """The generator's, when it plays alone on a fixed batch: gradients point the right way."""
    trainer = make(name, config, tmp_path)
    feed(trainer, name, config)
    group = trainer._draw()
    turn = next(turn for turn in trainer.turns if turn.player in trainer.task.inference)
    totals = []
    for _ in range(30):
        values = trainer.play(turn, group)
        own = [value for key, value in values.items() if key not in ("lead", "diversity") and "gradient" not in key]
        totals.append(float(sum(own)))
    assert totals[-1] < totals[0] - 0.05 * abs(totals[0])


@pytest.mark.parametrize(("name", "config"), EXAMPLES)
def test_model_folder_round_trip(name, config, tmp_path):
    whole = run_config(name, config)
    task = tasks.part(name, "task").TASK(config)
    training.save_model(task, whole, tmp_path / "model")
    folder = ModelFolder.find(tmp_path / "model")
    assert (folder.task, folder.config) == (name, config)
    assert to_plain(folder.config) == to_plain(config)
    inference = folder.tensors()
    assert {key.split(".")[0] for key in inference} == set(task.inference)
    stored = folder.tensors(training=True)
    kept = {*task.players(config), *task.inference}
    assert stored.keys() == {key for key in task.saved_state() if key.split(".")[0] in kept}
    other = tasks.part(name, "task").TASK(config)
    lines = training.start_from(other, str(tmp_path / "model"))
    assert {line.split(":")[0] for line in lines} == kept
    assert all(" tensors taken from " in line for line in lines)
    assert all(torch.equal(value, other.saved_state()[key]) for key, value in stored.items())
    pipeline = tasks.pipeline_class(name).from_folder(folder, device="cpu")
    assert callable(pipeline)


def test_an_unknown_task_is_said():
    with pytest.raises(UserError, match="there is no task 'none'; the tasks are"):
        tasks.part("none", "task")
