"""SEGAN as a game (Pascual et al., 2017, arXiv 1703.09452)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from condgen.adversarial import health
from condgen.adversarial.objectives import ObjectiveName, objective, refuse_misuse
from condgen.adversarial.task import Losses, Task, Turn
from condgen.errors import refuse_below
from condgen.tasks.segan.data import Batch
from condgen.tasks.segan.gated import GatedGenerator
from condgen.tasks.segan.networks import (
    PAPER_CHANNELS,
    Activation,
    Discriminator,
    DiscriminatorHead,
    DiscriminatorNorm,
    Generator,
    InitialWeights,
    Padding,
    SkipMerge,
)
from condgen.tasks.segan.snr_loss import snr_loss
from condgen.tasks.segan.spectral_loss import RESOLUTIONS, spectral_loss

if TYPE_CHECKING:
    from condgen.config import RunConfig


def _refuse_bad_layers(channels: list[int], kernel_size: int, stride: int) -> None:
    if not channels or min(channels) < 1:
        raise ValueError(f"channels must be a list of numbers of 1 or more, got {channels}")
    if stride < 2 or kernel_size < stride:
        raise ValueError(f"stride must be 2 or more and kernel_size at least that, got {stride} and {kernel_size}")


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """The arguments of `Generator`; the defaults are the paper's."""

    channels: list[int] = field(default_factory=lambda: list(PAPER_CHANNELS))
    kernel_size: int = 31
    stride: int = 2
    noise_channels: int = 1024
    skip_merge: SkipMerge = SkipMerge.CONCATENATE
    learned_skips: bool = False
    bias: bool = True
    padding: Padding = Padding.ZEROS
    initial_weights: InitialWeights = InitialWeights.SMALL
    add_input: bool = False
    gated: bool = False  # a `GatedGenerator`, not the paper's; needs the values below

    def __post_init__(self):
        _refuse_bad_layers(self.channels, self.kernel_size, self.stride)
        if self.noise_channels < 0:
            raise ValueError(f"noise_channels must not be negative, got {self.noise_channels}")
        if not self.gated:
            return
        if (self.kernel_size - self.stride) % 2:
            raise ValueError(f"gated=true needs kernel_size - stride even, got {self.kernel_size} and {self.stride}")
        fixed = {"noise_channels": 0, "skip_merge": SkipMerge.ADD, "add_input": True}
        fixed |= {"learned_skips": False, "bias": True}
        fixed |= {"padding": Padding.ZEROS, "initial_weights": InitialWeights.SMALL}
        for name, value in fixed.items():
            if getattr(self, name) != value:
                raise ValueError(f"gated=true needs {name}={str(value).lower()}, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """The arguments of `Discriminator`; the defaults are the paper's."""

    channels: list[int] = field(default_factory=lambda: list(PAPER_CHANNELS))
    kernel_size: int = 31
    stride: int = 2
    bias: bool = True
    padding: Padding = Padding.ZEROS
    norm: DiscriminatorNorm = DiscriminatorNorm.VIRTUAL_BATCH
    reference_size: int = 16
    head: DiscriminatorHead = DiscriminatorHead.NARROW
    activation: Activation = Activation.LEAKY_RELU
    phase_shift: int = 0

    def __post_init__(self):
        _refuse_bad_layers(self.channels, self.kernel_size, self.stride)
        if self.reference_size < 1 or self.phase_shift < 0:
            raise ValueError("reference_size must be 1 or more and phase_shift not negative")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Networks, losses, and what a signal must be for them. The defaults are the paper's."""

    sample_rate: int = 16000  # Hz
    window: int = 16384  # samples that are judged and enhanced at once
    pre_emphasis: float = 0.95  # y[n] = x[n] - 0.95 x[n - 1], of input and target; undone behind the generator
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    objective: ObjectiveName = ObjectiveName.LEAST_SQUARES
    adversarial_weight: float = 1.0  # 0 trains the generator alone
    l1_weight: float = 100.0
    spectral_weight: float = 0.0  # not in the paper: see `spectral_loss`
    snr_weight: float = 0.0  # not in the paper: see `snr_loss`

    def __post_init__(self):
        if self.sample_rate < 1000 or self.window < 1:
            raise ValueError(f"sample_rate must be 1000 or more and window positive, got {self.sample_rate}")
        if not 0 <= self.pre_emphasis < 1:
            raise ValueError(f"pre_emphasis must lie in [0, 1), got {self.pre_emphasis}")
        refuse_below(self, 0, "adversarial_weight", "l1_weight", "spectral_weight", "snr_weight")
        if self.spectral_weight and self.window <= RESOLUTIONS[-1][0] // 2:
            raise ValueError(f"spectral_weight needs a window above {RESOLUTIONS[-1][0] // 2}, got {self.window}")
        if not self.l1_weight and not self.spectral_weight and not self.snr_weight:
            raise ValueError(
                "without l1_weight, spectral_weight and snr_weight nothing ties the output to the clean speech"
            )
        for name in SEGAN.players(self):
            player = getattr(self, name)
            reduction = player.stride ** len(player.channels)
            if self.window % reduction:
                raise ValueError(f"window {self.window} is not a multiple of the {name}'s reduction {reduction}")
            shortest = self.window // reduction * player.stride  # what the last layer of the encoder sees
            if player.padding == Padding.REFLECT and shortest <= player.kernel_size // 2:
                raise ValueError(f"window {self.window} is too short for the {name}'s padding=reflect")


def build_generator(config: Config) -> Generator | GatedGenerator:
    """The generator of a config, with fresh weights."""
    options = dict(vars(config.generator))
    if options.pop("gated"):
        return GatedGenerator(**{name: options[name] for name in ("channels", "kernel_size", "stride")})
    return Generator(**options)


class SEGAN(Task):
    """Generator against discriminator on pairs of noisy and clean speech; without an adversarial weight, alone."""

    Config = Config

    def __init__(self, config: Config):
        super().__init__(config)
        self.generator = build_generator(config)
        if config.adversarial_weight:
            self.discriminator = Discriminator(config.window, **vars(config.discriminator))
            self.objective = objective(config.objective)

    @classmethod
    def players(cls, config: Config) -> tuple[str, ...]:
        return ("generator", "discriminator") if config.adversarial_weight else ("generator",)

    @classmethod
    def check(cls, config: RunConfig) -> None:
        model, trainer = config.model, config.trainer
        if not model.adversarial_weight:
            return
        judge, part = model.discriminator, trainer.batch_size // trainer.micro_batches
        if judge.norm is DiscriminatorNorm.VIRTUAL_BATCH and judge.reference_size > part:
            raise ValueError(
                f"model.discriminator.reference_size {judge.reference_size} is taken from the first batch, which has "
                f"{part} samples: make it smaller, or trainer.batch_size larger"
            )
        refuse_misuse(
            model.objective,
            energies=False,
            lipschitz=bool(config.optimizers["discriminator"].weight_clip) or judge.norm is DiscriminatorNorm.SPECTRAL,
            micro_batches=trainer.micro_batches,
        )

    def turns(self) -> list[Turn]:
        """The generator first: its fakes then serve the discriminator, and it runs once an iteration, not twice."""
        generator = Turn("generator", self.generator_loss)
        if not self.config.adversarial_weight:
            return [generator]
        return [generator, Turn("discriminator", self.discriminator_loss)]

    def generator_loss(self, batch: Batch) -> Losses:
        """Section 3.1, eq. 5, with the code's factors: mean (D(G(x~), x~) - 1)^2 + 100 mean |G(x~) - x|."""
        config, fake = self.config, self.generator(batch.noisy)
        self.hand_over(batch, fake.detach())
        losses = {}
        if config.l1_weight:
            losses["l1"] = config.l1_weight * F.l1_loss(fake, batch.clean)
        if config.spectral_weight:
            losses["spectral"] = config.spectral_weight * spectral_loss(fake, batch.clean)
        if config.snr_weight:
            losses["snr"] = config.snr_weight * snr_loss(fake, batch.clean)
        if config.adversarial_weight:
            fake_logits, real_logits = self._judge(fake, batch), None
            if self.objective.generator_needs_real:
                with torch.no_grad():
                    real_logits = self._judge(batch.clean, batch)
            losses["adversarial"] = config.adversarial_weight * self.objective.generator(fake_logits, real_logits)
        return losses

    def discriminator_loss(self, batch: Batch) -> Losses:
        """Real and fake are judged apart: the paper's virtual batch norm mixes in the statistics of the batch."""
        fake = self.handed_over(batch)
        if fake is None:
            with torch.no_grad():
                fake = self.generator(batch.noisy)
        real_logits, fake_logits = self._judge(batch.clean, batch), self._judge(fake, batch)
        self.observe(lead=health.lead(real_logits, fake_logits))
        return {"adversarial": self.objective.discriminator(real_logits, fake_logits)}

    def _judge(self, sample: Tensor, batch: Batch) -> Tensor:
        if self.discriminator.reference is not None:
            self.discriminator.reference.keep_first(torch.cat([batch.clean, batch.noisy], dim=1))
        return self.discriminator(sample, batch.noisy)


TASK = SEGAN
