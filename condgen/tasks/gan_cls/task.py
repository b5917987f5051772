"""GAN-CLS, GAN-INT and both (Reed et al., 2016, arXiv 1605.05396), and StackGAN's second stage on top.

The discriminator sees a picture beside a sentence and must reject fakes, and real pictures beside a wrong sentence
(CLS, algorithm 1). The generator also draws sentences between two, for which there are no pictures (INT, section 4.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import torch

from condgen.adversarial import health
from condgen.adversarial.diversity import relative_diversity
from condgen.adversarial.objectives import objective, refuse_misuse
from condgen.adversarial.task import Losses, Task, Turn
from condgen.conditioning.condition import Condition
from condgen.conditioning.judging import matching_aware_losses
from condgen.conditioning.sentence import interpolated, sentence_condition
from condgen.tasks.gan_cls.config import (
    Config,
    build_discriminator,
    build_generator,
    build_second_discriminator,
    build_second_generator,
)
from condgen.tasks.gan_cls.networks import Drawn
from condgen.text import encoder as text
from condgen.text.stored import PLAYER as TEXT_ENCODER

if TYPE_CHECKING:
    from condgen.config import RunConfig
    from condgen.data.captioned_images import Batch, TokenBatch
    from condgen.tasks.gan_cls.data import Dataset

FIRST, SECOND = ("generator", "discriminator"), ("second_generator", "second_discriminator")
"""The players of each stage."""


class GanCls(Task):
    """A generator that draws sentences, and a discriminator that judges pictures beside sentences.

    With a second stage its two players are `second_generator` and `second_discriminator`; `generator` is frozen.
    """

    Config = Config

    def __init__(self, config: Config):
        super().__init__(config)
        self.text_encoder = text.build(config.text).requires_grad_(config.text_trained)
        self.generator = build_generator(config)
        self.inference = ("generator",)
        if config.second_stage is None:
            self.discriminator = build_discriminator(config)
        else:
            self.generator.requires_grad_(False)
            self.second_generator = build_second_generator(config)
            self.second_discriminator = build_second_discriminator(config)
            self.inference = ("generator", "second_generator")
        if config.text.pretrained:
            self.pretrained = (TEXT_ENCODER,)  # found again by its name and revision
        else:
            self.inference += (TEXT_ENCODER,)
        self.objective = objective(config.objective)

    @classmethod
    def players(cls, config: Config) -> tuple[str, ...]:
        if config.second_stage is not None:
            return SECOND
        return (*FIRST, TEXT_ENCODER) if config.text_trained else FIRST

    @classmethod
    def check(cls, config: RunConfig) -> None:
        model, trainer = config.model, config.trainer
        _, judge = cls.players(model)[:2]
        part = trainer.batch_size // trainer.micro_batches
        clip = bool(config.optimizers[judge].weight_clip)
        refuse_misuse(model.objective, energies=False, lipschitz=clip, micro_batches=trainer.micro_batches)
        if model.interpolation_weight and part < 2:
            raise ValueError("model.interpolation_weight needs two sentences or more: trainer.batch_size=2")
        if model.second_stage and not config.start_from:
            raise ValueError("model.second_stage needs a trained first stage: start_from=RUN/model")

    def prepare(self, dataset: Dataset) -> None:
        """Take over the words that the data set's encoder knows; the weights come by `start_from`, or are learned."""
        self.text_encoder.take_vocabulary(dataset.text.encoder)

    def turns(self) -> list[Turn]:
        """The generator first, whose fakes then serve the discriminator."""
        generator, discriminator, *encoder = self.players(self.config)
        return [
            Turn(generator, self.generator_loss),
            Turn(discriminator, self.discriminator_loss, also=tuple(encoder)),
        ]

    def train(self, mode: bool = True) -> Self:
        """As every task's; what does not learn stays in evaluation mode."""
        super().train(mode)
        if not self.config.text_trained:
            self.text_encoder.eval()
        if self.config.second_stage is not None:
            self.generator.eval()
        return self

    def draw(self, condition: Condition) -> Drawn:
        """Pictures of the last stage by fresh noise, from the global random numbers."""
        vector = condition.vector
        noise = torch.randn(len(vector), self.config.generator.noise_channels, device=vector.device)
        if self.config.second_stage is None:
            return self.generator(noise, condition)
        with torch.no_grad():
            first = self.generator(noise, condition).image
        return self.second_generator(first, condition)

    @property
    def judge(self):
        """The discriminator of the last stage."""
        return self.discriminator if self.config.second_stage is None else self.second_discriminator

    def generator_loss(self, batch: Batch | TokenBatch) -> Losses:
        """Sentences between two are drawn and judged in one batch with the others, as in the authors' code.

        Its mean is over both kinds, so that with weight 1 every picture counts alike.
        """
        config, count = self.config, len(batch)
        with torch.no_grad():
            condition = sentence_condition(self.text_encoder, batch)
        told = condition
        if config.interpolation_weight:
            between = Condition(vector=interpolated(condition.vector, config.interpolation))
            told = Condition.join([condition, between])
        made = self.draw(told)
        self.hand_over(batch, made.image[:count].detach())
        logits, real = self.judge(made.image, told), None
        if self.objective.generator_needs_real:
            with torch.no_grad():
                real = self.judge(batch.image, condition)
        share = count / len(logits)
        losses = {"adversarial": share * self.objective.generator(logits[:count], real)}
        if config.interpolation_weight:
            weight = config.interpolation_weight * (1 - share)
            losses["interpolated"] = weight * self.objective.generator(logits[count:], real)
        if config.generator.augmented or config.second_stage:
            losses["divergence"] = config.augmentation_weight * made.divergence
        return losses

    def discriminator_loss(self, batch: Batch | TokenBatch) -> Losses:
        """Right, wrong and fake pairs apart, for batch norm's sake; the real pictures go through the trunk once."""
        config, condition = self.config, sentence_condition(self.text_encoder, batch)
        fake = self.handed_over(batch)
        if fake is None:
            with torch.no_grad():
                fake = self.draw(condition).image
        features = self.judge.trunk(batch.image)
        right, mismatched = self.judge.judge(features, condition), {}
        if config.wrong_weight:
            wrong = self.judge.judge(features, sentence_condition(self.text_encoder, batch, wrong=True))
            mismatched["wrong_text"] = (wrong, config.wrong_weight)
            self.observe(right_above_wrong=(right > wrong).float().mean())
        made = self.judge(fake, condition)
        diversity = relative_diversity(fake, batch.image)
        self.observe(lead=health.lead(right, made), diversity=diversity)
        return matching_aware_losses(self.objective, right, made, mismatched)


TASK = GanCls
