"""What the two streams are told: a gist seen through the sentence's filters, or one of the baselines.

All are called (gist, condition) and give a vector (B, channels).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from condgen.conditioning.condition import Condition
from condgen.conditioning.text_filter import TextFilter, filtered
from condgen.networks.blocks import SLOPE, initialise
from condgen.networks.two_stream import DEVIATION, MULTIPLE, Trunk
from condgen.tasks.text_to_video.gist import compressed


class Text2Filter(nn.Module):
    """g_t = Enc(Conv(gist, f(t))): each gist is convolved with filters that its own sentence makes, then encoded.

    The paper makes f(t) by a transposed convolution of the sentence's code; from a map of 1x1 that is a linear layer.

    Args:
        text_width: length of the sentence's vector.
        text_code: what the sentence is compressed to before it makes filters.
        filters: how many.
        kernel: pixels a side of each, odd.
        width: channels of the encoder's first layer.
        code: length of g_t.
        size: pixels a side of the gist.
    """

    def __init__(
        self,
        text_width: int,
        *,
        text_code: int = 256,
        filters: int = 64,
        kernel: int = 5,
        width: int = 64,
        code: int = 256,
        size: int = 64,
    ):
        super().__init__()
        self.channels = code
        self.text = compressed(text_width, text_code)
        self.filter = TextFilter(text_code, 3, filters, (kernel, kernel))
        self.encode = gist_encoder(filters, width=width, code=code, size=size)

    def forward(self, gist: Tensor, condition: Condition) -> Tensor:
        """Gist (B, 3, S, S), condition.vector (B, text_width)."""
        bank = self.filter(self.text(condition.vector))
        return self.encode(filtered(gist, bank, bank.shape[-1] // 2)).flatten(1)


class GistBesideText(nn.Module):
    """GT2V: the gist encoded as it is, beside the sentence's code. Args: as of `Text2Filter`."""

    def __init__(self, text_width: int, *, text_code: int = 256, width: int = 64, code: int = 256, size: int = 64):
        super().__init__()
        self.channels = code + text_code
        self.text = compressed(text_width, text_code)
        self.encode = gist_encoder(3, width=width, code=code, size=size)

    def forward(self, gist: Tensor, condition: Condition) -> Tensor:
        """Gist (B, 3, S, S), condition.vector (B, text_width)."""
        return torch.cat([self.encode(gist).flatten(1), self.text(condition.vector)], dim=1)


class TextAlone(nn.Module):
    """DT2V and PT2V: the sentence's code, without a gist. Args: as of `Text2Filter`."""

    def __init__(self, text_width: int, *, text_code: int = 256):
        super().__init__()
        self.channels = text_code
        self.text = compressed(text_width, text_code)

    def forward(self, gist: None, condition: Condition) -> Tensor:
        """condition.vector (B, text_width)."""
        return self.text(condition.vector)


def gist_encoder(inputs: int, *, width: int, code: int, size: int) -> nn.Sequential:
    """(B, inputs, S, S) -> (B, code, 1, 1)."""
    trunk = Trunk(2, inputs, width=width)
    last = nn.Conv2d(trunk.channels, code, size // MULTIPLE)
    initialise(last, DEVIATION)
    return nn.Sequential(trunk, last, nn.LeakyReLU(SLOPE))
