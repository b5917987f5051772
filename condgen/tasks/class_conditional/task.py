"""Games on labelled pictures: who plays, and for what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from condgen.adversarial import health
from condgen.adversarial.diversity import mean_feature_matching, relative_diversity
from condgen.adversarial.objectives import (
    ENERGIES,
    BoundaryEquilibrium,
    objective,
    refuse_misuse,
)
from condgen.adversarial.penalties import r1, wgan_gp
from condgen.adversarial.task import Losses, Task, Turn
from condgen.conditioning.condition import Condition
from condgen.conditioning.encoders import LatentCode, one_hot
from condgen.conditioning.judging import auxiliary_class_loss, mutual_information_bound
from condgen.tasks.class_conditional.config import Config, Penalty, build_discriminator, build_generator
from condgen.tasks.class_conditional.discriminator import Judgement, Judging, take_apart
from condgen.tasks.class_conditional.networks import DiscriminatorNorm

if TYPE_CHECKING:
    from condgen.config import RunConfig
    from condgen.data.labelled_images import Batch


class ClassConditional(Task):
    """A generator that makes pictures by label and latent code, and a discriminator that judges both."""

    Config = Config

    def __init__(self, config: Config):
        super().__init__(config)
        self.generator = build_generator(config)
        self.discriminator = build_discriminator(config)
        self.objective = objective(config.objective, **config.objective_settings)
        self.codes = config.codes.space
        if self.codes is not None or config.discriminator.judging is Judging.CLASSES_AND_FAKE:
            self.inference = ("generator", "discriminator")  # which tells codes and classes of real pictures
        self._energies: tuple[Tensor, Tensor] | None = None

    @classmethod
    def players(cls, config: Config) -> tuple[str, ...]:
        return ("generator", "discriminator")

    @classmethod
    def check(cls, config: RunConfig) -> None:
        model, trainer = config.model, config.trainer
        part = trainer.batch_size // trainer.micro_batches
        judge = model.discriminator
        if judge.norm is DiscriminatorNorm.VIRTUAL_BATCH and judge.reference_size > part:
            raise ValueError(
                f"model.discriminator.reference_size {judge.reference_size} is taken from the first batch, which has "
                f"{part} samples: make it smaller, or trainer.batch_size larger"
            )
        clip = bool(config.optimizers["discriminator"].weight_clip)
        refuse_misuse(
            model.objective,
            energies=model.objective in ENERGIES,
            lipschitz=clip or model.penalty is not Penalty.NONE or judge.norm is DiscriminatorNorm.SPECTRAL,
            micro_batches=trainer.micro_batches,
        )
        semi_supervised = judge.judging is Judging.CLASSES_AND_FAKE
        if semi_supervised and not config.data.labels:
            raise ValueError("judging classes_and_fake learns from few labels: say how many in data.labels, e.g. 100")
        if config.data.labels and not semi_supervised:
            raise ValueError("data.labels leaves labels out, which only judging classes_and_fake can do without")

    def turns(self) -> list[Turn]:
        """Once each: the generator first, whose fakes then serve the discriminator; else the critic's steps first."""
        generator = Turn("generator", self.generator_loss)
        steps = self.config.critic_steps
        penalty = None if self.config.penalty is Penalty.NONE else self.penalty
        discriminator = Turn("discriminator", self.discriminator_loss, repeats=steps, penalty=penalty)
        return [generator, discriminator] if steps == 1 else [discriminator, generator]

    def condition(self, batch: Batch) -> Condition:
        """The labels of a batch, for fakes as for real pictures."""
        if not self.config.conditional:
            return Condition()
        return Condition(vector=one_hot(batch.label, len(self.config.classes)))

    def make(self, batch: Batch, condition: Condition) -> tuple[Tensor, LatentCode | None]:
        """Fakes by fresh noise and codes; what they are made of comes from the global random numbers."""
        count, device = len(batch), batch.image.device
        noise = torch.randn(count, self.config.generator.noise_channels, device=device)
        code = None if self.codes is None else self.codes.draw(count, device=device)
        inputs = noise if code is None else torch.cat([noise, code.vector], dim=1)
        return self.generator(inputs, condition), code

    def generator_loss(self, batch: Batch) -> Losses:
        config, condition = self.config, self.condition(batch)
        fake, code = self.make(batch, condition)
        self.hand_over(batch, (fake.detach(), code))
        judged = self._judge(fake, condition, batch)
        real = None
        if config.discriminator.judging is Judging.CLASSES_AND_FAKE or self.objective.generator_needs_real:
            with torch.no_grad():
                real = self._judge(batch.image, condition, batch)
        losses: Losses = {}
        if config.discriminator.judging is Judging.CLASSES_AND_FAKE:
            # section 3.1: the game's own objective hardly helps the classifier
            losses["features"] = mean_feature_matching(real.features[-1:], judged.features[-1:])
        else:
            losses["adversarial"] = self.objective.generator(judged.logits, real and real.logits)
        if config.discriminator.judging is Judging.AUXILIARY_CLASSIFIER and config.generator_classifies:
            losses["class"] = config.class_weight * auxiliary_class_loss(judged.class_logits, batch.label)
        return losses | self._code_loss(judged, code)

    def discriminator_loss(self, batch: Batch) -> Losses:
        config, condition = self.config, self.condition(batch)
        fake, code = self._fakes(batch, condition)
        real_judged, fake_judged = self._judge_both(batch, fake, condition)
        real, made = real_judged.logits, fake_judged.logits
        losses = {"adversarial": self.objective.discriminator(real, made)}
        match config.discriminator.judging:
            case Judging.AUXILIARY_CLASSIFIER:
                right = auxiliary_class_loss(real_judged.class_logits, batch.label)
                named = right + auxiliary_class_loss(fake_judged.class_logits, batch.label)
                losses["class"] = config.class_weight * named
            case Judging.CLASSES_AND_FAKE:
                named = self._judge(batch.labelled_image, condition, batch).class_logits
                losses["class"] = config.class_weight * F.cross_entropy(named.float(), batch.labelled_label)
        self._energies = (real.detach(), made.detach())
        sign = -1 if config.objective in ENERGIES else 1  # a real picture has the lower energy
        diversity = relative_diversity(fake, batch.image)
        self.observe(lead=health.lead(sign * real, sign * made), diversity=diversity)
        return losses | self._code_loss(fake_judged, code)

    def penalty(self, batch: Batch) -> Losses:
        condition = self.condition(batch)

        def logits(images: Tensor) -> Tensor:
            return self.discriminator(images, condition).logits

        weight = self.config.penalty_weight
        if self.config.penalty is Penalty.R1:
            return {"r1": r1(logits, batch.image, weight)}
        fake, _ = self._fakes(batch, condition)
        return {"wgan_gp": wgan_gp(logits, batch.image, fake, weight)}

    def finish_iteration(self) -> None:
        super().finish_iteration()
        if isinstance(self.objective, BoundaryEquilibrium) and self._energies is not None:
            self.objective.update(*self._energies)
            self.observe(balance=self.objective.balance, convergence=self.objective.convergence(*self._energies))

    def _fakes(self, batch: Batch, condition: Condition) -> tuple[Tensor, LatentCode | None]:
        """Those the generator left, else fresh ones."""
        made = self.handed_over(batch)
        if made is None:
            with torch.no_grad():
                made = self.make(batch, condition)
            self.hand_over(batch, made)
        return made

    def _judge(self, images: Tensor, condition: Condition, batch: Batch) -> Judgement:
        if self.discriminator.reference is not None:
            self.discriminator.reference.keep_first(self.discriminator.seen(batch.image, self.condition(batch)))
        return self.discriminator(images, condition)

    def _judge_both(self, batch: Batch, fake: Tensor, condition: Condition) -> tuple[Judgement, Judgement]:
        """Joined where pictures are judged one by one, which is faster; apart where the batch has a say."""
        own = self.config.discriminator
        normed = own.norm in (DiscriminatorNorm.BATCH, DiscriminatorNorm.VIRTUAL_BATCH) or self.codes is not None
        if normed or own.minibatch_kernels:
            return self._judge(batch.image, condition, batch), self._judge(fake, condition, batch)
        joined = Condition.join([condition, condition])
        return take_apart(self._judge(torch.cat([batch.image, fake]), joined, batch), len(batch))

    def _code_loss(self, judged: Judgement, code: LatentCode | None) -> Losses:
        """Both players raise the bound on the codes' mutual information with the picture."""
        if code is None:
            return {}
        own = self.config.codes
        bound = mutual_information_bound(judged.code, code, self.codes, own.continuous_weight)
        return {"codes": -own.weight * bound}


TASK = ClassConditional
