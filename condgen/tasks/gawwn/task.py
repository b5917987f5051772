"""What-where games: pictures by sentence and place, and places by sentence (Reed et al., 2016, arXiv 1610.02454)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from condgen.adversarial import health
from condgen.adversarial.diversity import relative_diversity
from condgen.adversarial.objectives import objective, refuse_misuse
from condgen.adversarial.penalties import r1
from condgen.adversarial.task import Losses, Task, Turn
from condgen.conditioning.condition import Condition
from condgen.conditioning.judging import matching_aware_losses
from condgen.tasks.gawwn.box import BoxDiscriminator, BoxGenerator
from condgen.tasks.gawwn.completion import CompletionDiscriminator, CompletionGenerator
from condgen.tasks.gawwn.config import Config, Form
from condgen.tasks.gawwn.keypoints import KeypointDiscriminator, KeypointGenerator
from condgen.tasks.gawwn.layers import DiscriminatorNorm
from condgen.text import encoder
from condgen.text.stored import PLAYER as TEXT_ENCODER

if TYPE_CHECKING:
    from condgen.config import RunConfig
    from condgen.tasks.gawwn.data import Batch, Dataset


PENALTY_EVERY = 8  # iterations: it differentiates twice, and changes slowly


def generator_of(form: Form) -> str:
    """The name of a form's generator among the players."""
    return f"{form}_generator"


def discriminator_of(form: Form) -> str:
    return f"{form}_discriminator"


def build_generator(config: Config, form: Form) -> nn.Module:
    """Raises ValueError for numbers that fit no network."""
    width, names = config.text.width, len(config.keypoints)
    match form:
        case Form.BOX:
            return BoxGenerator(config.generator, width, config.size)
        case Form.KEYPOINTS:
            return KeypointGenerator(config.generator, width, names, config.size)
        case Form.COMPLETION:
            return CompletionGenerator(config.completion, width, names)


def build_discriminator(config: Config, form: Form) -> nn.Module:
    """Raises ValueError for numbers that fit no network."""
    width, names = config.text.width, len(config.keypoints)
    match form:
        case Form.BOX:
            return BoxDiscriminator(config.discriminator, width, config.size)
        case Form.KEYPOINTS:
            return KeypointDiscriminator(config.discriminator, width, names, config.size)
        case Form.COMPLETION:
            return CompletionDiscriminator(config.completion, width, names)


class Gawwn(Task):
    """A generator and a discriminator for each form, and the frozen encoder of their sentences."""

    Config = Config

    def __init__(self, config: Config):
        super().__init__(config)
        for form in config.forms:
            self.add_module(generator_of(form), build_generator(config, form))
            self.add_module(discriminator_of(form), build_discriminator(config, form))
        self.text_encoder = encoder.build(config.text).requires_grad_(False)
        if config.text.pretrained:
            self.pretrained = (TEXT_ENCODER,)
        kept = () if self.pretrained else (TEXT_ENCODER,)
        self.inference = (*(generator_of(form) for form in config.forms), *kept)
        self.objective = objective(config.objective)
        self._leads: dict[Form, Tensor] = {}

    @classmethod
    def players(cls, config: Config) -> tuple[str, ...]:
        return tuple(name for form in config.forms for name in (generator_of(form), discriminator_of(form)))

    @classmethod
    def check(cls, config: RunConfig) -> None:
        model, players = config.model, config.optimizers
        norms = {form: model.completion.norm if form is Form.COMPLETION else model.discriminator.norm for form in Form}
        bounded = (
            norms[form] is DiscriminatorNorm.SPECTRAL
            or players[discriminator_of(form)].weight_clip
            or (model.r1_weight and form is not Form.COMPLETION)
            for form in model.forms
        )
        refuse_misuse(
            model.objective, energies=False, lipschitz=all(bounded), micro_batches=config.trainer.micro_batches
        )
        if config.trainer.batch_size // config.trainer.micro_batches < 2:
            raise ValueError("batch norm needs two pictures or more at once: trainer.batch_size, trainer.micro_batches")

    def prepare(self, dataset: Dataset) -> None:
        """Take over the words that the data set's encoder knows; the weights come by `start_from`."""
        self.text_encoder.take_vocabulary(dataset.text.encoder)

    def turns(self) -> list[Turn]:
        """Once each, the generator first: its fakes then serve the discriminator."""
        turns = []
        for form in self.config.forms:
            generator_loss, discriminator_loss = self.draw_loss, self.judge_loss
            if form is Form.COMPLETION:
                generator_loss, discriminator_loss = self.complete_loss, self.judge_completion_loss
            turns.append(Turn(generator_of(form), _named(generator_loss, form)))
            penalty = _named(self.penalty, form) if self.config.r1_weight and form is not Form.COMPLETION else None
            turns.append(
                Turn(
                    discriminator_of(form),
                    _named(discriminator_loss, form),
                    penalty=penalty,
                    penalty_every=PENALTY_EVERY,
                )
            )
        return turns

    def condition(self, batch: Batch) -> Condition:
        """Sentence and place of each picture."""
        return Condition(vector=batch.text, box=batch.box, keypoints=batch.keypoints)

    # -- pictures ----------------------------------------------------------------------------------------------------

    def draw_loss(self, batch: Batch, *, form: Form) -> Losses:
        condition = self.condition(batch)
        fake, judge, real = self._drawn(batch, condition, form), self._judge(form), None
        self._keep(batch, form, fake)
        if self.objective.generator_needs_real:
            with torch.no_grad():
                real = judge(batch.image, condition)
        return {"adversarial": self.objective.generator(judge(fake, condition), real)}

    def judge_loss(self, batch: Batch, *, form: Form) -> Losses:
        """A real picture is to be accepted; a fake one, one with a wrong sentence or one with a wrong place is not."""
        config, condition, fake = self.config, self.condition(batch), self._kept(batch, form)
        if fake is None:  # the generator waits
            with torch.no_grad():
                fake = self._drawn(batch, condition, form)
        told = {"fake": condition, "real": condition}
        if config.wrong_text_weight:
            told["wrong_text"] = replace(condition, vector=batch.wrong_text)
        if config.wrong_place_weight:
            told["wrong_place"] = replace(condition, box=batch.wrong_box, keypoints=batch.wrong_keypoints)
        logits = self._judge_all(form, batch.image, fake, told)
        weights = {"wrong_text": config.wrong_text_weight, "wrong_place": config.wrong_place_weight}
        mismatched = {name: (logits[name], weight) for name, weight in weights.items() if weight}
        self.observe(diversity=relative_diversity(fake, batch.image))
        self._observe_lead(form, logits["real"], logits["fake"])
        return matching_aware_losses(self.objective, logits["real"], logits["fake"], mismatched)

    def penalty(self, batch: Batch, *, form: Form) -> Losses:
        """R1 on real pictures with their own sentence and place."""
        judge, condition = self._judge(form), self.condition(batch)
        return {"r1": r1(lambda image: judge(image, condition), batch.image, self.config.r1_weight)}

    def _drawn(self, batch: Batch, condition: Condition, form: Form) -> Tensor:
        noise = torch.randn(len(batch), self.config.generator.noise, device=batch.image.device)
        return getattr(self, generator_of(form))(noise, condition)

    def _judge(self, form: Form) -> nn.Module:
        return getattr(self, discriminator_of(form))

    def _judge_all(self, form: Form, real: Tensor, fake: Tensor, told: dict[str, Condition]) -> dict[str, Tensor]:
        """Logits (B,) of the fakes with what is told as "fake", and of the real pictures with all else that is told.

        The trunk knows no condition, so the real ones go through it once. Together where pictures are judged one by
        one, else apart.
        """
        judge = self._judge(form)
        if self.config.discriminator.norm is DiscriminatorNorm.BATCH:
            of_fake, of_real = judge.trunk(fake), judge.trunk(real)
            return {
                name: judge.judge(of_fake if name == "fake" else of_real, condition) for name, condition in told.items()
            }
        of_fake, of_real = judge.trunk(torch.cat([fake, real])).chunk(2)
        features = torch.cat([of_fake if name == "fake" else of_real for name in told])
        joined = judge.judge(features, Condition.join(list(told.values())))
        return dict(zip(told, joined.chunk(len(told)), strict=True))

    # -- keypoints ---------------------------------------------------------------------------------------------------

    def complete_loss(self, batch: Batch, *, form: Form) -> Losses:
        fake, judge, real = self._completed(batch), self._judge(form), None
        self._keep(batch, form, fake)
        if self.objective.generator_needs_real:
            with torch.no_grad():
                real = judge(batch.keypoints, batch.text)
        return {"adversarial": self.objective.generator(judge(fake, batch.text), real)}

    def judge_completion_loss(self, batch: Batch, *, form: Form) -> Losses:
        weight, fake = self.config.completion_wrong_text_weight, self._kept(batch, form)
        if fake is None:
            with torch.no_grad():
                fake = self._completed(batch)
        judge = self._judge(form)
        real, rejected = judge(batch.keypoints, batch.text), judge(fake, batch.text)
        mismatched = {"wrong_text": (judge(batch.keypoints, batch.wrong_text), weight)} if weight else {}
        self._observe_lead(form, real, rejected)
        return matching_aware_losses(self.objective, real, rejected, mismatched)

    def _completed(self, batch: Batch) -> Tensor:
        """(B, K, 3) of which each was known with probability 1 - `dropped_keypoints` (the authors' code)."""
        keypoints = batch.keypoints
        kept = torch.rand(keypoints.shape[:2], device=keypoints.device) >= self.config.dropped_keypoints
        noise = torch.randn(len(batch), self.config.completion.noise, device=keypoints.device)
        known = keypoints * kept[:, :, None]
        return getattr(self, generator_of(Form.COMPLETION))(noise, batch.text, known)

    # -- both --------------------------------------------------------------------------------------------------------

    def _keep(self, batch: Batch, form: Form, fake: Tensor) -> None:
        """For the discriminator of the same form."""
        made = self.handed_over(batch)
        if made is None:
            made = {}
            self.hand_over(batch, made)
        made[form] = fake.detach()

    def _kept(self, batch: Batch, form: Form) -> Tensor | None:
        return (self.handed_over(batch) or {}).get(form)

    def _observe_lead(self, form: Form, real: Tensor, fake: Tensor) -> None:
        self._leads[form] = health.lead(real, fake)
        self.observe(lead=torch.stack(list(self._leads.values())).mean())

    def train(self, mode: bool = True) -> Gawwn:
        super().train(mode)
        self.text_encoder.eval()  # frozen
        return self


def _named(loss, form: Form):
    """A loss of one form, with a name that `condgen train --dry-run` can print."""
    bound = partial(loss, form=form)
    bound.__name__ = loss.__name__
    return bound


TASK = Gawwn
