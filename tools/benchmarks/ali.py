"""ALI with the published networks for SVHN: decoding and encoding 100 pictures, and a step of the game."""

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
from condgen.config import OptimizerConfig, Precision, RunConfig, TrainerConfig
from condgen.data.image import to_signed
from condgen.data.labelled_images import UNLABELLED, Dataset
from condgen.runtime.engine import Engine
from condgen.runtime.model_folder import ModelFolder
from condgen.tasks.ali.data import Batch, DataConfig
from condgen.tasks.ali.networks import SIZE
from condgen.tasks.ali.pipeline import Pipeline
from condgen.tasks.ali.task import ALI, Config, build_generator

PAPER = Config()
BATCH = 100  # the paper's
SETTINGS = OptimizerConfig(learning_rate=1e-4, betas=[0.5, 0.999])


def cases(device: torch.device) -> Iterator[Case]:
    """Inference and training; the networks have random weights, which speed does not depend on."""
    yield from _inference(device)
    with tempfile.TemporaryDirectory() as folder:
        yield _training(device, Path(folder))


def _inference(device: torch.device) -> Iterator[Case]:
    """From tensors on the CPU to tensors on the CPU."""
    plain = build_generator(PAPER).eval().to(device)
    pipeline = Pipeline(plain, PAPER, device=str(device))
    images, latent = _images(), torch.randn(BATCH, PAPER.latent_size)

    def decode() -> Tensor:
        with torch.no_grad():
            return plain.decoder(latent.to(device), Condition()).cpu()

    def encode() -> Tensor:
        with torch.no_grad():
            return plain.encoder(images.to(device), Condition()).mean.cpu()

    yield Case(f"decoder, batch {BATCH}", decode, lambda: pipeline.decode(latent), count_flop(decode))
    yield Case(f"encoder, batch {BATCH}", encode, lambda: pipeline.encode(images), count_flop(encode))


def _training(device: torch.device, folder: Path) -> Case:
    batch = Batch(image=_images(), label=torch.full((BATCH,), UNLABELLED))
    players = {"generator": SETTINGS, "discriminator": SETTINGS}
    settings = TrainerConfig(batch_size=BATCH)
    config = RunConfig(task="ali", model=PAPER, data=DataConfig(), optimizers=players, trainer=settings)
    trainer = Trainer(ALI(PAPER), config, Engine(str(device), Precision.AUTO), folder)
    trainer._source = iter(lambda: batch, None)
    plain = _PlainStep(device, batch.image)
    return Case(f"adversarial training step, batch {BATCH}", plain, trainer.iterate, count_flop(plain))


class _PlainStep:
    """The step of the public PyTorch ports: eager, fp32, NCHW, nobody frozen; real and fake pairs are judged apart.

    Encoder and decoder run once, for both players. Some ports go back through one judgement for both players, with the
    discriminator's step in between; PyTorch refuses that by now, so each player has pairs judged for itself.
    """

    def __init__(self, device: torch.device, images: Tensor):
        task = ALI(PAPER).to(device)
        self.images, self.generator, self.discriminator = images.to(device), task.generator, task.discriminator
        self.generator_optimizer, self.discriminator_optimizer = (
            torch.optim.Adam(player.parameters(), SETTINGS.learning_rate, betas=tuple(SETTINGS.betas))
            for player in (self.generator, self.discriminator)
        )

    def __call__(self) -> None:
        noise = torch.randn(BATCH, PAPER.latent_size, device=self.images.device)
        encoded, decoded = self.generator(self.images, noise, Condition())
        loss = self._loss(self.images, encoded.detach(), 1.0) + self._loss(decoded.detach(), noise, 0.0)
        self.discriminator_optimizer.zero_grad()
        loss.backward()
        self.discriminator_optimizer.step()
        loss = self._loss(self.images, encoded, 0.0) + self._loss(decoded, noise, 1.0)
        self.generator_optimizer.zero_grad()
        loss.backward()
        self.generator_optimizer.step()

    def _loss(self, images: Tensor, latent: Tensor, target: float) -> Tensor:
        judged = torch.sigmoid(self.discriminator(images, latent, Condition()))
        return F.binary_cross_entropy(judged, torch.full_like(judged, target))


def quality(device: torch.device, manifest: Path) -> Iterator[str]:
    """Reconstructions of the shipped model in both precisions: speed must not cost quality."""
    folder = ModelFolder.find("ali-mnist")
    config, generator = folder.config, build_generator(folder.config)
    folder.fill(generator, "generator")
    data, form = DataConfig(manifest=str(manifest)), {"size": SIZE, "channels": config.image_channels}
    pictures = Dataset(data, **form, classes=config.classes, split="validation", limit=data.validation_images)
    labels, errors = None, []
    if config.classes:
        pictures = pictures.labelled()
        labels = [config.classes[label] for label in pictures.labels]
    images = to_signed(pictures.images)
    for precision in (Precision.FLOAT32, Precision.AUTO):
        reconstruct = Pipeline(generator, config, device=str(device), precision=precision)
        errors.append((reconstruct(images, labels) - images).abs().mean().item())
    yield f"ali-mnist: reconstructions off by {errors[0]:.4f} of [-1, 1] in fp32, by {errors[1]:.4f} as used"


def _images() -> Tensor:
    return torch.rand(BATCH, PAPER.image_channels, SIZE, SIZE) * 2 - 1
