"""pix2pix as a game: a conditional GAN of pairs, tied to the target by L1 (Isola et al., 2017, section 3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from condgen.adversarial import health
from condgen.adversarial.objectives import ObjectiveName, objective
from condgen.adversarial.task import Losses, Task, Turn
from condgen.errors import refuse_below
from condgen.networks.blocks import Norm
from condgen.networks.translation import (
    Architecture,
    DiscriminatorConfig,
    Generator,
    GeneratorConfig,
    build_discriminator,
    build_generator,
    logits_of,
    matched_features,
    refuse_contradictions,
    refuse_small_pictures,
)
from condgen.tasks.pix2pix.data import Batch

if TYPE_CHECKING:
    from condgen.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class Config:
    """Networks and losses; the defaults are the paper's for 256 pixels."""

    input_channels: int = 3  # 3 RGB, 1 grey
    output_channels: int = 3
    crop: int = 256  # side of the training crops, pixels
    generator: GeneratorConfig = field(
        default_factory=lambda: GeneratorConfig(architecture=Architecture.UNET, norm=Norm.BATCH, dropout=True)
    )
    discriminator: DiscriminatorConfig = field(default_factory=lambda: DiscriminatorConfig(norm=Norm.BATCH))
    objective: ObjectiveName = ObjectiveName.NON_SATURATING
    adversarial_weight: float = 1.0
    l1_weight: float = 100.0
    feature_matching_weight: float = 0.0  # 10 in pix2pixHD (Wang et al., 2018), with several scales

    def __post_init__(self):
        for name in ("input_channels", "output_channels"):
            if getattr(self, name) not in (1, 3):
                raise ValueError(f"{name} must be 1 (grey) or 3 (RGB), got {getattr(self, name)}")
        refuse_below(self, 0, "adversarial_weight", "l1_weight", "feature_matching_weight")
        if self.generator.dimensions != 2:
            raise ValueError("generator.dimensions must be 2 for pictures")
        if not self.l1_weight and not self.adversarial_weight:
            raise ValueError("without l1_weight and adversarial_weight there is nothing to learn")


def generator_of(config: Config) -> Generator:
    """The generator of a config, with fresh weights."""
    return build_generator(config.generator, config.input_channels, config.output_channels)


class Pix2Pix(Task):
    """Generator against a discriminator of (picture, condition)."""

    Config = Config

    def __init__(self, config: Config):
        super().__init__(config)
        self.generator = generator_of(config)
        self.discriminator = build_discriminator(config.discriminator, config.input_channels + config.output_channels)
        self.objective = objective(config.objective)

    @classmethod
    def players(cls, config: Config) -> tuple[str, ...]:
        return ("generator", "discriminator")

    @classmethod
    def check(cls, config: RunConfig) -> None:
        refuse_contradictions(config)
        refuse_small_pictures(config.model.crop, config.data.resize)

    def turns(self) -> list[Turn]:
        """The generator first: its fake then serves the discriminator (the authors update the discriminator first)."""
        return [Turn("generator", self.generator_loss), Turn("discriminator", self.discriminator_loss)]

    def generator_loss(self, batch: Batch) -> Losses:
        config, fake = self.config, self.generator(batch.input)
        self.hand_over(batch, fake.detach())
        losses = {}
        if config.l1_weight:
            losses["l1"] = config.l1_weight * F.l1_loss(fake.float(), batch.target)
        fake_maps = self.discriminator.feature_maps(fake, batch.input)
        real_maps = None
        if config.feature_matching_weight or self.objective.generator_needs_real:
            with torch.no_grad():
                real_maps = self.discriminator.feature_maps(batch.target, batch.input)
        if config.feature_matching_weight:
            losses["feature_matching"] = config.feature_matching_weight * matched_features(real_maps, fake_maps)
        real = None if real_maps is None else logits_of(real_maps)
        losses["adversarial"] = config.adversarial_weight * self.objective.generator(logits_of(fake_maps), real)
        return losses

    def discriminator_loss(self, batch: Batch) -> Losses:
        """Half the objective's, as the authors': it learns at half the generator's pace. Real and fake are judged
        apart: the paper's discriminator has batch norm.
        """
        fake = self.handed_over(batch)
        if fake is None:
            with torch.no_grad():
                fake = self.generator(batch.input)
        real_logits = self.discriminator(batch.target, batch.input)
        fake_logits = self.discriminator(fake, batch.input)
        self.observe(lead=health.lead(real_logits, fake_logits))
        return {"adversarial": 0.5 * self.objective.discriminator(real_logits, fake_logits)}


TASK = Pix2Pix
