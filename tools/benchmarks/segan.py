"""SEGAN at paper size: enhancement of 1 and 10 seconds, and a step of the game."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from benchmark import Case, count_flop
from torch import Tensor, nn

from condgen.adversarial.diversity import ReferenceBatch, VirtualBatchNorm
from condgen.adversarial.trainer import Trainer
from condgen.config import OptimizerConfig, OptimizerName, Precision, RunConfig, TrainerConfig
from condgen.data.manifest import Manifest
from condgen.runtime.engine import Engine
from condgen.tasks.segan.data import Batch, DataConfig
from condgen.tasks.segan.networks import PAPER_CHANNELS, Generator
from condgen.tasks.segan.pipeline import Pipeline
from condgen.tasks.segan.task import SEGAN, Config, DiscriminatorConfig

WINDOW, BATCH = 16384, 4
CODE = 8  # samples of the code
SETTINGS = OptimizerConfig(name=OptimizerName.RMSPROP, learning_rate=2e-4, alpha=0.9)


def cases(device: torch.device) -> Iterator[Case]:
    yield _inference(device, windows=1)
    yield _inference(device, windows=10)
    with tempfile.TemporaryDirectory() as folder:
        yield _training(device, Path(folder))


def _inference(device: torch.device, windows: int) -> Case:
    """The public implementations run window by window, without overlap."""
    pipeline = Pipeline(Generator().eval(), Config(), device=str(device), cross_fade=False)
    plain = _PlainGenerator().eval().to(device)
    speech = np.random.default_rng(0).standard_normal(windows * WINDOW).astype(np.float32) / 10
    signal = torch.from_numpy(speech).to(device).view(windows, 1, 1, WINDOW)

    def reference() -> list[Tensor]:
        with torch.inference_mode():
            return [plain(window, torch.randn(1, 1024, CODE, device=device)) for window in signal]

    return Case(f"{windows} s", reference, lambda: pipeline(speech, 16000), count_flop(reference))


def _training(device: torch.device, folder: Path) -> Case:
    batch = Batch(noisy=torch.randn(BATCH, 1, WINDOW) / 10, clean=torch.randn(BATCH, 1, WINDOW) / 10)
    model = Config(discriminator=DiscriminatorConfig(reference_size=BATCH))
    players = {"generator": SETTINGS, "discriminator": SETTINGS}
    settings = TrainerConfig(batch_size=BATCH)
    config = RunConfig(task="segan", model=model, data=DataConfig(), optimizers=players, trainer=settings)
    trainer = Trainer(SEGAN(model), config, Engine(str(device), Precision.AUTO), folder)
    trainer._source = iter(lambda: batch, None)
    plain = _PlainStep(device, batch)
    return Case(f"adversarial training step, batch {BATCH}", plain, trainer.iterate, count_flop(plain))


class _PlainGenerator(nn.Module):
    """As commonly written: one-dimensional convolutions in NCL."""

    def __init__(self):
        super().__init__()
        widths = PAPER_CHANNELS
        self.down = nn.ModuleList(nn.Conv1d(a, b, 31, 2) for a, b in zip((1, *widths), widths, strict=False))
        inputs = [2 * width for width in widths[::-1]]
        outputs = (*widths[-2::-1], 1)
        self.up = nn.ModuleList(
            nn.ConvTranspose1d(a, b, 31, 2, padding=14) for a, b in zip(inputs, outputs, strict=True)
        )
        self.down_activations = nn.ModuleList(nn.PReLU(width) for width in widths)
        self.up_activations = nn.ModuleList(nn.PReLU(width) for width in outputs[:-1])

    def forward(self, signal: Tensor, noise: Tensor) -> Tensor:
        skips = []
        for conv, activation in zip(self.down, self.down_activations, strict=True):
            skips.append(conv(F.pad(signal, (14, 15))))
            signal = activation(skips[-1])
        skips.pop()
        signal = torch.cat([noise, signal], dim=1)
        for conv, activation in zip(self.up, self.up_activations, strict=False):
            signal = torch.cat([activation(conv(signal)[..., :-1]), skips.pop()], dim=1)
        return torch.tanh(self.up[-1](signal)[..., :-1])


class _PlainDiscriminator(nn.Module):
    def __init__(self):
        super().__init__()
        widths = PAPER_CHANNELS
        self.down = nn.ModuleList(nn.Conv1d(a, b, 31, 2) for a, b in zip((2, *widths), widths, strict=False))
        self.norms = nn.ModuleList(VirtualBatchNorm(width, BATCH) for width in widths)
        self.head = nn.Sequential(nn.Conv1d(widths[-1], 1, 1), nn.Flatten(), nn.Linear(CODE, 1))
        self.reference = ReferenceBatch(BATCH, (2, WINDOW))

    def forward(self, sample: Tensor, noisy: Tensor) -> Tensor:
        features = self.reference(torch.cat([sample, noisy], dim=1))
        for conv, norm in zip(self.down, self.norms, strict=True):
            features = F.leaky_relu(norm(conv(F.pad(features, (14, 15)))), 0.3)
        return self.head(self.reference.drop(features))


class _PlainStep:
    """The step as it is commonly written: eager, fp32, NCL; the generator runs once, for both players."""

    def __init__(self, device: torch.device, batch: Batch):
        self.noisy, self.clean = batch.noisy.to(device), batch.clean.to(device)
        self.generator, self.discriminator = _PlainGenerator().to(device), _PlainDiscriminator().to(device)
        self.discriminator.reference.keep(torch.cat([self.clean, self.noisy], dim=1))
        self.optimizers = [
            torch.optim.RMSprop(player.parameters(), 2e-4, alpha=0.9) for player in (self.generator, self.discriminator)
        ]

    def __call__(self) -> None:
        fake = self.generator(self.noisy, torch.randn(BATCH, 1024, CODE, device=self.noisy.device))
        real_logits = self.discriminator(self.clean, self.noisy)
        fake_logits = self.discriminator(fake.detach(), self.noisy)
        loss = (real_logits - 1).square().mean() + fake_logits.square().mean()
        self.optimizers[1].zero_grad()
        loss.backward()
        self.optimizers[1].step()
        loss = (self.discriminator(fake, self.noisy) - 1).square().mean() + 100 * F.l1_loss(fake, self.clean)
        self.optimizers[0].zero_grad()
        loss.backward()
        self.optimizers[0].step()


def quality(device: torch.device, manifest: Path) -> Iterator[str]:
    """Measures of the shipped model in both precisions: speed must not cost quality."""
    import condgen
    from condgen.tasks.segan.evaluation import available, measure

    rows, shipped = Manifest.read(manifest).rows("validation"), condgen.load("segan", device=str(device))
    metrics, means = available(16000)[0], []
    for precision in (Precision.FLOAT32, Precision.AUTO):
        enhance = Pipeline(shipped.generator, shipped.config, device=str(device), precision=precision)
        table = measure(lambda noisy, enhance=enhance: enhance(noisy, 16000), rows, 16000, metrics)
        means.append({name: float(np.nanmean([one[name] for one in table.values()])) for name in metrics})
    for name in metrics:
        yield f"segan: {name} {means[0][name]:.3f} in fp32, {means[1][name]:.3f} as used"
