"""VGAN (Vondrick et al., 2016, arXiv 1609.02612): clips from noise, or from their first frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from condgen.adversarial import health
from condgen.adversarial.diversity import relative_diversity
from condgen.adversarial.objectives import objective, refuse_misuse
from condgen.adversarial.penalties import r1
from condgen.adversarial.task import Losses, Task, Turn
from condgen.networks.blocks import Norm
from condgen.networks.two_stream import Scene
from condgen.tasks.vgan.config import Config, build_discriminator, build_generator

if TYPE_CHECKING:
    from condgen.config import RunConfig
    from condgen.tasks.vgan.data import Batch


class Vgan(Task):
    """A generator of two streams, and a discriminator that judges clips."""

    Config = Config

    def __init__(self, config: Config):
        super().__init__(config)
        self.generator = build_generator(config)
        self.discriminator = build_discriminator(config)
        self.objective = objective(config.objective)

    @classmethod
    def players(cls, config: Config) -> tuple[str, ...]:
        return ("generator", "discriminator")

    @classmethod
    def check(cls, config: RunConfig) -> None:
        model = config.model
        bounded = bool(model.r1_weight or config.optimizers["discriminator"].weight_clip)
        refuse_misuse(model.objective, energies=False, lipschitz=bounded, micro_batches=config.trainer.micro_batches)

    def turns(self) -> list[Turn]:
        """The generator first, whose fakes then serve the discriminator (the authors' code: the other way round)."""
        penalty = self.penalty if self.config.r1_weight else None
        return [
            Turn("generator", self.generator_loss),
            Turn("discriminator", self.discriminator_loss, penalty=penalty, penalty_every=self.config.r1_every),
        ]

    def make(self, batch: Batch) -> Scene:
        """Fakes by fresh noise from the global random numbers, or from the first frames of a batch."""
        if self.config.first_frame:
            return self.generator(batch.clip[:, :, 0])
        return self.generator(torch.randn(len(batch), self.config.generator.noise_channels, device=batch.clip.device))

    def generator_loss(self, batch: Batch) -> Losses:
        config, made, real = self.config, self.make(batch), None
        self.hand_over(batch, made.clip.detach())
        if self.objective.generator_needs_real:
            with torch.no_grad():
                real = self.discriminator(batch.clip)
        losses = {"adversarial": self.objective.generator(self.discriminator(made.clip), real)}
        if config.mask_weight:
            losses["mask"] = config.mask_weight * made.mask.mean()
        if config.first_frame:
            losses["first_frame"] = config.first_frame_weight * F.l1_loss(made.clip[:, :, 0], batch.clip[:, :, 0])
        return losses

    def discriminator_loss(self, batch: Batch) -> Losses:
        """Real and fake clips apart where there are batch statistics, else joined, which is faster."""
        fake = self.handed_over(batch)
        if fake is None:
            with torch.no_grad():
                fake = self.make(batch).clip
        if self.config.discriminator.norm is Norm.BATCH:
            real_logits, made_logits = self.discriminator(batch.clip), self.discriminator(fake)
        else:
            real_logits, made_logits = self.discriminator(torch.cat([batch.clip, fake])).split(len(batch))
        diversity = relative_diversity(fake, batch.clip)
        self.observe(lead=health.lead(real_logits, made_logits), diversity=diversity)
        return {"adversarial": self.objective.discriminator(real_logits, made_logits)}

    def penalty(self, batch: Batch) -> dict[str, Tensor]:
        """R1, of what every clip alone is judged by."""
        return {"r1": r1(self.discriminator, batch.clip, self.config.r1_weight)}


TASK = Vgan
