"""The word encoder: as the character encoder, over one-hot words (Reed et al., CVPR 2016)."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condgen.text import characters
from condgen.text.encoder import Encoded, Tokens, TrainedEncoder
from condgen.text.recurrence import Recurrence, build_recurrence

KERNELS = (3, 2, 2)
CHANNELS = (512, 512, 512)


class OneHotConvolution(nn.Module):
    """A convolution over one-hot codes, as a sum of looked-up rows: no product with zeros is computed.

    Args:
        codes: different ones, 1..codes; 0 is a column of zeros.
    """

    def __init__(self, codes: int, channels: int, kernel: int):
        super().__init__()
        self.codes, self.kernel = codes, kernel
        self.rows = nn.EmbeddingBag(1 + kernel * codes, channels, mode="sum", padding_idx=0)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, codes: Tensor) -> Tensor:
        """(B, L) int64 -> (B, channels, L - kernel + 1)."""
        windows = codes.unfold(1, self.kernel, 1)
        offsets = self.codes * torch.arange(self.kernel, device=codes.device)
        rows = torch.where(windows > 0, windows + offsets, 0)
        sums = self.rows(rows.flatten(0, 1)).unflatten(0, windows.shape[:2])
        return (sums + self.bias).transpose(1, 2)


class WordCnnRnn(TrainedEncoder):
    """Three convolutions over words with ReLU, a max-pool behind the second, a recurrence, the mean of its states.

    Args:
        width: length of a sentence's vector.
        length: words read of a sentence, 9 or more.
        channels: of the three convolutions.
        hidden: width of the recurrence; 0: that of the last convolution, as in the paper.
        vocabulary: how many words it can learn; the most frequent ones of the captions.
    """

    unit = "words"

    def __init__(
        self,
        *,
        width: int = 1024,
        length: int = 30,
        channels: Sequence[int] = CHANNELS,
        hidden: int = 0,
        recurrence: Recurrence = Recurrence.RELU,
        vocabulary: int = 5_000,
    ):
        super().__init__(width)
        self.length, self.vocabulary, self.recurrence_kind = length, vocabulary, recurrence
        hidden = hidden or channels[-1]
        self.first = OneHotConvolution(vocabulary + 1, channels[0], KERNELS[0])
        self.second = nn.Conv1d(channels[0], channels[1], KERNELS[1])
        self.pool = nn.MaxPool1d(3, 3)
        self.third = nn.Conv1d(channels[1], channels[2], KERNELS[2])
        self.recurrence = build_recurrence(recurrence, channels[2], hidden)
        self.projection = nn.Linear(hidden, width)
        self.initialize(narrow=any(map(operator.lt, (*channels, hidden), (*CHANNELS, CHANNELS[-1]))))

    def learn_vocabulary(self, sentences: Iterable[str]) -> None:
        self.known.learn(sentences, self.vocabulary)

    def tokenize(self, sentences: Sequence[str]) -> Tokens:
        codes = self.known.codes(sentences, self.length)
        return Tokens(codes, codes > 0)

    def forward(self, tokens: Tokens) -> Encoded:
        """Codes (B, length), 0..vocabulary + 1 -> vector (B, width), sequence (B, steps, hidden)."""
        features = torch.relu(self.second(torch.relu(self.first(tokens.codes))))
        features = torch.relu(self.third(self.pool(features)))
        states: Tensor = self.recurrence(features.transpose(1, 2))
        seen = F.max_pool1d(tokens.mask[:, None].float(), KERNELS[0] + KERNELS[1] - 1, stride=1)
        seen = F.max_pool1d(self.pool(seen), KERNELS[2], stride=1)
        return Encoded(self.projection(states.mean(1)), states, seen[:, 0] > 0)

    def cut(self, sentence: str) -> str:
        return " ".join(characters.words(sentence)[self.length :])

    def extra_repr(self) -> str:
        return f"width={self.width}, length={self.length}, recurrence={self.recurrence_kind}"
