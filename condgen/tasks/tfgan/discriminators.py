"""TFGAN's discriminators, of frames and of clips: at two depths they look through filters that the sentence makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condgen.conditioning.text_filter import filtered
from condgen.networks.blocks import SLOPE
from condgen.tasks.tfgan.networks import CONVOLUTIONS, Residual, initialise
from condgen.tasks.tfgan.text_towers import Told


class Window(NamedTuple):
    """Of an average, along one axis."""

    kernel: int
    stride: int
    padding: int = 0


HALF, WHOLE = Window(3, 2, 1), Window(1, 1)


class Average(nn.Module):
    """Average pooling, over space and then over time.

    Equal to `F.avg_pool3d`, which on the CPU has no bf16 and loses the layout. Here clips, and their gradients, leave
    channels last: of another layout, `F.avg_pool2d` takes five times as long to go back.
    """

    def __init__(self, space: Window, time: Window = WHOLE):
        super().__init__()
        self.space, self.time = space, time

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) or (N, C, T, H, W)."""
        if features.ndim == 4:
            return F.avg_pool2d(features, *self.space)
        clips = features.permute(0, 2, 3, 4, 1)  # as they lie in memory
        if self.space != WHOLE:
            frames = F.avg_pool2d(clips.flatten(0, 1).permute(0, 3, 1, 2), *self.space)
            clips = frames.permute(0, 2, 3, 1).unflatten(0, clips.shape[:2])
        if self.time != WHOLE:  # over a picture of one column: its rows are frames, its channels all their values
            rows = clips.flatten(2)[:, :, None].permute(0, 3, 1, 2)
            kernel, stride, padding = self.time
            rows = F.avg_pool2d(rows, (kernel, 1), (stride, 1), (padding, 0))
            clips = rows.permute(0, 2, 3, 1).reshape(len(clips), -1, *clips.shape[2:])
        return clips.permute(0, 4, 1, 2, 3)


class Features(NamedTuple):
    """What a discriminator has seen of N samples before it is told of a sentence."""

    seen: tuple[Tensor, ...]  # (N, channels, *spatial), what its text stages look at
    last: Tensor  # (N, width)


class TextStage(nn.Module):
    """Features seen through a sentence's filters, down to one vector.

    Args:
        dimensions: 2 for frames, 3 for clips.
        padding: of the filters, one for each of their dimensions.
        pools: the averages behind the filters and behind the convolution; they leave 2x2 pixels.
    """

    def __init__(
        self, dimensions: int, channels: int, outputs: int, *, padding: Sequence[int], pools: tuple[Average, Average]
    ):
        super().__init__()
        self.padding = tuple(padding)
        self.first_pool, self.second_pool = pools
        self.convolution = CONVOLUTIONS[dimensions](channels, channels, 3, padding=1)
        self.read = CONVOLUTIONS[dimensions](channels, outputs, (1, 2, 2)[-dimensions:])

    def forward(self, features: Tensor, filters: Tensor) -> Tensor:
        """(N, channels, *spatial), bank (B, channels, channels, *kernel) -> (N, outputs).

        N is a multiple of B: the frames of a clip follow one another, and share its filters.
        """
        if features.ndim == 4:
            clips = features.unflatten(0, (len(filters), -1)).transpose(1, 2)
            found = filtered(clips, filters[:, :, :, None], (0, *self.padding)).transpose(1, 2).flatten(0, 1)
        else:
            found = filtered(features, filters, self.padding)
        found = torch.relu(self.convolution(self.first_pool(found)))
        return self.read(self.second_pool(found)).flatten(1)


class Discriminator(nn.Module):
    """How real samples are, and how well they fit their sentences; one logit each.

    A task that judges samples with two sentences calls `trunk` once and `judge` with both.

    Args:
        parts: of the trunk: up to the first text stage, from there to the second, and from there to the end.
        reductions: 1x1 convolutions to what the stages look at; none and no stages: the sentence is heard at the end
            alone, the paper's baseline of simple concatenation.
        stages: of the sentence's filters.
        features: numbers that the trunk ends in.
        sentence_width: of the sentence's code.
        outputs: of each stage, the last one without filters included.
    """

    def __init__(
        self,
        parts: Sequence[nn.Module],
        reductions: Sequence[nn.Module],
        stages: Sequence[TextStage],
        *,
        features: int,
        sentence_width: int,
        outputs: int,
    ):
        super().__init__()
        self.parts, self.reductions, self.stages = (nn.ModuleList(one) for one in (parts, reductions, stages))
        self.last_stage = nn.Linear(features + sentence_width, outputs)
        self.logit = nn.Linear((len(stages) + 1) * outputs, 1)
        initialise(self)

    def forward(self, samples: Tensor, told: Told) -> Tensor:
        """Frames (N, 3, S, S) or clips (N, 3, T, S, S) in [-1, 1], N a multiple of B -> logits (N,)."""
        return self.judge(self.trunk(samples), told)

    def trunk(self, samples: Tensor) -> Features:
        """What does not depend on the sentence."""
        seen = []
        for depth, part in enumerate(self.parts):
            samples = part(samples)
            if depth < len(self.reductions):
                seen.append(self.reductions[depth](samples))
        return Features(tuple(seen), samples.flatten(1))

    def judge(self, features: Features, told: Told) -> Tensor:
        """Features of N samples, sentences of B clips -> logits (N,)."""
        vector = told.vector.repeat_interleave(len(features.last) // len(told.vector), dim=0)
        joined = torch.cat([features.last, vector.to(features.last.dtype)], dim=1)
        found = [stage(*pair) for stage, *pair in zip(self.stages, features.seen, told.banks, strict=True)]
        found.append(self.last_stage(F.leaky_relu(joined, SLOPE)))
        return self.logit(F.leaky_relu(torch.cat(found, dim=1), SLOPE))[:, 0]


def frame_discriminator(
    *,
    size: int = 64,
    width: int = 32,
    sentence_width: int = 256,
    filter_channels: int = 32,
    kernel: int = 5,
    outputs: int = 128,
) -> Discriminator:
    """That of single frames; 1,540,801 parameters as published.

    Args:
        size: pixels a side: 32, 64 or 128.
        width: channels of the first layer; the authors' nf.
        sentence_width, outputs: as of `Discriminator`.
        filter_channels: that the sentence's filters take and give; 0: there are no filters.
        kernel: of the filters.
    """
    half = Average(HALF)
    pools = (Average(Window(4, 4)), _rest(size // 8)), (Average(Window(2, 2)), _rest(size // 16))
    padding = (kernel // 2, kernel // 2)
    return _assembled(
        _trunk(2, width, (half, half, half, half, half)),
        _stages(2, filter_channels, outputs, ((padding, pools[0]), (padding, pools[1]))),
        features=8 * width * (size // 32) ** 2,
        sentence_width=sentence_width,
        outputs=outputs,
    )


def clip_discriminator(
    *,
    size: int = 64,
    frames: int = 16,
    width: int = 32,
    sentence_width: int = 256,
    filter_channels: int = 32,
    kernel: int = 5,
    outputs: int = 128,
) -> Discriminator:
    """That of whole clips; 4,123,009 parameters as published. Args: as of `frame_discriminator`; 4, 8 or 16 frames."""
    half, still = Average(HALF, HALF), Average(HALF)
    end = Average(HALF, Window(2 if frames >= 16 else 1, 2))
    pools = (
        (Average(Window(4, 4), Window(2, 2)), _rest(size // 8, frames // 4)),
        (Average(Window(2, 2), Window(2, 2)), _rest(size // 16, min(2, frames // 4))),
    )
    side = kernel // 2
    # in the second stage two frames more come out than go in, as in the authors' code
    padding = (1, side, side), (2, side, side)
    return _assembled(
        _trunk(3, width, (half, still, half, half, end)),
        _stages(3, filter_channels, outputs, tuple(zip(padding, pools, strict=True))),
        features=8 * width * (size // 32) ** 2,
        sentence_width=sentence_width,
        outputs=outputs,
    )


def _rest(side: int, frames: int = 1) -> Average:
    """From `side` pixels to 2, and from `frames` to one."""
    return Average(Window(side // 2, side // 2), Window(frames, frames))


def _trunk(dimensions: int, width: int, halves: Sequence[Average]) -> list[nn.Module]:
    """Its three parts. Args: `halves`, the averages between the blocks."""
    entry = CONVOLUTIONS[dimensions](3, width, 3, padding=1)
    first, second, third, fourth, fifth = halves
    block = [Residual(dimensions, a * width, b * width) for a, b in ((1, 2), (2, 4), (4, 4), (4, 4), (4, 8), (8, 8))]
    return [
        nn.Sequential(entry, block[0], first, block[1]),
        nn.Sequential(second, block[2], third, block[3]),
        nn.Sequential(fourth, block[4], fifth, block[5]),
    ]


def _stages(
    dimensions: int, channels: int, outputs: int, shapes: Sequence[tuple[Sequence[int], tuple[Average, Average]]]
) -> list[TextStage]:
    """Args: `shapes`, padding and pools of each."""
    if not channels:
        return []
    return [TextStage(dimensions, channels, outputs, padding=padding, pools=pools) for padding, pools in shapes]


def _assembled(parts: list[nn.Module], stages: list[TextStage], **widths: int) -> Discriminator:
    reductions = []
    for stage, part in zip(stages, parts, strict=False):
        kind, channels = type(stage.convolution), stage.convolution.in_channels
        reductions.append(kind(part[-1].convolution.out_channels, channels, 1))
    return Discriminator(parts, reductions, stages, **widths)
