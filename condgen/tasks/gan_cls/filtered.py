"""A discriminator that also looks for the sentence inside the picture: filters made of it (Balaji et al., IJCAI 2019).

The paper (TFGAN) has them for clips. Here one stage of theirs stands beside the published network, off by default.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from condgen.conditioning.condition import Condition
from condgen.conditioning.injection import concat_replicated
from condgen.conditioning.text_filter import TextFilter, filtered
from condgen.networks.blocks import SLOPE, initialise
from condgen.tasks.gan_cls.networks import SentenceJudge, first_trunk

_KERNEL = 5  # TFGAN's
_SPLIT = 5  # layers of the trunk before it has 16x16 features


class Seen(NamedTuple):
    """B pictures at two depths."""

    middle: Tensor  # (B, 2 * width, 16, 16)
    last: Tensor  # (B, 8 * width, 4, 4)


class FilteredDiscriminator(nn.Module):
    """`Discriminator` of 64 pixels whose judge also filters the features of 16x16; 7,339,425 parameters.

    Args:
        text_width, text_code, text_norm: as of `Discriminator`.
        width, third_activation: as of `first_trunk`.
        filters: how many the sentence makes, each over as many channels; TFGAN's 32.
    """

    def __init__(
        self,
        text_width: int = 1024,
        *,
        text_code: int = 128,
        text_norm: bool = True,
        width: int = 64,
        third_activation: bool = True,
        filters: int = 32,
    ):
        super().__init__()
        self.trunk = _Depths(width, third_activation=third_activation)
        self.judge = FilteredJudge(width, text_width, text_code=text_code, text_norm=text_norm, filters=filters)
        initialise(self)

    def forward(self, images: Tensor, condition: Condition) -> Tensor:
        """(B, 3, 64, 64) in [-1, 1] and condition.vector (B, text_width) -> logits (B,)."""
        return self.judge(self.trunk(images), condition)


class FilteredJudge(SentenceJudge):
    """`SentenceJudge`, and what the sentence's filters find, pooled to the 4x4 places of the last layer.

    That layer is linear, so that a sum of two logits is what it makes of both kinds of features joined. A norm behind
    the filters makes their scale, and so that of the sentence's vectors, not matter.
    """

    def __init__(self, width: int, text_width: int, *, text_code: int, text_norm: bool, filters: int):
        super().__init__(8 * width, text_width, text_code=text_code, text_norm=text_norm)
        self.reduce = nn.Conv2d(2 * width, filters, 1)
        self.bank = TextFilter(text_code, filters, filters, (_KERNEL, _KERNEL))
        self.found = nn.Sequential(
            nn.BatchNorm2d(filters), nn.LeakyReLU(SLOPE), nn.AvgPool2d(4), nn.Conv2d(filters, 1, 4, bias=False)
        )

    def forward(self, seen: Seen, condition: Condition) -> Tensor:
        """Features of both depths and condition.vector (B, text_width) -> logits (B,)."""
        text = self.text(condition.vector)
        found = self.found(filtered(self.reduce(seen.middle), self.bank(text), padding=_KERNEL // 2))
        return (self.layers(concat_replicated(seen.last, text)) + found).flatten()


class _Depths(nn.Module):
    def __init__(self, width: int, *, third_activation: bool):
        super().__init__()
        whole, _ = first_trunk(width, third_activation=third_activation)
        self.first, self.second = whole[:_SPLIT], whole[_SPLIT:]

    def forward(self, images: Tensor) -> Seen:
        middle = self.first(images)
        return Seen(middle, self.second(middle))
