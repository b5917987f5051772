"""pix2pix at paper size: a picture of 256 pixels, and a step of the game at 256 pixels."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from benchmark import Case, count_flop
from torch import Tensor

import condgen
from condgen.adversarial.trainer import Trainer
from condgen.config import OptimizerConfig, Precision, RunConfig, TrainerConfig
from condgen.data.manifest import Manifest
from condgen.metrics.translated_pictures import psnr
from condgen.runtime.engine import Engine
from condgen.tasks.pix2pix.data import Batch, DataConfig
from condgen.tasks.pix2pix.evaluation import read_pair
from condgen.tasks.pix2pix.pipeline import Pipeline, Settings
from condgen.tasks.pix2pix.task import Config, Pix2Pix

SIZE = 256
SETTINGS = OptimizerConfig(learning_rate=2e-4, betas=[0.5, 0.999])


def cases(device: torch.device) -> Iterator[Case]:
    """Inference and training; the networks have random weights, which speed does not depend on."""
    task = Pix2Pix(Config(crop=SIZE))
    for noise in (True, False):
        yield _inference(device, task, noise=noise)
    with tempfile.TemporaryDirectory() as folder:
        yield _training(device, task, Path(folder))


def _inference(device: torch.device, task: Pix2Pix, *, noise: bool) -> Case:
    """As in training, the authors' default; and in evaluation mode."""
    plain = copy.deepcopy(task.generator).to(device).train(noise)
    translate = Pipeline(task.generator, task.config, device=str(device), settings=Settings(noise=noise))
    picture = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    sample = torch.rand(1, 3, SIZE, SIZE, device=device)

    def reference() -> Tensor:
        with torch.inference_mode():
            return plain(sample)

    name = f"{SIZE}x{SIZE} pixels, {'with' if noise else 'without'} noise"
    return Case(name, reference, lambda: translate(picture), count_flop(reference))


def _training(device: torch.device, task: Pix2Pix, folder: Path) -> Case:
    """Both players, batch 1, with the L1 loss."""
    batch = Batch(*(torch.rand(1, 3, SIZE, SIZE) * 2 - 1 for _ in range(2)))
    plain = _PlainStep(device, task, batch)
    players = dict.fromkeys(("generator", "discriminator"), SETTINGS)
    settings = TrainerConfig(batch_size=1)
    config = RunConfig(task="pix2pix", model=task.config, data=DataConfig(), optimizers=players, trainer=settings)
    trainer = Trainer(task, config, Engine(str(device), Precision.AUTO), folder)
    trainer._source = iter(lambda: batch, None)
    return Case(f"training step, {SIZE} pixels, batch 1", plain, trainer.iterate, count_flop(plain))


class _PlainStep:
    """The step as it is commonly written: eager, fp32, NCHW; the generator runs once, for both players."""

    def __init__(self, device: torch.device, task: Pix2Pix, batch: Batch):
        self.given, self.target = batch.input.to(device), batch.target.to(device)
        self.generator, self.discriminator = (
            copy.deepcopy(player).to(device) for player in (task.generator, task.discriminator)
        )
        self.weight = task.config.l1_weight
        self.generator_optimizer, self.discriminator_optimizer = (
            torch.optim.Adam(player.parameters(), SETTINGS.learning_rate, betas=tuple(SETTINGS.betas))
            for player in (self.generator, self.discriminator)
        )

    def __call__(self) -> None:
        fake = self.generator(self.given)
        self.discriminator.requires_grad_(True)
        on_real, on_fake = self._judged(self.target), self._judged(fake.detach())
        _step(self.discriminator_optimizer, (F.softplus(-on_real).mean() + F.softplus(on_fake).mean()) / 2)
        self.discriminator.requires_grad_(False)
        adversarial = F.softplus(-self._judged(fake)).mean()
        _step(self.generator_optimizer, adversarial + self.weight * F.l1_loss(fake, self.target))

    def _judged(self, picture: Tensor) -> Tensor:
        return self.discriminator(picture, self.given)


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def quality(device: torch.device, manifest: Path) -> Iterator[str]:
    """PSNR of the shipped model in both precisions, with the same noise: speed must not cost quality."""
    shipped = condgen.load("pix2pix-shapes", device=str(device))
    exact = Pipeline(shipped.generator, shipped.config, device=str(device), precision=Precision.FLOAT32)
    pairs = [read_pair(row, shipped.config, shipped.config.crop) for row in Manifest.read(manifest).rows("validation")]
    means = [np.mean([psnr(one(given), target) for given, target in pairs]) for one in (exact, shipped)]
    yield f"pix2pix-shapes: PSNR {means[0]:.3f} dB in fp32, {means[1]:.3f} dB as used ({means[1] - means[0]:+.3f})"
