"""Text to video by gist and text filter (Li et al., 2018, arXiv 1710.00421), and its ablations.

L = gamma_1 L_CVAE + gamma_2 L_GAN + gamma_3 L_RECON with weights 1, 1 and 0.1, trained end to end: a conditional VAE
paints the first frame, its gist and the sentence's filters start a two-stream generator, and a discriminator sees clips
beside sentences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from condgen.adversarial import health
from condgen.adversarial.diversity import relative_diversity
from condgen.adversarial.objectives import objective, refuse_misuse
from condgen.adversarial.penalties import r1
from condgen.adversarial.task import Losses, Task, Turn
from condgen.conditioning.condition import Condition
from condgen.conditioning.judging import matching_aware_losses
from condgen.conditioning.sentence import sentence_condition
from condgen.networks.blocks import Norm
from condgen.tasks.text_to_video.config import Config, build_discriminator, build_generator, build_gist_encoder
from condgen.tasks.text_to_video.gist import Posterior
from condgen.tasks.text_to_video.networks import Drawn, Noise
from condgen.text import encoder as text
from condgen.text.stored import PLAYER as TEXT_ENCODER

if TYPE_CHECKING:
    from condgen.config import RunConfig
    from condgen.data.captioned_clips import Batch, TokenBatch
    from condgen.tasks.text_to_video.data import Dataset


class TextToVideo(Task):
    """A generator with a gist's encoder beside it, a discriminator of clips and sentences, and a sentence encoder."""

    Config = Config

    def __init__(self, config: Config):
        super().__init__(config)
        self.text_encoder = text.build(config.text).requires_grad_(config.text_trained)
        self.generator = build_generator(config)
        if config.gist:
            self.gist_encoder = build_gist_encoder(config)
        if not config.reconstruction_alone:
            self.discriminator = build_discriminator(config)
        self.inference = ("generator",)
        if config.text.pretrained:
            self.pretrained = (TEXT_ENCODER,)  # found again by its name and revision
        else:
            self.inference += (TEXT_ENCODER,)
        self.objective = objective(config.objective)

    @classmethod
    def players(cls, config: Config) -> tuple[str, ...]:
        with_gist = ("gist_encoder",) if config.gist else ()
        with_text = (TEXT_ENCODER,) if config.text_trained else ()
        with_clips = () if config.reconstruction_alone else ("discriminator", *with_text)
        return ("generator", *with_gist, *with_clips)

    @classmethod
    def check(cls, config: RunConfig) -> None:
        model = config.model
        if model.reconstruction_alone:
            return
        bounded = bool(model.r1_weight or config.optimizers["discriminator"].weight_clip)
        refuse_misuse(model.objective, energies=False, lipschitz=bounded, micro_batches=config.trainer.micro_batches)

    def prepare(self, dataset: Dataset) -> None:
        """Take over the words that the data set's encoder knows; the weights come by `start_from`, or are learned."""
        self.text_encoder.take_vocabulary(dataset.text.encoder)

    def turns(self) -> list[Turn]:
        """The generator first, whose fakes then serve the discriminator."""
        config = self.config
        gist = ("gist_encoder",) if config.gist else ()
        encoder = (TEXT_ENCODER,) if config.text_trained else ()
        if config.reconstruction_alone:
            return [Turn("generator", self.reconstruction_loss, also=gist)]
        penalty = self.penalty if config.r1_weight else None
        return [
            Turn("generator", self.generator_loss, also=gist),
            Turn(
                "discriminator", self.discriminator_loss, also=encoder, penalty=penalty, penalty_every=config.r1_every
            ),
        ]

    def train(self, mode: bool = True) -> Self:
        """As every task's; an encoder that does not learn stays in evaluation mode."""
        super().train(mode)
        if not self.config.text_trained:
            self.text_encoder.eval()
        return self

    # -- the generator -----------------------------------------------------------------------------------------------

    def draw(self, batch: Batch | TokenBatch, condition: Condition) -> tuple[Drawn, Posterior | None]:
        """Fakes by fresh noise from the global random numbers.

        Of the first `tied(batch)` of them, the gist's code comes from the posterior of the true clip, which is given
        beside them; of the others from the prior, as at inference.
        """
        config, count, device = self.config, len(batch), batch.clip.device
        gist = torch.randn(count, config.gist_code, device=device)
        motion, posterior = torch.randn(count, config.streams.motion_channels, device=device), None
        if config.gist:
            tied = slice(self.tied(batch))
            posterior = self.gist_encoder(batch.clip[tied, :, 0], condition[tied])
            gist = torch.cat([posterior.draw(), gist[len(posterior.mean) :]])
        return self.generator(Noise(gist, motion), condition), posterior

    def tied(self, batch: Batch | TokenBatch) -> int:
        """How many fakes of a batch are made from the true gist's code; one at least."""
        if self.config.reconstruction_alone:
            return len(batch)
        return len(batch) - int(self.config.prior_share * len(batch))

    def generator_loss(self, batch: Batch | TokenBatch) -> Losses:
        with torch.no_grad():
            condition = sentence_condition(self.text_encoder, batch)
        made, posterior = self.draw(batch, condition)
        clip, real = made.scene.clip, None
        self.hand_over(batch, clip.detach())
        if self.objective.generator_needs_real:
            with torch.no_grad():
                real = self.discriminator(batch.clip, condition)
        losses = {"adversarial": self.objective.generator(self.discriminator(clip, condition), real)}
        if posterior is not None:
            losses |= self._gist_losses(batch, made, posterior)
        return losses | self._mask_loss(made)

    def reconstruction_loss(self, batch: Batch | TokenBatch) -> Losses:
        """L_CVAE and L_RECON, of every clip; nothing is judged."""
        condition = sentence_condition(self.text_encoder, batch)
        made, posterior = self.draw(batch, condition)
        return self._gist_losses(batch, made, posterior) | self._mask_loss(made)

    def _mask_loss(self, made: Drawn) -> Losses:
        """VGAN's, so that the background shows."""
        shown = made.scene.mask.mean()
        self.observe(foreground=shown)
        return {"mask": self.config.mask_weight * shown} if self.config.mask_weight else {}

    def _gist_losses(self, batch: Batch | TokenBatch, made: Drawn, posterior: Posterior) -> Losses:
        """L_CVAE = -E log p(first frame | z, t) + KL, with a Gaussian p and as a mean over values; L_RECON; background.

        A divergence near 0 says that the sentence alone paints, always the same blurred picture.
        """
        config, tied, divergence = self.config, len(posterior.mean), posterior.divergence()
        frame, clip = batch.clip[:tied, :, 0], batch.clip[:tied]
        losses = {
            "gist": config.gist_weight * F.mse_loss(made.gist[:tied], frame),
            "divergence": config.gist_weight * config.divergence_weight * divergence / frame[0].numel(),
        }
        error = F.mse_loss if config.reconstruction_squared else F.l1_loss
        if config.reconstruction_weight:
            losses["reconstruction"] = config.reconstruction_weight * error(made.scene.clip[:tied], clip)
        if config.background_weight:
            still = clip.median(dim=2).values  # of what passes by, no pixel sees much
            losses["background"] = config.background_weight * error(made.scene.background[:tied], still)
        return losses

    # -- the discriminator -------------------------------------------------------------------------------------------

    def discriminator_loss(self, batch: Batch | TokenBatch) -> Losses:
        """Right, wrong and fake pairs; the real clips go through the trunk once."""
        config, condition = self.config, sentence_condition(self.text_encoder, batch)
        fake = self.handed_over(batch)
        if fake is None:
            with torch.no_grad():
                fake = self.draw(batch, condition)[0].scene.clip
        features, made_features = self._features(batch.clip, fake)
        right, mismatched = self.discriminator.judge(features, condition), {}
        if config.wrong_weight:
            wrong = self.discriminator.judge(features, sentence_condition(self.text_encoder, batch, wrong=True))
            mismatched["wrong_text"] = (wrong, config.wrong_weight)
            self.observe(right_above_wrong=(right > wrong).float().mean())
        made = self.discriminator.judge(made_features, condition)
        diversity = relative_diversity(fake, batch.clip)
        self.observe(lead=health.lead(right, made), diversity=diversity)
        return matching_aware_losses(self.objective, right, made, mismatched)

    def _features(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Apart where there are batch statistics, else joined, which is faster."""
        if self.config.discriminator.norm is Norm.BATCH:
            return self.discriminator.trunk(real), self.discriminator.trunk(fake)
        return self.discriminator.trunk(torch.cat([real, fake])).split(len(real))

    def penalty(self, batch: Batch | TokenBatch) -> Losses:
        """R1 of real clips beside their sentences."""
        with torch.no_grad():
            condition = sentence_condition(self.text_encoder, batch)
        return {"r1": r1(lambda clip: self.discriminator(clip, condition), batch.clip, self.config.r1_weight)}


TASK = TextToVideo
