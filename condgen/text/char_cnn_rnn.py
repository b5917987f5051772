"""The character encoder: convolutions over letters, a recurrence over what they find (Reed et al., CVPR 2016)."""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condgen.errors import UserError
from condgen.text import characters
from condgen.text.encoder import Encoded, Tokens, TrainedEncoder
from condgen.text.recurrence import Recurrence, build_recurrence

KERNEL = 4
CHANNELS = (384, 512, 256)


class CharCnnRnn(TrainedEncoder):
    """Three convolutions over one-hot letters, each with ReLU and a max-pool, a recurrence, the mean of its states.

    The defaults are the CVPR version (1,814,144 parameters). The released encoders of the text-to-image papers have
    channels (384, 512, 512): flowers like this (2,994,560), birds and COCO with a GRU and without the last pool
    (4,045,184). As in the paper the mean is over all states, those behind the sentence's end included.

    Args:
        width: length of a sentence's vector.
        length: characters read of a sentence, 66 or more.
        channels: of the three convolutions.
        hidden: width of the recurrence; 0: that of the last convolution, as in all of the papers' versions.
        last_pool: max-pool behind the third convolution, too: 8 steps instead of 18.
    """

    unit = "characters"

    def __init__(
        self,
        *,
        width: int = 1024,
        length: int = 201,
        channels: Sequence[int] = CHANNELS,
        hidden: int = 0,
        recurrence: Recurrence = Recurrence.RELU,
        last_pool: bool = True,
    ):
        super().__init__(width)
        self.length, self.recurrence_kind, hidden = length, recurrence, hidden or channels[-1]
        inputs = (len(characters.ALPHABET), *channels)
        self.convolutions = nn.ModuleList(nn.Conv1d(*pair, KERNEL) for pair in zip(inputs, channels, strict=False))
        self.pools = nn.ModuleList([nn.MaxPool1d(3, 3), nn.MaxPool1d(3, 3), nn.MaxPool1d(3, 2)][: 2 + last_pool])
        self.recurrence = build_recurrence(recurrence, channels[-1], hidden)
        self.projection = nn.Linear(hidden, width)
        self.initialize(narrow=any(map(operator.lt, (*channels, hidden), (*CHANNELS, CHANNELS[-1]))))

    def tokenize(self, sentences: Sequence[str]) -> Tokens:
        tokens = np.zeros((len(sentences), self.length), dtype=np.int64)
        mask = np.zeros((len(sentences), self.length), dtype=bool)
        for row, sentence in enumerate(sentences):
            codes = characters.codes(characters.normalized(sentence)[: self.length])
            if not len(codes):
                raise UserError("the text is empty; say in words what there is to see")
            if not (codes > 0).any():
                raise UserError(f"text {sentence!r}: this encoder reads Latin letters, digits and signs; there is none")
            tokens[row, : len(codes)], mask[row, : len(codes)] = codes, True
        return Tokens(torch.from_numpy(tokens), torch.from_numpy(mask))

    def forward(self, tokens: Tokens) -> Encoded:
        """Codes (B, length), 0..70 -> vector (B, width), sequence (B, steps, hidden)."""
        letters = F.one_hot(tokens.codes, len(characters.ALPHABET) + 1)[:, :, 1:]  # no letter: a column of zeros
        features = letters.transpose(1, 2).to(self.projection.weight.dtype)
        seen = tokens.mask[:, None].to(features.dtype)
        for number, convolution in enumerate(self.convolutions):
            features = torch.relu(convolution(features))
            seen = F.max_pool1d(seen, KERNEL, stride=1)
            if number < len(self.pools):
                features, seen = self.pools[number](features), self.pools[number](seen)
        states: Tensor = self.recurrence(features.transpose(1, 2))
        return Encoded(self.projection(states.mean(1)), states, seen[:, 0] > 0)

    def cut(self, sentence: str) -> str:
        return characters.normalized(sentence)[self.length :]

    def extra_repr(self) -> str:
        return f"width={self.width}, length={self.length}, recurrence={self.recurrence_kind}"
