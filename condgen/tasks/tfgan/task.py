"""TFGAN (Balaji, Min, Bai, Chellappa and Graf, "Conditional GAN with Discriminative Filter Generation for Text-to-Video
Synthesis", IJCAI 2019): clips from sentences, judged frame by frame and as a whole.

The sentence makes convolution filters that the discriminators look through. What reads it learns with the
discriminators alone; the generator takes its codes as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor

from condgen.adversarial import health
from condgen.adversarial.diversity import relative_diversity
from condgen.adversarial.objectives import ObjectiveName, objective
from condgen.adversarial.penalties import r1
from condgen.adversarial.task import Losses, Task, Turn
from condgen.conditioning.judging import matching_aware_losses
from condgen.tasks.tfgan.config import (
    Config,
    build_clip_discriminator,
    build_filters,
    build_frame_discriminator,
    build_generator,
    build_towers,
)
from condgen.tasks.tfgan.discriminators import Average, Discriminator, Features, Window
from condgen.tasks.tfgan.networks import ClipNoise
from condgen.tasks.tfgan.text_towers import FilterHeads, TextTower, Told, encoder_states
from condgen.text import encoder as text
from condgen.text.encoder import Tokens
from condgen.text.stored import PLAYER as TEXT_ENCODER

if TYPE_CHECKING:
    from condgen.data.captioned_clips import TokenBatch
    from condgen.tasks.tfgan.data import Dataset

GENERATOR, FRAMES, CLIPS = "generator", "frame_discriminator", "clip_discriminator"
TOWERS, FILTERS = "text_towers", "text_filters"


class Tfgan(Task):
    """A generator of clips, two discriminators, and what reads the sentence for them.

    `text_filters` are the towers' heads, a player of their own: all but 1 % of what is read with, and of no use to
    those who only draw. Without filters there are none.
    """

    Config = Config
    inference = (GENERATOR, TOWERS, TEXT_ENCODER)

    def __init__(self, config: Config):
        super().__init__(config)
        self.text_encoder = text.build(config.text).requires_grad_(False)
        self.text_towers = build_towers(config, self.text_encoder)
        if config.filters:
            self.text_filters = build_filters(config, self.text_towers)
        self.generator = build_generator(config)
        self.frame_discriminator = build_frame_discriminator(config)
        self.clip_discriminator = build_clip_discriminator(config)
        if config.text.pretrained:
            self.pretrained = (TEXT_ENCODER,)  # found again by its name and revision
            self.inference = (GENERATOR, TOWERS)
        side = config.clip_discriminator.reduction
        self._reduce = Average(Window(side, side))
        self.objective = objective(ObjectiveName.NON_SATURATING)

    @classmethod
    def players(cls, config: Config) -> tuple[str, ...]:
        return (GENERATOR, FRAMES, CLIPS, TOWERS, *([FILTERS] if config.filters else []))

    def prepare(self, dataset: Dataset) -> None:
        """Take over the data set's encoder: its words, and its weights where it was trained before."""
        self.text_encoder.take_vocabulary(dataset.text.encoder)

    def turns(self) -> list[Turn]:
        """The generator first, whose clips then serve both discriminators; in the authors' code it plays last."""
        _, _, _, *reading = self.players(self.config)
        settings = {"penalty_every": self.config.r1_every, "also": tuple(reading)}
        penalised = self.config.r1_weight > 0
        return [
            Turn(GENERATOR, self.generator_loss),
            Turn(FRAMES, self.frame_loss, penalty=self.frame_penalty if penalised else None, **settings),
            Turn(CLIPS, self.clip_loss, penalty=self.clip_penalty if penalised else None, **settings),
        ]

    def train(self, mode: bool = True) -> Self:
        """As every task's; the encoder, which does not learn, stays in evaluation mode."""
        super().train(mode)
        self.text_encoder.eval()
        return self

    # -- the generator -----------------------------------------------------------------------------------------------

    def generator_loss(self, batch: TokenBatch) -> Losses:
        """Both discriminators must take its clips for real ones that fit. What reads the sentence gets no gradient."""
        with torch.no_grad():
            content, motion = self._content(self._right(batch)), self._motion(self._right(batch))
        clips = self.draw(content, motion)
        self.hand_over(batch, clips.detach())
        frames = self.frame_discriminator(self._frames(clips).flatten(0, 1), content)
        whole = self.clip_discriminator(self._reduced(clips), motion)
        return {"frames": self.objective.generator(frames), "clips": self.objective.generator(whole)}

    def draw(self, content: Told, motion: Told) -> Tensor:
        """Clips (B, 3, T, S, S) by fresh noise, from the global random numbers."""
        codes, channels = content.vector, self.config.generator.noise_channels
        noise = torch.randn(len(codes), (2 + self.config.frames) * channels, device=codes.device)
        return self.generator(ClipNoise.split(noise, channels), codes, motion.vector)

    # -- the discriminators ------------------------------------------------------------------------------------------

    def frame_loss(self, batch: TokenBatch) -> Losses:
        """Right, wrong and drawn pairs of single frames."""
        real, fake = (self._frames(clips).flatten(0, 1) for clips in (batch.clip, self._drawn(batch)))
        losses, right, wrong, made = self._losses(
            self.frame_discriminator, real, fake, self._content(self._both(batch))
        )
        self.observe(frame_lead=health.lead(right, made))
        if wrong is not None:
            self.observe(frame_right_above_wrong=(right > wrong).float().mean())
        return losses

    def clip_loss(self, batch: TokenBatch) -> Losses:
        """Right, wrong and drawn pairs of whole clips."""
        fake = self._drawn(batch)
        real, reduced = (self._reduced(clips) for clips in (batch.clip, fake))
        told = self._motion(self._both(batch))
        losses, right, wrong, made = self._losses(self.clip_discriminator, real, reduced, told)
        diversity = relative_diversity(fake, batch.clip)
        self.observe(lead=health.lead(right, made), diversity=diversity)
        if wrong is not None:
            self.observe(right_above_wrong=(right > wrong).float().mean())
        return losses

    def frame_penalty(self, batch: TokenBatch) -> Losses:
        """R1 of each clip: the squared gradients of its frames' logits, their sum or mean over the frames."""
        told, frames = self._content(self._right(batch)), self._frames(batch.clip)

        def judge(frames: Tensor) -> Tensor:
            samples = frames.flatten(0, 1).contiguous(memory_format=torch.channels_last)
            return self.frame_discriminator(samples, told).unflatten(0, frames.shape[:2]).sum(1)

        counted = self.config.frames if self.config.frame_discriminator.r1_summed else 1
        weight = self.config.r1_weight * counted / frames.shape[1]  # of those that are not looked at, too
        return {"r1": r1(judge, frames, gamma=2 * weight)}

    def clip_penalty(self, batch: TokenBatch) -> Losses:
        """R1 of whole clips."""
        told, weight = self._motion(self._right(batch)), self.config.r1_weight
        clips = self._reduced(batch.clip)
        return {"r1": r1(lambda clip: self.clip_discriminator(clip, told), clips, gamma=2 * weight)}

    def _losses(
        self, judge: Discriminator, real: Tensor, fake: Tensor, told: Told
    ) -> tuple[Losses, Tensor, Tensor | None, Tensor]:
        """Losses, and the logits of right, wrong and drawn pairs.

        There is no batch norm: all go through together, the real samples through the trunk once for both sentences.
        `told` is that of the right sentences, and behind them, with a weight, of the wrong ones.
        """
        features, count, weight = judge.trunk(torch.cat([real, fake])), len(real), self.config.wrong_weight
        rows = torch.arange(len(told.vector), device=told.vector.device)
        right_rows = rows[: len(rows) // 2] if weight else rows
        if weight:
            features = Features(*(_real_twice(part, count) for part in features))
        right, *wrong, made = judge.judge(features, told[torch.cat([rows, right_rows])]).split(count)
        mismatched = {"wrong_text": (wrong[0], weight)} if weight else {}
        losses = matching_aware_losses(self.objective, right, made, mismatched)
        return losses, right, wrong[0] if weight else None, made

    def _drawn(self, batch: TokenBatch) -> Tensor:
        """The generator's clips of this iteration; new ones where it has not played."""
        clips = self.handed_over(batch)
        if clips is None:
            with torch.no_grad():
                tokens = self._right(batch)
                clips = self.draw(self._content(tokens), self._motion(tokens))
        return clips

    # -- what the players are shown ------------------------------------------------------------------------------------

    def _frames(self, clips: Tensor) -> Tensor:
        """(B, 3, T, S, S) -> (B, frames_judged, 3, S, S), other random ones of each clip, or all of them."""
        frames = clips.contiguous(memory_format=torch.channels_last_3d).transpose(1, 2)
        count = self.config.frame_discriminator.frames_judged
        if not count:
            return frames
        places = torch.rand(frames.shape[:2], device=frames.device).argsort(1)[:, :count]
        return frames[torch.arange(len(frames), device=frames.device)[:, None], places]

    def _reduced(self, clips: Tensor) -> Tensor:
        """As the clips' discriminator takes them."""
        return self._reduce(clips.contiguous(memory_format=torch.channels_last_3d))

    def _content(self, tokens: Tokens) -> Told:
        return self._told(tokens, self.text_towers.content, self.text_filters.content if self.config.filters else None)

    def _motion(self, tokens: Tokens) -> Told:
        return self._told(tokens, self.text_towers.motion, self.text_filters.motion if self.config.filters else None)

    def _told(self, tokens: Tokens, tower: TextTower, heads: FilterHeads | None) -> Told:
        read = tower(encoder_states(self.text_encoder, tokens))
        return Told(read.sentence, heads(read) if heads is not None else ())

    def _right(self, batch: TokenBatch) -> Tokens:
        return Tokens(batch.codes, batch.mask)

    def _both(self, batch: TokenBatch) -> Tokens:
        """The right sentences, and behind them the wrong ones where they count."""
        if not self.config.wrong_weight:
            return self._right(batch)
        return Tokens(torch.cat([batch.codes, batch.wrong_codes]), torch.cat([batch.mask, batch.wrong_mask]))


def _real_twice(part: Tensor | tuple[Tensor, ...], count: int) -> Tensor | tuple[Tensor, ...]:
    """(real, fake) -> (real, real, fake)."""
    if isinstance(part, tuple):
        return tuple(_real_twice(one, count) for one in part)
    return torch.cat([part[:count], part])


TASK = Tfgan
