"""What only shows on a GPU: no waiting inside a step, skips decided on the device, exact enough resume."""

from __future__ import annotations

import pytest
import torch
from toy_task import ToyConfig, ToyDataset, ToyGame, run_config

from condgen.adversarial.trainer import Trainer
from condgen.runtime.engine import Engine

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


def make(folder, game: type[ToyGame] = ToyGame, **trainer) -> Trainer:
    config = run_config(ToyConfig(), device="cuda", **trainer)
    torch.manual_seed(7)
    return Trainer(game(config.model), config, Engine("cuda", config.trainer.precision), folder)


def test_an_iteration_does_not_wait_for_the_device(tmp_path):
    trainer = make(tmp_path, ema_decay=0.9, precision="bf16", loader_workers=1)
    trainer.feed(ToyDataset())
    for _ in range(3):  # the first ones build kernels and optimizer state
        trainer.iterate()
    torch.cuda.set_sync_debug_mode("error")
    try:
        trainer.iterate()
    finally:
        torch.cuda.set_sync_debug_mode("default")


class Broken(ToyGame):
    def generator_loss(self, batch):
        return {name: value * torch.nan for name, value in super().generator_loss(batch).items()}


def test_a_broken_step_is_skipped_on_the_device(tmp_path):
    trainer = make(tmp_path, Broken)
    trainer.feed(ToyDataset())
    before = [parameter.clone() for parameter in trainer.task.generator.parameters()]
    trainer.iterate()
    trainer.iterate()
    assert all(torch.equal(a, b) for a, b in zip(before, trainer.task.generator.parameters(), strict=True))
    assert trainer.skipped_in_a_row["generator"] == 2
    assert trainer.skipped["discriminator"] == 0


def test_training_on_the_gpu_follows_the_cpu(tmp_path):
    on_gpu = make(tmp_path)
    config = run_config(ToyConfig())
    torch.manual_seed(7)
    on_cpu = Trainer(ToyGame(config.model), config, Engine("cpu", config.trainer.precision), tmp_path)
    for trainer in (on_gpu, on_cpu):
        trainer.feed(ToyDataset())
        for _ in range(3):
            trainer.iterate()
    for a, b in zip(on_gpu.task.parameters(), on_cpu.task.parameters(), strict=True):
        torch.testing.assert_close(a.cpu(), b, atol=5e-3, rtol=5e-2)
