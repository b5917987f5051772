"""ALI, BiGAN and conditional ALI as a game (Dumoulin et al., 2017, arXiv 1606.00704, sections 2 and 4.4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from condgen.adversarial import health
from condgen.adversarial.diversity import relative_diversity
from condgen.adversarial.objectives import ObjectiveName, objective
from condgen.adversarial.task import Losses, Task, Turn
from condgen.conditioning.condition import Condition
from condgen.conditioning.encoders import one_hot
from condgen.tasks.ali.networks import Discriminator, DiscriminatorNorm, Generator, InitialWeights, PosteriorForm

if TYPE_CHECKING:
    from condgen.config import RunConfig
    from condgen.data.labelled_images import Batch


@dataclass(frozen=True, kw_only=True)
class Config:
    """Networks and losses. The defaults are the paper's for SVHN."""

    image_channels: int = 3
    classes: list[str] = field(default_factory=list)  # names of the labels: conditional ALI; none: labels are not used
    latent_size: int = 256
    width: int = 32  # channels of the first layers; the others are multiples of it
    posterior: PosteriorForm = PosteriorForm.GAUSSIAN
    dropout: float = 0.2  # in the discriminator
    norm: DiscriminatorNorm = DiscriminatorNorm.BATCH  # of the discriminator
    initial_weights: InitialWeights = InitialWeights.SMALL
    cycle_weight: float = 0.0  # of E |x - G_x(G_z(x))|. ALI matches the joint distributions, which leaves open which
    # z goes with which x, so its reconstructions are plausible but not faithful; this bounds the conditional entropy
    # H(x | z) that is missing (ALICE: Li et al., 2017, arXiv 1709.01215, section 3; their code takes the L1 norm too)

    def __post_init__(self):
        if self.image_channels not in (1, 3):
            raise ValueError(f"image_channels must be 1 or 3, got {self.image_channels}")
        if len(set(self.classes)) != len(self.classes) or len(self.classes) == 1:
            raise ValueError(f"classes must be two names or more, each once, got {self.classes}")
        if min(self.latent_size, self.width) < 1:
            raise ValueError(f"latent_size and width must be 1 or more, got {self.latent_size} and {self.width}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), got {self.dropout}")
        if not 0 <= self.cycle_weight < float("inf"):
            raise ValueError(f"cycle_weight must not be negative, got {self.cycle_weight}")


def build_generator(config: Config) -> Generator:
    """The encoder and decoder of a config, with fresh weights."""
    return Generator(**_shape(config), posterior=config.posterior)


def _shape(config: Config) -> dict:
    names = ("image_channels", "latent_size", "width", "initial_weights")
    return {"classes": len(config.classes)} | {name: getattr(config, name) for name in names}


class ALI(Task):
    """Encoder and decoder against a discriminator of pairs: pictures with latent vectors.

    The real pairs are pictures with their encodings, q(x, z) = q(x) q(z | x), the fake ones noise with its decodings,
    p(x, z) = p(z) p(x | z), z ~ N(0, 1). With `classes` each network is also told the label: a one-hot vector beside
    what a linear layer reads, which is the paper's linear embedding, at the places of the authors' code: the encoder's
    last layer, the decoder's first, and the discriminator's where D(x) and D(z) meet.
    """

    Config = Config

    def __init__(self, config: Config):
        super().__init__(config)
        self.generator = build_generator(config)
        self.discriminator = Discriminator(**_shape(config), dropout=config.dropout, norm=config.norm)
        self.objective = objective(ObjectiveName.NON_SATURATING)

    @classmethod
    def players(cls, config: Config) -> tuple[str, ...]:
        return ("generator", "discriminator")

    @classmethod
    def check(cls, config: RunConfig) -> None:
        if config.data.labels:
            raise ValueError("data.labels leaves labels out, and ALI is told all labels (model.classes) or none")
        if config.trainer.batch_size // config.trainer.micro_batches < 2:
            raise ValueError("the batch norms need 2 pictures or more at a time: raise trainer.batch_size")

    def turns(self) -> list[Turn]:
        """The generator first: its pairs then serve the discriminator, and both move by the same, as in the paper."""
        return [Turn("generator", self.generator_loss), Turn("discriminator", self.discriminator_loss)]

    def condition(self, batch: Batch) -> Condition:
        """The labels of a batch, for encodings as for decodings."""
        if not self.config.classes:
            return Condition()
        return Condition(vector=one_hot(batch.label, len(self.config.classes)))

    def generator_loss(self, batch: Batch) -> Losses:
        """Eq. 4: the discriminator's loss with the labels of both pairs exchanged."""
        condition, noise = self.condition(batch), self._noise(batch)
        self.generator.decoder.start_at_mean(batch.image)
        encoded, decoded = self.generator(batch.image, noise, condition)
        self.hand_over(batch, (encoded.detach(), noise, decoded.detach()))
        real, fake = self._judge(batch, (encoded, noise, decoded), condition)
        losses = {"adversarial": self.objective.discriminator(real=fake, fake=real)}
        if self.config.cycle_weight:
            reconstruction = self.generator.decoder(encoded, condition)
            losses["cycle"] = self.config.cycle_weight * F.l1_loss(reconstruction, batch.image)
        return losses

    def discriminator_loss(self, batch: Batch) -> Losses:
        """Eq. 1."""
        condition, made = self.condition(batch), self.handed_over(batch)
        if made is None:
            noise = self._noise(batch)
            with torch.no_grad():
                encoded, decoded = self.generator(batch.image, noise, condition)
            made = (encoded, noise, decoded)
        real, fake = self._judge(batch, made, condition)
        diversity = relative_diversity(made[2], batch.image)
        self.observe(lead=health.lead(real, fake), diversity=diversity)
        return {"adversarial": self.objective.discriminator(real, fake)}

    def _noise(self, batch: Batch) -> Tensor:
        return torch.randn(len(batch), self.config.latent_size, device=batch.image.device)

    def _judge(self, batch: Batch, made: tuple[Tensor, Tensor, Tensor], condition: Condition) -> tuple[Tensor, Tensor]:
        """Logits of real and fake pairs, judged as one batch: the authors' batch norms see both, too."""
        encoded, noise, decoded = made
        images, latent = torch.cat([batch.image, decoded]), torch.cat([encoded, noise])
        logits = self.discriminator(images, latent, Condition.join([condition, condition]))
        return logits[: len(batch)], logits[len(batch) :]


TASK = ALI
