"""DCGAN networks 64 channels wide, pictures of 28 and 64 pixels: 1,000 samples, and a step of the game."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from benchmark import Case, count_flop
from torch import Tensor

from condgen.adversarial.trainer import Trainer
from condgen.conditioning.condition import Condition
from condgen.conditioning.encoders import label_condition
from condgen.config import OptimizerConfig, Precision, RunConfig, TrainerConfig
from condgen.data.labelled_images import UNLABELLED
from condgen.runtime.engine import Engine
from condgen.runtime.model_folder import ModelFolder
from condgen.tasks.class_conditional.config import Config, build_discriminator, build_generator
from condgen.tasks.class_conditional.data import Batch, DataConfig
from condgen.tasks.class_conditional.pipeline import Pipeline
from condgen.tasks.class_conditional.task import ClassConditional

GREY, COLOURED = Config(size=28, image_channels=1), Config(size=64, image_channels=3)  # MNIST's form, and DCGAN's own
SAMPLES, BATCH = 1000, 64
SETTINGS = OptimizerConfig(learning_rate=2e-4, betas=[0.5, 0.999])  # DCGAN's


def cases(device: torch.device) -> Iterator[Case]:
    """Sampling and training; the networks have random weights, which speed does not depend on."""
    for config in (GREY, COLOURED):
        yield _sampling(device, config)
    with tempfile.TemporaryDirectory() as folder:
        for config in (GREY, COLOURED):
            yield _training(device, config, Path(folder))


def _sampling(device: torch.device, config: Config) -> Case:
    """From drawing the noise to pictures on the CPU; commonly in a loop over batches of the training's size."""
    plain = build_generator(config).eval().to(device)
    pipeline = Pipeline(plain, config, device=str(device))

    def reference() -> Tensor:
        made = []
        with torch.no_grad():
            for start in range(0, SAMPLES, BATCH):
                noise = torch.randn(min(BATCH, SAMPLES - start), config.generator.noise_channels, device=device)
                made.append(plain(noise, Condition()).cpu())
        return torch.cat(made)

    return Case(
        f"{SAMPLES:,} samples of {config.size} pixels",
        reference,
        lambda: pipeline.sample(SAMPLES),
        count_flop(reference),
    )


def _training(device: torch.device, config: Config, folder: Path) -> Case:
    images = torch.rand(BATCH, config.image_channels, config.size, config.size) * 2 - 1
    batch = Batch(image=images, label=torch.full((BATCH,), UNLABELLED))
    players = {"generator": SETTINGS, "discriminator": SETTINGS}
    settings = TrainerConfig(batch_size=BATCH)
    run = RunConfig(task="class_conditional", model=config, data=DataConfig(), optimizers=players, trainer=settings)
    trainer = Trainer(ClassConditional(config), run, Engine(str(device), Precision.AUTO), folder)
    trainer._source = iter(lambda: batch, None)
    plain = _PlainStep(device, config, images)
    name = f"adversarial training step, batch {BATCH} of {config.size} pixels"
    return Case(name, plain, trainer.iterate, count_flop(plain))


class _PlainStep:
    """The step of PyTorch's DCGAN tutorial: eager, fp32, NCHW, nobody frozen; the generator runs once, for both."""

    def __init__(self, device: torch.device, config: Config, images: Tensor):
        self.images, self.noise_channels = images.to(device), config.generator.noise_channels
        self.generator, self.discriminator = build_generator(config).to(device), build_discriminator(config).to(device)
        self.generator_optimizer, self.discriminator_optimizer = (
            torch.optim.Adam(player.parameters(), SETTINGS.learning_rate, betas=tuple(SETTINGS.betas))
            for player in (self.generator, self.discriminator)
        )

    def __call__(self) -> None:
        self.discriminator.zero_grad()
        self._loss(self.images, 1.0).backward()
        fake = self.generator(torch.randn(BATCH, self.noise_channels, device=self.images.device), Condition())
        self._loss(fake.detach(), 0.0).backward()
        self.discriminator_optimizer.step()
        self.generator.zero_grad()
        self._loss(fake, 1.0).backward()
        self.generator_optimizer.step()

    def _loss(self, images: Tensor, target: float) -> Tensor:
        judged = torch.sigmoid(self.discriminator(images, Condition()).logits)
        return F.binary_cross_entropy(judged, torch.full_like(judged, target))


@torch.inference_mode()
def quality(device: torch.device, manifest: Path) -> Iterator[str]:
    """The shipped model's pictures against those of its plain generator; the data does not matter for that."""
    folder = ModelFolder.find("acgan-mnist")
    plain, pipeline = build_generator(folder.config), Pipeline.from_folder(folder, device=str(device))
    folder.fill(plain, "generator")
    noise = pipeline.noise(SAMPLES)
    labels = [pipeline.classes[number % len(pipeline.classes)] for number in range(SAMPLES)]
    wanted = plain.eval()(noise, label_condition(pipeline.classes, SAMPLES, labels))
    difference = (pipeline.decode(noise, labels) - wanted).abs()
    mean, largest = difference.mean(), difference.max()
    yield f"acgan-mnist: pictures in [-1, 1] differ from plain fp32 by {mean:.1e} on average, {largest:.1e} at most"
