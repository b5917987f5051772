"""What each process of the two-process test runs: `torchrun two_processes.py FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from toy_task import ToyConfig, ToyDataset, ToyGame, run_config

from condgen.adversarial.trainer import Trainer
from condgen.runtime.engine import Engine

PENALTIES = ("", "r1", "wgan_gp")


def play(folder: Path, penalty: str) -> dict:
    """All gradients of three iterations, and the weights after them."""
    config = run_config(ToyConfig(penalty=penalty))
    engine = Engine("cpu", config.trainer.precision)
    torch.manual_seed(7 + engine.rank)  # ranks start apart: the trainer must make them equal
    trainer = Trainer(ToyGame(config.model), config, engine, folder)
    trainer.feed(ToyDataset())
    found = {}
    average = engine.average_gradients

    def note_gradients(parameters):
        parameters = list(parameters)
        average(parameters)
        found.setdefault("gradients", []).extend(parameter.grad.clone() for parameter in parameters)

    engine.average_gradients = note_gradients
    for _ in range(3):
        trainer.iterate()
    return found | {name: value.clone() for name, value in trainer.task.state_dict().items()}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    found = {penalty: play(folder, penalty) for penalty in PENALTIES}
    torch.save(found, folder / f"rank{torch.distributed.get_rank()}.pt")
