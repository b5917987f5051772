"""What TFGAN reads from a sentence: codes for the generator, and filters for its discriminators.

Two towers of equal shape, one for content, which the frames are judged by, one for motion, which the clips are judged
by. With the heads that make the filters they have 73,651,456 and 217,933,056 parameters as published. The heads are a
module of their own: only training needs them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condgen.conditioning.text_filter import TextFilter
from condgen.text.encoder import SentenceEncoder, Tokens

FEWEST_STEPS = 14
"""States from which the tower's convolutions and pools leave one."""


class Read(NamedTuple):
    """A sentence at two depths, fp32."""

    phrase: Tensor  # (B, P), the authors' level 1, its steps one behind the other
    sentence: Tensor  # (B, C), their y


class Told(NamedTuple):
    """What a discriminator is told of a sentence, fp32."""

    vector: Tensor  # (B, C)
    banks: tuple[Tensor, ...] = ()  # of filters (B, outputs, inputs, *kernel), one for each of its text stages

    def __getitem__(self, rows: Tensor) -> Told:
        """That of these samples."""
        return Told(self.vector[rows], tuple(bank[rows] for bank in self.banks))


class TextTower(nn.Module):
    """Three convolutions over an encoder's states.

    Args:
        inputs: width of a state.
        channels: of the convolutions; the last is the width of the sentence's code.
        steps: states read; fewer are filled up with zeros, more are cut off. 16 as published.
    """

    def __init__(self, inputs: int = 300, channels: Sequence[int] = (512, 512, 256), steps: int = 16):
        super().__init__()
        first, second, last = channels
        self.steps, self.sentence_width = steps, last
        self.phrase_width = second * ((steps - 2) // 2 - 2)
        self.words = nn.Conv1d(inputs, first, 3)
        self.phrases = nn.Conv1d(first, second, 3)
        self.whole = nn.Conv1d(second, last, 2)
        for layer in (self.words, self.phrases, self.whole):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")  # by torch's own start the signal would
            nn.init.zeros_(layer.bias)  # shrink to 0.4 with each layer, and all sentences be nearly one

    def forward(self, states: Tensor) -> Read:
        """(B, L, inputs), zeros where there is nothing to read."""
        states = F.pad(states, (0, 0, 0, self.steps - states.shape[1])).transpose(1, 2)  # negative: cut off
        phrases = torch.relu(self.phrases(F.max_pool1d(torch.relu(self.words(states)), 2)))
        whole = torch.relu(self.whole(F.max_pool1d(phrases, 2)))
        return Read(phrases.flatten(1).float(), whole.amax(2).float())  # of 16 steps one is left


class FilterHeads(nn.Module):
    """The banks of filters of a discriminator's two text stages.

    Each head, of the phrases and of the sentence, makes half of the filters of both stages.

    Args:
        phrase_width, sentence_width: as of `TextTower`.
        channels: that the filters take and give, an even number.
        kernel: their size, with or without time.
    """

    def __init__(self, phrase_width: int, sentence_width: int, channels: int, kernel: Sequence[int]):
        super().__init__()
        self.from_phrase = TextFilter(phrase_width, channels, channels, tuple(kernel))
        self.from_sentence = TextFilter(sentence_width, channels, channels, tuple(kernel))
        for head in (self.from_phrase.linear, self.from_sentence.linear):
            # filters that keep their features' size, for codes of variance 1 (Chang et al., 2020, "hyperfan-in")
            nn.init.normal_(head.weight, 0.0, (head.in_features * channels * math.prod(kernel)) ** -0.5)
            nn.init.zeros_(head.bias)

    def forward(self, read: Read) -> tuple[Tensor, Tensor]:
        """Two banks (B, channels, channels, *kernel), fp32."""
        halves = [
            head(code).float().chunk(2, dim=1)
            for head, code in ((self.from_phrase, read.phrase), (self.from_sentence, read.sentence))
        ]
        first, second = (torch.cat(pair, dim=1) for pair in zip(*halves, strict=True))
        return first, second


class TextTowers(nn.Module):
    """Both towers. Args: as of `TextTower`."""

    def __init__(self, inputs: int = 300, channels: Sequence[int] = (512, 512, 256), steps: int = 16):
        super().__init__()
        self.content = TextTower(inputs, channels, steps)
        self.motion = TextTower(inputs, channels, steps)

    def forward(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L, inputs) -> the generator's codes of content and motion, (B, C) each, fp32."""
        return self.content(states).sentence, self.motion(states).sentence


class TextFilters(nn.Module):
    """The heads of both towers: 5x5 for the frames, 3x5x5 for the clips, as published.

    Args:
        tower: of which both have the shape.
        channels: that the filters take and give.
        kernel: pixels a side.
    """

    def __init__(self, tower: TextTower, channels: int = 32, kernel: int = 5):
        super().__init__()
        widths = tower.phrase_width, tower.sentence_width
        self.content = FilterHeads(*widths, channels, (kernel, kernel))
        self.motion = FilterHeads(*widths, channels, (3, kernel, kernel))


@torch.no_grad()
def encoder_states(encoder: SentenceEncoder, tokens: Tokens) -> Tensor:
    """An encoder's states (B, L, C), zeros where it has read nothing; without gradient, for encoders that are fixed."""
    encoded = encoder(tokens)
    return encoded.sequence * encoded.mask[:, :, None]
