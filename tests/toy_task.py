"""A small game without batch statistics, whose gradients can be compared exactly between ways of training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from condgen.adversarial.objectives import ObjectiveName, objective
from condgen.adversarial.penalties import r1, wgan_gp
from condgen.adversarial.pool import SamplePool
from condgen.adversarial.task import Losses, Task, Turn
from condgen.config import OptimizerConfig, RunConfig, TrainerConfig
from condgen.data import loading


@dataclass(frozen=True, kw_only=True)
class ToyConfig:
    penalty: str = ""
    penalty_every: int = 1
    repeats: int = 1
    pool: bool = False  # with noise and a history of fakes: the state that a resumed run must bring back


@dataclass(frozen=True, eq=False)
class ToyBatch(loading.Batch):
    sample: Tensor  # (B, 3, 8, 8)
    condition: Tensor  # (B, 3, 8, 8)


class ToyDataset(torch.utils.data.Dataset):
    def __init__(self, rows: int = 32):
        self.rows = rows

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, draw: loading.Draw) -> ToyBatch:
        random = draw.random()
        values = [torch.from_numpy(random.standard_normal((3, 8, 8))).float() + draw.index / 10 for _ in range(2)]
        return ToyBatch(*values)


class ToyGame(Task):
    Config = ToyConfig

    def __init__(self, config: ToyConfig):
        super().__init__(config)
        self.generator = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.PReLU(), nn.Conv2d(8, 3, 3, padding=1))
        self.discriminator = nn.Sequential(nn.Conv2d(6, 8, 3), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(8 * 36, 1))
        self.objective = objective(ObjectiveName.NON_SATURATING)
        self.pool = SamplePool(6, (3, 8, 8))

    @classmethod
    def players(cls, config: ToyConfig) -> tuple[str, ...]:
        return ("generator", "discriminator")

    def turns(self) -> list[Turn]:
        penalty = self.penalty if self.config.penalty else None
        return [
            Turn("discriminator", self.discriminator_loss, self.config.repeats, penalty, self.config.penalty_every),
            Turn("generator", self.generator_loss),
        ]

    def judge(self, sample: Tensor, condition: Tensor) -> Tensor:
        return self.discriminator(torch.cat([sample, condition], dim=1))

    def discriminator_loss(self, batch: ToyBatch) -> Losses:
        with torch.no_grad():
            fake = self.generator(batch.condition)
            if self.config.pool:
                fake = self.pool.exchange(fake + 0.1 * torch.randn_like(fake))
        real_logits, fake_logits = self.judge(batch.sample, batch.condition), self.judge(fake, batch.condition)
        return {"adversarial": self.objective.discriminator(real_logits, fake_logits)}

    def penalty(self, batch: ToyBatch) -> Losses:
        def judge(sample: Tensor) -> Tensor:
            return self.judge(sample, batch.condition)

        if self.config.penalty == "r1":
            return {"r1": r1(judge, batch.sample)}
        # fake = real: the random point between them is then the same on the joined batch and on its parts
        return {"wgan_gp": wgan_gp(judge, batch.sample, batch.sample)}

    def generator_loss(self, batch: ToyBatch) -> Losses:
        return {"adversarial": self.objective.generator(self.judge(self.generator(batch.condition), batch.condition))}


def run_config(model: ToyConfig | None = None, **trainer) -> RunConfig:
    optimizers = {name: OptimizerConfig(learning_rate=1e-2) for name in ("generator", "discriminator")}
    settings = {"iterations": 6, "batch_size": 8, "device": "cpu", "precision": "fp32", **trainer}
    return RunConfig(
        task="toy",
        model=model or ToyConfig(),
        data=None,
        optimizers=optimizers,
        trainer=TrainerConfig(**settings),
    )
