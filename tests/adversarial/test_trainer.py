"""The mechanics: who moves, accumulation, averaging, skipping, resume."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from toy_task import ToyBatch, ToyConfig, ToyDataset, ToyGame, run_config

from condgen.adversarial import loop
from condgen.adversarial.task import Report
from condgen.adversarial.trainer import Trainer
from condgen.errors import UserError
from condgen.runtime import checkpoint
from condgen.runtime.engine import Engine


def make(folder, model: ToyConfig | None = None, game: type[ToyGame] = ToyGame, **trainer) -> Trainer:
    config = run_config(model, **trainer)
    engine = Engine(config.trainer.device, config.trainer.precision)
    torch.manual_seed(7)
    task = game(config.model)
    engine.seed(config.trainer.seed)
    return Trainer(task, config, engine, folder)


def fit(trainer: Trainer) -> None:
    trainer.feed(ToyDataset())
    loop.fit(trainer, lambda task: Report(), lambda task: None)


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trainer.task.state_dict().items()}


def batches(count: int, size: int) -> list[ToyBatch]:
    torch.manual_seed(3)
    return [ToyBatch(torch.randn(size, 3, 8, 8), torch.randn(size, 3, 8, 8)) for _ in range(count)]


@pytest.mark.parametrize("penalty", ["", "r1", "wgan_gp"])
def test_accumulation_equals_the_large_batch(tmp_path, penalty):
    parts = batches(4, 2)
    whole = ToyBatch(*(torch.cat([getattr(part, name) for part in parts]) for name in ("sample", "condition")))
    results = []
    for group in (parts, [whole]):
        trainer = make(tmp_path, ToyConfig(penalty=penalty))
        values = trainer.play(trainer.turns[0], group)
        results.append((weights(trainer), values["discriminator/gradient_norm"]))
    (a, norm_a), (b, norm_b) = results
    torch.testing.assert_close(norm_a, norm_b)
    for name in a:  # Adam's first step is lr times the sign, so tiny gradients may differ by rounding
        torch.testing.assert_close(a[name], b[name], atol=1e-4, rtol=1e-4)


def test_repeats_draw_fresh_data_and_later_turns_see_the_latest(tmp_path):
    trainer = make(tmp_path, ToyConfig(repeats=3))
    seen = []
    trainer.feed(ToyDataset())
    play = trainer.play
    trainer.play = lambda turn, group: seen.append((turn.player, group[0])) or play(turn, group)
    trainer.iterate()
    players, groups = zip(*seen, strict=True)
    assert players == ("discriminator",) * 3 + ("generator",)
    assert len({id(group) for group in groups}) == 3
    assert groups[3] is groups[2]
    assert trainer.drawn == 3


def test_a_lazy_penalty_is_played_every_nth_iteration_times_n(tmp_path):
    trainer = make(tmp_path, ToyConfig(penalty="r1", penalty_every=3))
    (batch,) = batches(1, 4)
    turn = trainer.turns[0]
    present = []
    for trainer.iteration in range(6):
        losses = trainer._losses(turn, batch)
        present.append("r1" in losses)
    assert present == [True, False, False, True, False, False]
    trainer.iteration = 0
    torch.testing.assert_close(trainer._losses(turn, batch)["r1"], 3 * trainer.task.penalty(batch)["r1"])


def test_averaged_weights_follow_by_the_decay(tmp_path):
    trainer = make(tmp_path, ema_decay=0.9)
    trainer.feed(ToyDataset())
    name = "0.weight"
    average = trainer.averaged["generator"].state_dict()[name].clone()
    trainer.iterate()
    now = trainer.task.generator.state_dict()[name]
    found = trainer.averaged["generator"].state_dict()[name]
    torch.testing.assert_close(found, 2 / 11 * average + 9 / 11 * now)
    trainer.iteration = 1000
    trainer._update_averages()
    found_later = trainer.averaged["generator"].state_dict()[name]
    torch.testing.assert_close(found_later, 0.9 * (2 / 11 * average + 9 / 11 * now) + 0.1 * now)
    with trainer.evaluating() as task:
        assert task.generator is trainer.averaged["generator"]
        assert not task.training
    assert trainer.task.generator is not trainer.averaged["generator"]
    assert trainer.task.training


def test_batch_norm_statistics_are_averaged_with_the_weights_and_other_buffers_are_not(tmp_path):
    trainer = make(tmp_path, ema_decay=0.9)
    norm = torch.nn.BatchNorm1d(2)
    norm.register_buffer("vector", torch.zeros(2))
    trainer.task.generator.add_module("norm", norm)
    average = copy.deepcopy(trainer.task.generator)
    trainer.averaged["generator"] = average
    norm.running_mean.fill_(1.0)
    norm.running_var.fill_(3.0)
    norm.vector.fill_(5.0)
    norm.num_batches_tracked.fill_(7)
    trainer.iteration = 1000
    trainer._update_averages()
    kept = average.norm
    torch.testing.assert_close((kept.running_mean, kept.running_var), (torch.full((2,), 0.1), torch.full((2,), 1.2)))
    assert kept.vector.tolist() == [5, 5]
    assert kept.num_batches_tracked == 7


class Normed(ToyGame):
    """Its generator begins with a batch norm, which every opponent's turn calls."""

    def __init__(self, config):
        super().__init__(config)
        self.generator.insert(0, torch.nn.BatchNorm2d(3))


def test_a_player_that_starts_later_is_frozen_until_then(tmp_path):
    trainer = make(tmp_path, game=Normed)
    optimizers = trainer.config.optimizers
    waiting = replace(optimizers["generator"], starts_at=2)
    trainer.config = replace(trainer.config, optimizers={**optimizers, "generator": waiting})
    trainer.feed(ToyDataset())
    states = [weights(trainer)]
    for _ in range(3):
        values = trainer.iterate()
        states.append(weights(trainer))
    assert any(name.startswith("generator/") for name in values)

    def moved(player: str) -> list[bool]:
        names = [name for name in states[0] if name.startswith(player) and not name.endswith("num_batches_tracked")]
        return [any(not torch.equal(a[name], b[name]) for name in names) for a, b in pairwise(states)]

    assert moved("generator") == [False, False, True]
    assert moved("discriminator") == [True, True, True]


def test_a_run_in_which_no_player_moves_is_refused():
    config = run_config(iterations=6)
    late = {name: replace(optimizer, starts_at=6) for name, optimizer in config.optimizers.items()}
    with pytest.raises(ValueError, match=r"no player ever moves: every optimizers\.\*\.starts_at is .*=6 or more"):
        replace(config, optimizers=late)
    one = {**late, "discriminator": config.optimizers["discriminator"]}
    assert replace(config, optimizers=one).optimizers["generator"].starts_at == 6


class SometimesBroken(ToyGame):
    """Its generator's loss is not finite while `broken` is set."""

    broken = True

    def generator_loss(self, batch):
        losses = super().generator_loss(batch)
        return {name: value * (torch.nan if self.broken else 1) for name, value in losses.items()}


def test_a_step_that_is_not_finite_is_skipped_and_counted(tmp_path):
    trainer = make(tmp_path, game=SometimesBroken)
    trainer.feed(ToyDataset())
    before = weights(trainer)
    trainer.iterate()
    after = weights(trainer)
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("generator"))
    assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith("discriminator"))
    assert (trainer.skipped["generator"], trainer.skipped_in_a_row["generator"]) == (1, 1)
    assert trainer.skipped["discriminator"] == 0
    assert not trainer.optimizers["generator"].state
    trainer.task.broken = False
    trainer.iterate()
    assert (trainer.skipped["generator"], trainer.skipped_in_a_row["generator"]) == (1, 0)
    assert not torch.equal(weights(trainer)["generator.0.weight"], before["generator.0.weight"])


class BreaksAfterTwo(SometimesBroken):
    calls = 0

    def generator_loss(self, batch):
        self.calls += 1
        self.broken = self.calls > 2
        return super().generator_loss(batch)


def test_too_many_skips_in_a_row_stop_the_run_with_the_last_good_checkpoint_kept(tmp_path):
    trainer = make(tmp_path, game=BreaksAfterTwo, iterations=50, log_every=1, checkpoint_every=2, max_skipped_steps=4)
    with pytest.raises(UserError, match=r"stopped at iteration 6: .* 4 steps of the generator .*iteration-00000002"):
        fit(trainer)
    assert checkpoint.latest(tmp_path / "checkpoints").name == "iteration-00000002"  # later ones would not be good


def test_a_run_that_ends_in_broken_steps_is_no_success(tmp_path):
    trainer = make(tmp_path, game=SometimesBroken, iterations=3, max_skipped_steps=8)
    with pytest.raises(UserError, match="stopped at iteration 3: the last 3 steps of the generator"):
        fit(trainer)
    assert checkpoint.latest(tmp_path / "checkpoints") is None


def test_weights_that_are_not_finite_never_become_a_checkpoint(tmp_path):
    trainer = make(tmp_path)
    trainer.save()
    trainer.iteration = 5
    trainer.task.generator[0].weight.data[0] = torch.inf
    with pytest.raises(UserError, match="not finite"):
        trainer.save()
    assert checkpoint.latest(tmp_path / "checkpoints").name == "iteration-00000000"


def test_learning_rate_weight_clip_and_gradient_clip_are_applied(tmp_path):
    trainer = make(tmp_path)
    optimizers = {
        "generator": replace(trainer.config.optimizers["generator"], max_gradient_norm=1e-12),
        "discriminator": replace(trainer.config.optimizers["discriminator"], weight_clip=0.01),
    }
    trainer.config = replace(trainer.config, optimizers=optimizers)
    trainer.feed(ToyDataset())
    trainer.iterate()
    assert max(float(p.detach().abs().max()) for p in trainer.task.discriminator.parameters()) <= 0.01 + 1e-9
    moments = trainer.optimizers["generator"].state[trainer.task.generator[0].weight]["exp_avg"]
    assert float(moments.abs().max()) < 1e-12


def test_resume_is_bit_for_bit(tmp_path):
    whole = make(tmp_path / "whole", ToyConfig(pool=True), ema_decay=0.9)
    fit(whole)
    first = make(tmp_path / "cut", ToyConfig(pool=True), ema_decay=0.9, checkpoint_every=4)
    first.feed(ToyDataset())
    for _ in range(4):
        first.iterate()
    first.save()
    torch.randn(5)  # as another process would have drawn
    second = make(tmp_path / "cut", ToyConfig(pool=True), ema_decay=0.9)
    second.resume(checkpoint.latest(tmp_path / "cut" / "checkpoints"))
    assert second.iteration == 4
    fit(second)
    a, b = weights(whole), weights(second)
    assert all(torch.equal(a[name], b[name]) for name in a)
    a, b = whole.averaged["generator"].state_dict(), second.averaged["generator"].state_dict()
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_resume_with_another_model_is_refused(tmp_path):
    make(tmp_path).save()
    other = make(tmp_path, ToyConfig(penalty="r1"))
    with pytest.raises(UserError, match="another model"):
        other.resume(checkpoint.latest(tmp_path / "checkpoints"))


def test_resume_on_other_data_is_refused(tmp_path):
    first = make(tmp_path)
    first.feed(ToyDataset(32))
    first.save()
    second = make(tmp_path)
    second.resume(checkpoint.latest(tmp_path / "checkpoints"))
    with pytest.raises(UserError, match="had 32 rows when this run began and has 31 now"):
        second.feed(ToyDataset(31))


@pytest.mark.parametrize("change", [{"batch_size": 4}, {"seed": 1}, {"micro_batches": 2}, {"ema_decay": 0.5}])
def test_resume_with_what_fixes_the_data_or_state_changed_is_refused(tmp_path, change):
    make(tmp_path).save()
    with pytest.raises(UserError, match=f"another trainer.{next(iter(change))}"):
        make(tmp_path, **change).resume(checkpoint.latest(tmp_path / "checkpoints"))


def test_learning_rate_and_betas_may_be_lowered_on_resume(tmp_path):
    first = make(tmp_path)
    first.feed(ToyDataset())
    first.iterate()
    first.save()
    config = replace(first.config.optimizers["generator"], learning_rate=1e-5, betas=[0.5, 0.99])
    changed = replace(first.config, optimizers={**first.config.optimizers, "generator": config})
    second = Trainer(ToyGame(changed.model), changed, Engine("cpu", changed.trainer.precision), tmp_path)
    second.resume(checkpoint.latest(tmp_path / "checkpoints"))
    second.feed(ToyDataset())
    second.iterate()
    (group,) = second.optimizers["generator"].param_groups
    assert (group["lr"], tuple(group["betas"])) == (1e-5, (0.5, 0.99))


def test_the_log_has_speed_and_waiting_and_every_value(tmp_path):
    fit(make(tmp_path, log_every=3))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    first = lines[0]
    assert first["iteration"] == 3
    assert first["samples_per_second"] > 0
    assert 0 <= first["waiting_for_data"] < 1
    assert {"generator/adversarial", "generator/gradient_norm", "skipped"} <= first.keys()
    assert any((tmp_path / "tensorboard").iterdir())


def test_batches_that_do_not_divide_are_refused(tmp_path):
    trainer = make(tmp_path, micro_batches=2, batch_size=8)
    trainer.engine = type("TwoOfFive", (), {"world_size": 5, "rank": 0, "device": torch.device("cpu")})()
    with pytest.raises(UserError, match="does not divide"):
        trainer.feed(ToyDataset())
