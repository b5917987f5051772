"""CycleGAN at paper size: a picture of 256 pixels, and a step of the game at 128 pixels."""

from __future__ import annotations

import copy
import itertools
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from benchmark import Case, count_flop
from torch import Tensor, nn

import condgen
from condgen.adversarial.trainer import Trainer
from condgen.config import OptimizerConfig, Precision, RunConfig, TrainerConfig
from condgen.data.manifest import Manifest
from condgen.networks.blocks import InstanceNorm
from condgen.runtime.engine import Engine
from condgen.tasks.cyclegan.data import Batch, DataConfig
from condgen.tasks.cyclegan.evaluation import Sample
from condgen.tasks.cyclegan.pipeline import Pipeline
from condgen.tasks.cyclegan.task import Config, CycleGAN

PICTURE, CROP = 256, 128
SETTINGS = OptimizerConfig(learning_rate=2e-4, betas=[0.5, 0.999])


def cases(device: torch.device) -> Iterator[Case]:
    """Inference and training; the networks have random weights, which speed does not depend on."""
    config = Config(crop=CROP)
    task = CycleGAN(config)
    yield _inference(device, task)
    with tempfile.TemporaryDirectory() as folder:
        yield _training(device, task, Path(folder))


def as_commonly_written(network: nn.Module, device: torch.device) -> nn.Module:
    """A copy with torch's own instance norm, in fp32 and NCHW."""
    network = copy.deepcopy(network)
    for parent in list(network.modules()):
        width = 0  # of the convolution before
        for name, layer in list(parent.named_children()):
            width = getattr(layer, "out_channels", width)
            if isinstance(layer, InstanceNorm):
                setattr(parent, name, nn.InstanceNorm2d(width))
    return network.to(device)


def _inference(device: torch.device, task: CycleGAN) -> Case:
    plain = as_commonly_written(task.generator["a2b"], device).eval()
    translate = Pipeline(task.generator, task.config, device=str(device))
    picture = np.random.default_rng(0).integers(0, 256, (PICTURE, PICTURE, 3), dtype=np.uint8)
    sample = torch.rand(1, 3, PICTURE, PICTURE, device=device)

    def reference() -> Tensor:
        with torch.inference_mode():
            return plain(sample)

    return Case(f"{PICTURE}x{PICTURE} pixels", reference, lambda: translate(picture), count_flop(reference))


def _training(device: torch.device, task: CycleGAN, folder: Path) -> Case:
    """Both players, batch 1, with cycle and identity losses."""
    batch = Batch(*(torch.rand(1, 3, CROP, CROP) * 2 - 1 for _ in range(2)))
    plain = _PlainStep(device, task, batch)
    players = dict.fromkeys(("generator", "discriminator"), SETTINGS)
    settings = TrainerConfig(batch_size=1)
    config = RunConfig(task="cyclegan", model=task.config, data=DataConfig(), optimizers=players, trainer=settings)
    trainer = Trainer(task, config, Engine(str(device), Precision.AUTO), folder)
    trainer._source = iter(lambda: batch, None)
    return Case(f"training step, {CROP} pixels, batch 1", plain, trainer.iterate, count_flop(plain))


class _PlainStep:
    """The step as it is commonly written: one forward pass a purpose."""

    def __init__(self, device: torch.device, task: CycleGAN, batch: Batch):
        self.a, self.b = batch.a.to(device), batch.b.to(device)
        self.a2b, self.b2a = (as_commonly_written(task.generator[name], device) for name in ("a2b", "b2a"))
        self.judge_a, self.judge_b = (as_commonly_written(task.discriminator[name], device) for name in ("a", "b"))
        self.weight, self.identity = task.config.cycle_weight, task.config.identity_weight
        self.pools: tuple[list[Tensor], list[Tensor]] = ([], [])
        self.size = task.config.pool

        def adam(*networks: nn.Module) -> torch.optim.Adam:
            parameters = itertools.chain(*(network.parameters() for network in networks))
            return torch.optim.Adam(parameters, SETTINGS.learning_rate, betas=tuple(SETTINGS.betas))

        self.generators, self.discriminators = adam(self.a2b, self.b2a), adam(self.judge_a, self.judge_b)

    def __call__(self) -> None:
        fake_b, fake_a = self.a2b(self.a), self.b2a(self.b)
        for judge in (self.judge_a, self.judge_b):
            judge.requires_grad_(False)
        loss = _apart(self.judge_b(fake_b), 1) + _apart(self.judge_a(fake_a), 1)
        loss = loss + self.weight * (F.l1_loss(self.b2a(fake_b), self.a) + F.l1_loss(self.a2b(fake_a), self.b))
        unchanged = F.l1_loss(self.a2b(self.b), self.b) + F.l1_loss(self.b2a(self.a), self.a)
        _step(self.generators, loss + self.weight * self.identity * unchanged)
        for judge in (self.judge_a, self.judge_b):
            judge.requires_grad_(True)
        losses = []
        players = zip((self.judge_a, self.judge_b), (self.a, self.b), (fake_a, fake_b), self.pools, strict=True)
        for judge, real, fake, pool in players:
            losses.append((_apart(judge(real), 1) + _apart(judge(self._pooled(pool, fake.detach())), 0)) / 2)
        _step(self.discriminators, sum(losses))

    def _pooled(self, pool: list[Tensor], fake: Tensor) -> Tensor:
        if len(pool) < self.size:
            pool.append(fake)
            return fake
        if random.random() < 0.5:
            return fake
        place = random.randrange(self.size)
        fake, pool[place] = pool[place], fake
        return fake


def _apart(logits: Tensor, wanted: float) -> Tensor:
    return F.mse_loss(logits, torch.full_like(logits, wanted))


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def quality(device: torch.device, manifest: Path) -> Iterator[str]:
    """How near the pictures of the shipped model come to those of fp32: speed must not cost quality."""
    from condgen.metrics.translated_pictures import psnr

    shipped = condgen.load("cyclegan-shapes", device=str(device))
    rows = [row for row in Manifest.read(manifest).rows("validation") if row["domain"] == shipped.direction.source]
    samples = [Sample.read(row, shipped.config, shipped.config.crop) for row in rows]
    given = {"device": str(device), "settings": shipped.settings}
    exact = Pipeline(shipped.generator, shipped.config, precision=Precision.FLOAT32, **given)
    made = [(sample.partner, exact(sample.image), shipped(sample.image)) for sample in samples]
    finite = [min(psnr(used, wanted), 99.0) for _, wanted, used in made]
    yield f"cyclegan-shapes: PSNR of the pictures as used against those of fp32 {np.mean(finite):.1f} dB"
    if all(partner is not None for partner, _, _ in made):
        means = [np.mean([psnr(one[place], one[0]) for one in made]) for place in (1, 2)]
        yield f"cyclegan-shapes: PSNR {means[0]:.3f} dB in fp32, {means[1]:.3f} dB as used ({means[1] - means[0]:+.3f})"
