"""CycleGAN as a game: two generators, each of which undoes the other, against two discriminators.

Zhu et al., 2017, arXiv 1703.10593, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condgen.adversarial import health
from condgen.adversarial.objectives import Logits, ObjectiveName, objective
from condgen.adversarial.pool import SamplePool
from condgen.adversarial.task import Losses, Task, Turn
from condgen.data.media import Media
from condgen.data.mel import MelConfig
from condgen.data.pairs import Domain
from condgen.errors import refuse_below
from condgen.networks.translation import (
    DiscriminatorConfig,
    GeneratorConfig,
    build_discriminator,
    build_generator,
    is_independent_of_batch,
    matched_features,
    multiple_of,
    refuse_contradictions,
    refuse_small_pictures,
)
from condgen.tasks.cyclegan.data import Batch

if TYPE_CHECKING:
    from condgen.config import RunConfig


class Direction(StrEnum):
    A2B = "a2b"
    B2A = "b2a"

    @property
    def source(self) -> Domain:
        return Domain.A if self is Direction.A2B else Domain.B

    @property
    def target(self) -> Domain:
        return self.reverse.source

    @property
    def reverse(self) -> Direction:
        return Direction.B2A if self is Direction.A2B else Direction.A2B


@dataclass(frozen=True, kw_only=True)
class Config:
    """Networks and losses; the defaults are the paper's for 256 pixels."""

    directions: list[Direction] = field(default_factory=lambda: list(Direction))
    medium: Media = Media.IMAGE  # audio: voices, as log-mel frames
    channels_a: int = 3  # of pictures: 3 RGB, 1 grey
    channels_b: int = 3
    mel: MelConfig = field(default_factory=MelConfig)  # of audio
    crop: int = 256  # side of the training crops, pixels; of audio their length, frames
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    objective: ObjectiveName = ObjectiveName.LEAST_SQUARES
    cycle_weight: float = 10.0
    identity_weight: float = 0.5  # times cycle_weight; a generator leaves alone what is in its target domain already
    feature_matching_weight: float = 0.0  # cycle loss in the discriminator's features too (Wang and Lin, 2018)
    pool: int = 50  # fakes of earlier iterations that a discriminator also sees; 0: none

    def __post_init__(self):
        if not self.directions or len(set(self.directions)) < len(self.directions):
            raise ValueError(f"directions must be a2b, b2a or both, got {[str(one) for one in self.directions]}")
        for name in ("channels_a", "channels_b"):
            if getattr(self, name) not in (1, 3):
                raise ValueError(f"{name} must be 1 (grey) or 3 (RGB), got {getattr(self, name)}")
        refuse_below(self, 0, "cycle_weight", "identity_weight", "feature_matching_weight")
        if self.pool < 0:
            raise ValueError(f"pool must be 0 or more, got {self.pool}")
        if self.medium is Media.IMAGE and self.generator.dimensions != 2:
            raise ValueError("generator.dimensions must be 2 for pictures")
        if self.identity_weight and self.channels_a != self.channels_b:
            raise ValueError("identity_weight must be 0 where channels_a and channels_b differ")

    def sample_shape(self, domain: Domain) -> tuple[int, ...]:
        """(C, *spatial) of a training crop."""
        if self.medium is Media.AUDIO:  # one-dimensional networks take the bands as channels
            return (*[1] * (self.generator.dimensions - 1), self.mel.mels, self.crop)
        return (self.channels_a if domain is Domain.A else self.channels_b, self.crop, self.crop)


def generators_of(config: Config) -> nn.ModuleDict:
    """A generator a direction, with fresh weights."""

    def build(direction: Direction) -> nn.Module:
        channels = (config.sample_shape(domain)[0] for domain in (direction.source, direction.target))
        return build_generator(config.generator, *channels)

    return nn.ModuleDict({str(direction): build(direction) for direction in config.directions})


def refuse_height(config: Config) -> None:
    """Raise ValueError for two-dimensional networks that cannot take so many bands."""
    multiple = multiple_of(config.generator)
    if config.generator.dimensions == 2 and config.mel.mels % multiple:
        raise ValueError(f"mel.mels {config.mel.mels} must be a multiple of {multiple} for this generator")


class CycleGAN(Task):
    """Two generators as one player against two discriminators as the other."""

    Config = Config

    def __init__(self, config: Config):
        super().__init__(config)
        self.generator = generators_of(config)
        dimensions = config.generator.dimensions
        shapes = {domain: config.sample_shape(domain) for domain in Domain}
        self.discriminator = nn.ModuleDict(
            {domain: build_discriminator(config.discriminator, shapes[domain][0], dimensions) for domain in Domain}
        )
        self.pools = nn.ModuleDict({domain: SamplePool(config.pool, shapes[domain]) for domain in Domain})
        self.objective = objective(config.objective)

    @classmethod
    def players(cls, config: Config) -> tuple[str, ...]:
        return ("generator", "discriminator")

    @classmethod
    def check(cls, config: RunConfig) -> None:
        model = config.model
        if len(model.directions) < 2:
            raise ValueError(f"training needs both directions; the model has {model.directions[0]} alone")
        refuse_contradictions(config)
        if model.medium is Media.AUDIO:
            refuse_height(model)
        else:
            refuse_small_pictures(model.crop, config.data.resize)

    def turns(self) -> list[Turn]:
        return [Turn("generator", self.generator_loss), Turn("discriminator", self.discriminator_loss)]

    def generator_loss(self, batch: Batch) -> Losses:
        """Both ways there, both ways back: eq. 3, with the identity loss of section 5.2."""
        config, losses = self.config, {}
        real = {Domain.A: batch.a, Domain.B: batch.b}
        fakes, unchanged = {}, {}
        for direction in Direction:
            source, target = real[direction.source], real[direction.target]
            fakes[direction.target], unchanged[direction.target] = self._translate(direction, source, target)
        self.hand_over(batch, {domain: fake.detach() for domain, fake in fakes.items()})
        for domain, fake in fakes.items():
            losses[f"adversarial_{domain}"] = self._adversarial(domain, fake, real[domain])
        for direction in Direction:
            domain = direction.target
            if config.cycle_weight or config.feature_matching_weight:
                back = self.generator[direction](fakes[direction.source])
                losses |= self._cycle(domain, back, real[domain])
            if config.identity_weight:
                distance = F.l1_loss(unchanged[domain].float(), real[domain])
                losses[f"identity_{domain}"] = config.identity_weight * config.cycle_weight * distance
        return losses

    def _translate(self, direction: Direction, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        """The fake, and what the generator makes of a sample of its own target domain, in one pass if it can be."""
        generator = self.generator[direction]
        if not self.config.identity_weight:
            return generator(source), None
        if not is_independent_of_batch(generator):
            return generator(source), generator(target)
        fake, unchanged = generator(torch.cat([source, target])).chunk(2)
        return fake, unchanged

    def _adversarial(self, domain: Domain, fake: Tensor, real: Tensor) -> Tensor:
        discriminator, real_logits = self.discriminator[domain], None
        if self.objective.generator_needs_real:
            with torch.no_grad():
                real_logits = discriminator(real)
        return self.objective.generator(discriminator(fake), real_logits)

    def _cycle(self, domain: Domain, back: Tensor, real: Tensor) -> Losses:
        config, losses = self.config, {}
        if config.cycle_weight:
            losses[f"cycle_{domain}"] = config.cycle_weight * F.l1_loss(back.float(), real)
        if config.feature_matching_weight:
            with torch.no_grad():
                wanted = self.discriminator[domain].feature_maps(real)
            found = self.discriminator[domain].feature_maps(back)
            losses[f"feature_matching_{domain}"] = config.feature_matching_weight * matched_features(wanted, found)
        return losses

    def discriminator_loss(self, batch: Batch) -> Losses:
        """Half the objective's, as the authors': it learns at half the generators' pace."""
        fakes, losses, leads = self.handed_over(batch) or self._fakes(batch), {}, []
        for domain, real in ((Domain.A, batch.a), (Domain.B, batch.b)):
            pooled = self.pools[domain].exchange(fakes[domain])
            real_logits, fake_logits = self._judge(domain, real, pooled)
            leads.append(health.lead(real_logits, fake_logits))
            losses[f"adversarial_{domain}"] = 0.5 * self.objective.discriminator(real_logits, fake_logits)
        self.observe(lead=torch.stack(leads).mean())
        return losses

    @torch.no_grad()
    def _fakes(self, batch: Batch) -> Mapping[Domain, Tensor]:
        return {Domain.B: self.generator[Direction.A2B](batch.a), Domain.A: self.generator[Direction.B2A](batch.b)}

    def _judge(self, domain: Domain, real: Tensor, fake: Tensor) -> tuple[Logits, Logits]:
        """Real and fake in one pass, unless a batch norm would mix them."""
        discriminator = self.discriminator[domain]
        if not is_independent_of_batch(discriminator):
            return discriminator(real), discriminator(fake)
        logits = discriminator(torch.cat([real, fake.to(real.dtype)]))
        if isinstance(logits, Tensor):
            real_logits, fake_logits = logits.chunk(2)
            return real_logits, fake_logits
        pairs = [one.chunk(2) for one in logits]
        return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


TASK = CycleGAN
