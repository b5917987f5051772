"""TFGAN at paper size and as its recipe for small machines has it: one clip drawn, and a step of the game.

Both paper-size steps together take about 20 GB of memory, most of it for what makes the filters and its optimizer.
"""

from __future__ import annotations

import copy
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from benchmark import Case, Setting, count_flop
from torch import Tensor, nn

from condgen.adversarial.trainer import Trainer
from condgen.conditioning.judging import matching_aware_losses
from condgen.config import OptimizerConfig, Precision, RunConfig, TrainerConfig
from condgen.data.animate_requests import Request
from condgen.networks.blocks import SLOPE
from condgen.runtime.engine import Engine
from condgen.runtime.memory import keep_freed_memory
from condgen.tasks.tfgan.config import Config, build_generator, build_towers
from condgen.tasks.tfgan.data import DataConfig, TokenBatch
from condgen.tasks.tfgan.discriminators import Average, Discriminator, TextStage
from condgen.tasks.tfgan.networks import ClipNoise, Generator, Residual
from condgen.tasks.tfgan.pipeline import Pipeline
from condgen.tasks.tfgan.task import Tfgan
from condgen.tasks.tfgan.text_towers import FilterHeads, TextTower, Told, encoder_states
from condgen.text import encoder
from condgen.text.encoder import SentenceEncoder, Tokens

SETTINGS = OptimizerConfig(learning_rate=1e-4, betas=[0.0, 0.99])
EMA_DECAY = 0.999
SENTENCE = "a large red circle is moving in a zigzag path towards north {}"  # and a word more, to be read anew
DISCRIMINATORS = {"frames": "content", "clips": "motion"}  # and the heads that make their filters


PAPER = Setting("paper size", Config(), 8)


def cases(device: torch.device) -> Iterator[Case]:
    """Inference and training; the networks have random weights, which speed does not depend on."""
    keep_freed_memory()  # as in training; the reference gains as well
    for setting in (Setting.compact("tfgan"), PAPER):
        yield inference(device, setting)
        with tempfile.TemporaryDirectory() as folder:
            yield training(device, setting, Path(folder))


# -- as the published code has it ----------------------------------------------------------------------------------


class _Residual(Residual):
    """Upsampling first."""

    def forward(self, features: Tensor) -> Tensor:
        large = F.interpolate(features, scale_factor=2) if self.doubled else features
        return self.shortcut(large) + self.convolution(F.leaky_relu(large, SLOPE))


class _Average(Average):
    """Torch's."""

    def forward(self, features: Tensor) -> Tensor:
        if features.ndim == 4:
            return F.avg_pool2d(features, *self.space)
        kernel, stride, padding = ((time, side, side) for time, side in zip(self.time, self.space, strict=True))
        if any(side < window for side, window in zip(features.shape[2:], kernel, strict=True)):  # torch refuses these
            time, side, _ = padding
            features, padding = F.pad(features, (side, side, side, side, time, time)), 0
        return F.avg_pool3d(features, kernel, stride, padding)


class _TextStage(TextStage):
    """A convolution for each clip, or for each frame."""

    def forward(self, features: Tensor, filters: Tensor) -> Tensor:
        each = len(features) // len(filters)
        convolved = F.conv2d if features.ndim == 4 else F.conv3d
        found = torch.cat(
            [convolved(one[None], filters[place // each], padding=self.padding) for place, one in enumerate(features)]
        )
        found = torch.relu(self.convolution(self.first_pool(found)))
        return self.read(self.second_pool(found)).flatten(1)


def as_published(network: nn.Module, device: torch.device) -> nn.Module:
    """A copy in fp32 and NCHW that does what the published code does."""
    network = copy.deepcopy(network)
    for part in network.modules():
        for kind, plain in ((Residual, _Residual), (Average, _Average), (TextStage, _TextStage)):
            if isinstance(part, kind):
                part.__class__ = plain
        if isinstance(part, nn.Conv3d):
            part.__class__ = nn.Conv3d
    return network.to(device)


def _drawn(generator: Generator, content: Tensor, motion: Tensor, frames: int) -> Tensor:
    channels = generator.noise_channels
    noise = torch.randn(len(content), (2 + frames) * channels, device=content.device)
    return generator(ClipNoise.split(noise, channels), content, motion)


# -- one clip --------------------------------------------------------------------------------------------------------


def inference(device: torch.device, setting: Setting) -> Case:
    """One clip of a sentence that was not read before."""
    config = setting.config
    text_encoder, generator = _read_up(encoder.build(config.text)), build_generator(config)
    towers = build_towers(config, text_encoder)
    plain_encoder, plain_towers, plain = (as_published(one, device).eval() for one in (text_encoder, towers, generator))
    pipeline = Pipeline(generator, towers, text_encoder, config, device=str(device))
    sentences = (SENTENCE.format(number) for number in itertools.count())

    def reference() -> Tensor:
        with torch.inference_mode():
            tokens = Tokens(*(part.to(device) for part in plain_encoder.tokenize([next(sentences)])))
            codes = plain_towers(encoder_states(plain_encoder, tokens))
            return _drawn(plain, *codes, config.frames).cpu()

    def ours() -> Tensor:
        return pipeline.animate([Request(next(sentences))])

    return Case(f"a clip of {config.frames} frames, {setting.name}", reference, ours, count_flop(reference))


def _read_up(text_encoder: SentenceEncoder) -> SentenceEncoder:
    text_encoder.learn_vocabulary([SENTENCE])
    return text_encoder


# -- a step ------------------------------------------------------------------------------------------------------------


def training(device: torch.device, setting: Setting, folder: Path) -> Case:
    config = setting.config
    task = Tfgan(config)
    _read_up(task.text_encoder)
    batch = _batch(task, setting.batch_size)
    plain = _PlainStep(device, task, batch)
    run = RunConfig(
        task="tfgan",
        model=config,
        data=DataConfig(),
        optimizers=dict.fromkeys(Tfgan.players(config), SETTINGS),
        trainer=TrainerConfig(batch_size=setting.batch_size, ema_decay=EMA_DECAY),
    )
    trainer = Trainer(task, run, Engine(str(device), Precision.AUTO), folder)
    trainer._source = iter(lambda: batch, None)
    return Case(f"step, {setting.name}, batch {setting.batch_size}", plain, trainer.iterate, count_flop(plain))


def _batch(task: Tfgan, size: int) -> TokenBatch:
    config, tokens = task.config, task.text_encoder.tokenize([SENTENCE.format("fast")] * size)
    clip = torch.rand(size, 3, config.frames, config.size, config.size) * 2 - 1
    return TokenBatch(clip=clip, codes=tokens.codes, mask=tokens.mask, wrong_codes=tokens.codes, wrong_mask=tokens.mask)


class _PlainStep:
    """The step as the published code has it: eager, fp32, NCHW, both discriminators before the generator.

    Each pair of clip and sentence is judged by itself, each sample with its own call of its filters; the gradient
    penalty goes through the pass of the right pairs. Clips are drawn once for the discriminators and once for the
    generator.
    """

    def __init__(self, device: torch.device, task: Tfgan, batch: TokenBatch):
        self.config, self.objective, self.batch = task.config, task.objective, batch.to(device)
        self.text_encoder = copy.deepcopy(task.text_encoder).to(device)
        self.generator, self.towers = (as_published(one, device) for one in (task.generator, task.text_towers))
        self.filters = as_published(task.text_filters, device) if self.config.filters else None
        self.frames, self.clips = (
            as_published(one, device) for one in (task.frame_discriminator, task.clip_discriminator)
        )
        self.averaged = copy.deepcopy(self.generator).requires_grad_(False)
        reading = [one for one in (self.towers, self.filters) if one is not None]
        self.optimizers = {
            name: torch.optim.Adam(
                itertools.chain.from_iterable(one.parameters() for one in players), 1e-4, tuple(SETTINGS.betas)
            )
            for name, players in (
                ("generator", [self.generator]),
                ("frames", [self.frames]),
                ("clips", [self.clips]),
                ("text", reading),
            )
        }

    def __call__(self) -> None:
        batch = self.batch
        right, wrong = Tokens(batch.codes, batch.mask), Tokens(batch.wrong_codes, batch.wrong_mask)
        with torch.no_grad():
            fake = self._clips_of(right)
        for name, heads in DISCRIMINATORS.items():
            real = batch.clip.detach().requires_grad_()
            told, mismatched = self._told(right, heads), self._told(wrong, heads)
            logits = self._judged(name, real, told)
            losses = matching_aware_losses(
                self.objective,
                logits,
                self._judged(name, fake, told),
                {"wrong": (self._judged(name, batch.clip, mismatched), self.config.wrong_weight)},
            )
            if self.config.r1_weight:
                (gradient,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
                losses["r1"] = self.config.r1_weight * gradient.square().flatten(1).sum(1).mean()
            self._step(losses, name, "text")
        with torch.no_grad():
            told = {heads: self._told(right, heads) for heads in DISCRIMINATORS.values()}
        fake = self._clips_of(right)
        judged = {name: self._judged(name, fake, told[heads]) for name, heads in DISCRIMINATORS.items()}
        self._step({name: self.objective.generator(logits) for name, logits in judged.items()}, "generator")
        with torch.no_grad():
            for average, newest in zip(self.averaged.parameters(), self.generator.parameters(), strict=True):
                average.mul_(EMA_DECAY).add_(newest, alpha=1 - EMA_DECAY)

    def _clips_of(self, tokens: Tokens) -> Tensor:
        with torch.no_grad():
            codes = self.towers(encoder_states(self.text_encoder, tokens))
        return _drawn(self.generator, *codes, self.config.frames)

    def _told(self, tokens: Tokens, name: str) -> Told:
        tower: TextTower = getattr(self.towers, name)
        read = tower(encoder_states(self.text_encoder, tokens))
        heads: FilterHeads | None = getattr(self.filters, name) if self.filters is not None else None
        return Told(read.sentence, heads(read) if heads is not None else ())

    def _judged(self, name: str, clips: Tensor, told: Told) -> Tensor:
        judge: Discriminator = getattr(self, name)
        if name == "frames":
            count = self.config.frame_discriminator.frames_judged or self.config.frames
            return judge(clips[:, :, :count].transpose(1, 2).flatten(0, 1), told)
        side = self.config.clip_discriminator.reduction
        return judge(F.avg_pool3d(clips, (1, side, side)), told)

    def _step(self, losses: dict[str, Tensor], *names: str) -> None:
        for optimizer in self.optimizers.values():
            optimizer.zero_grad()
        sum(losses.values()).backward()
        for name in names:
            self.optimizers[name].step()
