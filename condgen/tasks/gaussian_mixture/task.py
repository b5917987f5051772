"""GAN and ALI on points in the plane."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from condgen.adversarial import health
from condgen.adversarial.diversity import relative_diversity
from condgen.adversarial.objectives import ObjectiveName, objective, refuse_misuse
from condgen.adversarial.task import Losses, Task, Turn
from condgen.tasks.gaussian_mixture.networks import DIMENSIONS, Decoder, Discriminator, Encoder, Generator

if TYPE_CHECKING:
    from condgen.config import RunConfig
    from condgen.tasks.gaussian_mixture.data import Batch


class Game(StrEnum):
    GAN = "gan"  # a decoder against a discriminator of points
    ALI = "ali"  # with an encoder, against a discriminator of points beside latent vectors


@dataclass(frozen=True, kw_only=True)
class Config:
    """Networks and losses. The defaults are those of ALI's authors for 25 modes."""

    game: Game = Game.GAN
    latent_size: int = 2
    decoder_width: int = 400
    decoder_layers: int = 4  # hidden; 0: an affine decoder, whose points are one Gaussian
    encoder_width: int = 400
    encoder_layers: int = 2
    batch_norm: bool = True  # in decoder and encoder
    discriminator_width: int = 200
    discriminator_layers: int = 3
    minibatch_kernels: int = 0  # minibatch discrimination; 0: none
    objective: ObjectiveName = ObjectiveName.NON_SATURATING
    pi: float = 0.5  # task_specific

    def __post_init__(self):
        widths = (self.latent_size, self.decoder_width, self.encoder_width, self.discriminator_width)
        if min(*widths, self.encoder_layers, self.discriminator_layers) < 1:
            raise ValueError("latent_size, widths, encoder_layers and discriminator_layers must be 1 or more")
        if min(self.decoder_layers, self.minibatch_kernels) < 0:
            raise ValueError("decoder_layers and minibatch_kernels must not be negative")
        if not 0 < self.pi < 1:
            raise ValueError(f"pi must lie in (0, 1), got {self.pi}")
        if self.game is Game.ALI and self.objective is not ObjectiveName.NON_SATURATING:
            raise ValueError("game ali exchanges the labels of both pairs (its eq. 4): set objective=non_saturating")


def build_generator(config: Config) -> Generator:
    """The decoder and, in ALI's game, the encoder of a config, with fresh weights."""
    size, norm = config.latent_size, config.batch_norm
    decoder = Decoder(size, width=config.decoder_width, layers=config.decoder_layers, batch_norm=norm)
    if config.game is Game.GAN:
        return Generator(decoder)
    return Generator(decoder, Encoder(size, width=config.encoder_width, layers=config.encoder_layers, batch_norm=norm))


class GaussianMixture(Task):
    """A decoder makes points from noise z ~ N(0, 1); in ALI's game an encoder also finds the z of points.

    What is judged is a point x, or in ALI's game a pair: (x, z ~ q(z | x)) is real, (decoded z, z) is fake.
    """

    Config = Config

    def __init__(self, config: Config):
        super().__init__(config)
        self.generator = build_generator(config)
        self.discriminator = Discriminator(
            DIMENSIONS + (config.latent_size if config.game is Game.ALI else 0),
            width=config.discriminator_width,
            layers=config.discriminator_layers,
            minibatch_kernels=config.minibatch_kernels,
        )
        settings = {"pi": config.pi} if config.objective is ObjectiveName.TASK_SPECIFIC else {}
        self.objective = objective(config.objective, **settings)

    @classmethod
    def players(cls, config: Config) -> tuple[str, ...]:
        return ("generator", "discriminator")

    @classmethod
    def check(cls, config: RunConfig) -> None:
        refuse_misuse(
            config.model.objective,
            energies=False,
            lipschitz=bool(config.optimizers["discriminator"].weight_clip),
            micro_batches=config.trainer.micro_batches,
        )
        if config.trainer.batch_size // config.trainer.micro_batches < 2:
            raise ValueError("a batch norm needs 2 points or more at a time: raise trainer.batch_size")

    def turns(self) -> list[Turn]:
        """The generator first, whose fakes then serve the discriminator."""
        return [Turn("generator", self.generator_loss), Turn("discriminator", self.discriminator_loss)]

    def make(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Real and fake samples, (B, 2) each, in ALI's game (B, 2 + Z); noise comes from the global random numbers."""
        noise = torch.randn(len(batch), self.config.latent_size, device=batch.point.device)
        made = self.generator.decoder(noise)
        if self.generator.encoder is None:
            return batch.point, made
        encoded = self.generator.encoder(batch.point).rsample()
        return torch.cat([batch.point, encoded], dim=1), torch.cat([made, noise], dim=1)

    def generator_loss(self, batch: Batch) -> Losses:
        """The objective's; ALI's eq. 4 is the discriminator's loss with the labels of both pairs exchanged."""
        real, fake = self.make(batch)
        self.hand_over(batch, (real.detach(), fake.detach()))
        if self.config.game is Game.ALI:
            real_logits, fake_logits = self._judge(real, fake)
            return {"adversarial": self.objective.discriminator(real=fake_logits, fake=real_logits)}
        if self.objective.generator_needs_real:
            real_logits, fake_logits = self._judge(real, fake)
            return {"adversarial": self.objective.generator(fake_logits, real_logits)}
        return {"adversarial": self.objective.generator(self.discriminator(fake))}

    def discriminator_loss(self, batch: Batch) -> Losses:
        made = self.handed_over(batch)
        if made is None:
            with torch.no_grad():
                made = self.make(batch)
        real, fake = self._judge(*made)
        diversity = relative_diversity(made[1][:, :DIMENSIONS], batch.point)
        self.observe(lead=health.lead(real, fake), diversity=diversity)
        return {"adversarial": self.objective.discriminator(real, fake)}

    def _judge(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Logits: joined where samples are judged one by one, which is faster; apart where the batch has a say."""
        if self.config.minibatch_kernels:
            return self.discriminator(real), self.discriminator(fake)
        real_logits, fake_logits = self.discriminator(torch.cat([real, fake])).split(len(real))
        return real_logits, fake_logits


TASK = GaussianMixture
