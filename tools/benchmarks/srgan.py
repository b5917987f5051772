"""SRGAN at paper size: enlarging 256x256 to 1024x1024, and the whole adversarial training step."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from benchmark import Case, count_flop
from torch import nn

import condgen
from condgen.adversarial.trainer import Trainer
from condgen.config import OptimizerConfig, Precision, RunConfig, TrainerConfig
from condgen.data.manifest import Manifest
from condgen.runtime.engine import Engine
from condgen.tasks.srgan.data import Batch, DataConfig
from condgen.tasks.srgan.evaluation import measure
from condgen.tasks.srgan.networks import Discriminator, Generator
from condgen.tasks.srgan.pipeline import Pipeline
from condgen.tasks.srgan.task import SRGAN, Config, ContentLoss
from condgen.tasks.srgan.vgg import VGGFeatures, VGGLayer

BATCH, CROP, SCALE = 16, 96, 4  # the paper's


def cases(device: torch.device) -> Iterator[Case]:
    """Inference and training; the networks have random weights, which speed does not depend on."""
    yield _inference(device)
    with tempfile.TemporaryDirectory() as folder:
        yield _training(device, Path(folder))


def _inference(device: torch.device) -> Case:
    generator = Generator().eval().to(device)
    photo = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    upscale = Pipeline(generator, Config(), device=str(device))
    low = torch.rand(1, 3, 256, 256, device=device)

    def reference() -> torch.Tensor:
        with torch.inference_mode():
            return generator(low)

    return Case("256x256 to 1024x1024", reference, lambda: upscale(photo), count_flop(reference))


def _training(device: torch.device, folder: Path) -> Case:
    """VGG54 content loss and adversarial loss, both players, batch 16 of 24 -> 96 pixels."""
    vgg = folder / "vgg19.pth"
    _write_random_vgg(vgg)
    batch = Batch(low=torch.rand(BATCH, 3, CROP // SCALE, CROP // SCALE), high=torch.rand(BATCH, 3, CROP, CROP) * 2 - 1)
    model = Config(pixel_weight=0, content_loss=ContentLoss.VGG54, vgg_weights=str(vgg), adversarial_weight=1e-3)
    players = {"generator": OptimizerConfig(), "discriminator": OptimizerConfig()}
    config = RunConfig(
        task="srgan", model=model, data=DataConfig(), optimizers=players, trainer=TrainerConfig(batch_size=BATCH)
    )
    trainer = Trainer(SRGAN(model), config, Engine(str(device), Precision.AUTO), folder)
    trainer._source = iter(lambda: batch, None)
    plain = _PlainStep(device, batch, str(vgg))
    return Case("adversarial training step, batch 16", plain, trainer.iterate, count_flop(plain))


class _PlainStep:
    """The step as it is commonly written: eager, fp32, NCHW; the generator runs once, for both players."""

    def __init__(self, device: torch.device, batch: Batch, vgg: str):
        self.low, self.high = batch.low.to(device), batch.high.to(device)
        self.generator, self.discriminator = Generator().to(device), Discriminator().to(device)
        self.perceive = VGGFeatures(VGGLayer.VGG54, vgg).to(device)
        self.generator_optimizer = torch.optim.Adam(self.generator.parameters(), 1e-4)
        self.discriminator_optimizer = torch.optim.Adam(self.discriminator.parameters(), 1e-4)

    def __call__(self) -> None:
        fake = self.generator(self.low)
        real_logits, fake_logits = self.discriminator(self.high), self.discriminator(fake.detach())
        loss = F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()
        self.discriminator_optimizer.zero_grad()
        loss.backward()
        self.discriminator_optimizer.step()
        with torch.no_grad():
            wanted = self.perceive(self.high)
        loss = 0.006 * F.mse_loss(self.perceive(fake), wanted) + 1e-3 * F.softplus(-self.discriminator(fake)).mean()
        self.generator_optimizer.zero_grad()
        loss.backward()
        self.generator_optimizer.step()


def quality(device: torch.device, manifest: Path) -> Iterator[str]:
    """PSNR of the shipped models in both precisions: speed must not cost quality."""
    rows = Manifest.read(manifest).rows("validation")
    for name in ("srresnet-x4", "srgan-x4"):
        shipped = condgen.load(name, device=str(device))
        means = []
        for precision in (Precision.FLOAT32, Precision.AUTO):
            upscale = Pipeline(shipped.generator, shipped.config, device=str(device), precision=precision)
            table = measure(upscale, rows, shipped.config.generator.scale)
            means.append(float(np.mean([values["psnr_y"] for values in table.values()])))
        yield f"{name}: PSNR {means[0]:.3f} dB in fp32, {means[1]:.3f} dB as used ({means[1] - means[0]:+.3f})"


def _write_random_vgg(path: Path) -> None:
    from torchvision.models import vgg19

    with torch.device("meta"):
        features = vgg19(weights=None).features
    features = features.to_empty(device="cpu")
    for parameter in features.parameters():
        nn.init.normal_(parameter, std=0.03)
    torch.save({f"features.{name}": value for name, value in features.state_dict().items()}, path)
