"""SRResNet and SRGAN as a game (Ledig et al., 2017, section 2.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from condgen.adversarial import health
from condgen.adversarial.diversity import paired_feature_matching, relative_diversity
from condgen.adversarial.objectives import ObjectiveName, objective, refuse_misuse
from condgen.adversarial.task import Losses, Task, Turn
from condgen.errors import refuse_below
from condgen.tasks.srgan.data import Batch
from condgen.tasks.srgan.networks import Activation, Discriminator, DiscriminatorHead, Generator
from condgen.tasks.srgan.vgg import VGGFeatures, VGGLayer

if TYPE_CHECKING:
    from condgen.config import RunConfig


class PixelLoss(StrEnum):
    MSE = "mse"  # the paper's, on [-1, 1]
    L1 = "l1"  # BasicSR's: a little sharper, better PSNR in short runs


class ContentLoss(StrEnum):
    NONE = "none"
    VGG22 = "vgg22"
    VGG54 = "vgg54"
    DISCRIMINATOR = "discriminator"  # feature matching on the discriminator's own maps: needs no VGG weights


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """The arguments of `Generator`; the defaults are the paper's SRResNet."""

    scale: int = 4
    residual_blocks: int = 16
    channels: int = 64
    batch_norm: bool = True
    block_activation: Activation = Activation.PRELU
    upsample_activation: Activation = Activation.PRELU
    edge_kernel: int = 9
    long_skip: bool = True
    refine: bool = False
    body_end: bool = True
    add_interpolated: bool = False
    tanh_output: bool = False

    def __post_init__(self):
        if self.scale not in (2, 3, 4, 8):
            raise ValueError(f"scale must be 2, 3, 4 or 8, got {self.scale}")
        if self.edge_kernel % 2 == 0:
            raise ValueError(f"edge_kernel must be odd, got {self.edge_kernel}")
        if self.residual_blocks < 1 or self.channels < 1:
            raise ValueError("residual_blocks and channels must be 1 or more")


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """The arguments of `Discriminator`; the defaults are the paper's."""

    crop: int = 96
    channels: int = 64
    head: DiscriminatorHead = DiscriminatorHead.DENSE

    def __post_init__(self):
        if self.crop < 16 or self.channels < 1:
            raise ValueError(f"crop must be 16 or more and channels 1 or more, got {self.crop} and {self.channels}")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Networks and losses. The defaults are the paper's first stage (SRResNet-MSE)."""

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    pixel_loss: PixelLoss = PixelLoss.MSE
    pixel_weight: float = 1.0
    content_loss: ContentLoss = ContentLoss.NONE
    content_weight: float = 0.006  # (1/12.75)^2, the paper's scaling of the VGG features
    vgg_weights: str = ""  # a local VGG19 state dict; empty: torchvision's, downloaded once
    adversarial_weight: float = 0.0  # eq. 3: 1e-3; 0 trains the generator alone
    objective: ObjectiveName = ObjectiveName.NON_SATURATING

    def __post_init__(self):
        refuse_below(self, 0, "pixel_weight", "content_weight", "adversarial_weight")
        if not self.pixel_weight and self.content_loss is ContentLoss.NONE:
            raise ValueError("without pixel_weight and content_loss nothing ties the output to the input")
        if self.content_loss is ContentLoss.DISCRIMINATOR and not self.adversarial_weight:
            raise ValueError("content_loss=discriminator needs a discriminator: set adversarial_weight above 0")


def build_generator(config: Config) -> Generator:
    """The generator of a config, with fresh weights."""
    return Generator(**vars(config.generator))


class SRGAN(Task):
    """Generator against discriminator; without an adversarial weight, the generator alone."""

    Config = Config
    pretrained = ("perceive",)

    def __init__(self, config: Config):
        super().__init__(config)
        self.generator = build_generator(config)
        if config.adversarial_weight:
            self.discriminator = Discriminator(**vars(config.discriminator))
            self.objective = objective(config.objective)
        if config.content_loss in (ContentLoss.VGG22, ContentLoss.VGG54):
            self.perceive = VGGFeatures(VGGLayer(config.content_loss.value), weights=config.vgg_weights)

    @classmethod
    def players(cls, config: Config) -> tuple[str, ...]:
        return ("generator", "discriminator") if config.adversarial_weight else ("generator",)

    @classmethod
    def check(cls, config: RunConfig) -> None:
        model, crop = config.model, config.data.crop
        if crop % model.generator.scale:
            raise ValueError(f"data.crop {crop} is not a multiple of model.generator.scale {model.generator.scale}")
        if not model.adversarial_weight:
            return
        refuse_misuse(
            model.objective,
            energies=False,
            lipschitz=bool(config.optimizers["discriminator"].weight_clip),
            micro_batches=config.trainer.micro_batches,
        )
        if model.discriminator.head is DiscriminatorHead.DENSE and crop != model.discriminator.crop:
            raise ValueError(
                f"a dense discriminator built for crop {model.discriminator.crop} cannot judge data.crop {crop}: "
                "make them equal or set model.discriminator.head=pooled"
            )

    @classmethod
    def advise(cls, config: RunConfig) -> list[str]:
        if not config.model.adversarial_weight or config.start_from:
            return []
        return [
            "the generator starts from fresh weights, and the discriminator will win at once: train it for pixel error "
            "first (srresnet_x4.yaml) and start from that with start_from=RUN/model"
        ]

    def turns(self) -> list[Turn]:
        """The generator first: its fakes then serve the discriminator, and it runs once an iteration, not twice."""
        generator = Turn("generator", self.generator_loss)
        if not self.config.adversarial_weight:
            return [generator]
        return [generator, Turn("discriminator", self.discriminator_loss)]

    def generator_loss(self, batch: Batch) -> Losses:
        config, fake = self.config, self.generator(batch.low)
        self.hand_over(batch, fake.detach())
        losses = {}
        if config.pixel_weight:
            distance = F.l1_loss if config.pixel_loss is PixelLoss.L1 else F.mse_loss
            losses["pixel"] = config.pixel_weight * distance(fake.float(), batch.high)
        if config.content_loss in (ContentLoss.VGG22, ContentLoss.VGG54):
            losses["content"] = config.content_weight * self.perceive.distance(fake, batch.high)
        if config.adversarial_weight:
            losses |= self._losses_by_discriminator(fake, batch.high)
        return losses

    def _losses_by_discriminator(self, fake: Tensor, real: Tensor) -> Losses:
        config, losses = self.config, {}
        fake_maps = self.discriminator.feature_maps(fake)
        fake_logits = self.discriminator.judge(fake_maps[-1])
        real_logits = None
        if config.content_loss is ContentLoss.DISCRIMINATOR or self.objective.generator_needs_real:
            with torch.no_grad():
                real_maps = self.discriminator.feature_maps(real)
                real_logits = self.discriminator.judge(real_maps[-1])
        if config.content_loss is ContentLoss.DISCRIMINATOR:
            losses["content"] = config.content_weight * paired_feature_matching(real_maps, fake_maps)
        losses["adversarial"] = config.adversarial_weight * self.objective.generator(fake_logits, real_logits)
        return losses

    def discriminator_loss(self, batch: Batch) -> Losses:
        """Real and fake are judged apart: the paper's discriminator has batch norm."""
        fake = self.handed_over(batch)
        if fake is None:
            with torch.no_grad():
                fake = self.generator(batch.low)
        real_logits, fake_logits = self.discriminator(batch.high), self.discriminator(fake)
        self.observe(
            lead=health.lead(real_logits, fake_logits),
            diversity=relative_diversity(fake, batch.high),
        )
        return {"adversarial": self.objective.discriminator(real_logits, fake_logits)}


TASK = SRGAN
