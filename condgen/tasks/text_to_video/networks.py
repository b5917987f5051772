"""The generator and the discriminator of Li et al. (2018, arXiv 1710.00421), on VGAN's streams and trunk.

The paper leaves most sizes to an appendix; those here are ours, after DCGAN and VGAN.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from condgen.conditioning.condition import Condition
from condgen.conditioning.injection import concat_replicated, concat_vector
from condgen.networks.blocks import SLOPE, Norm, normalisation
from condgen.networks.two_stream import MULTIPLE, Scene, Trunk, TwoStream, draw_weights
from condgen.tasks.text_to_video.gist import GistGenerator, compressed
from condgen.tasks.text_to_video.text2filter import GistBesideText, Text2Filter, TextAlone


class Noise(NamedTuple):
    """What of a clip is left to chance."""

    gist: Tensor  # (B, Z): which background and layout; Z = 0 without a gist
    motion: Tensor  # (B, N)


class Drawn(NamedTuple):
    """What the generator makes of B sentences."""

    scene: Scene
    gist: Tensor | None  # (B, 3, S, S) in [-1, 1], fp32; None without


class Generator(nn.Module):
    """Sentences and noise to clips.

    Args:
        gist: paints what the reader sees; None: it sees the sentence alone.
        reader: gist and sentence to the vector that the streams start from, beside the noise.
        motion_channels: of that noise.
        width, frames, size: as of `TwoStream`.
        gist_detached: what is lost with a clip does not change how gists are painted; the paper trains end to end.
    """

    def __init__(
        self,
        gist: GistGenerator | None,
        reader: Text2Filter | GistBesideText | TextAlone,
        *,
        motion_channels: int = 100,
        width: int = 64,
        frames: int = 32,
        size: int = 64,
        gist_detached: bool = False,
    ):
        super().__init__()
        self.gist, self.reader, self.gist_detached = gist, reader, gist_detached
        self.streams = TwoStream(reader.channels + motion_channels, width=width, frames=frames, size=size)

    def forward(self, noise: Noise, condition: Condition) -> Drawn:
        """condition.vector (B, text_width)."""
        gist = None if self.gist is None else self.gist(noise.gist, condition)
        seen = gist.detach() if self.gist_detached and gist is not None else gist
        return Drawn(self.streams(concat_vector(noise.motion, self.reader(seen, condition))), gist)


class Discriminator(nn.Module):
    """How real a clip is, and how well it fits a sentence, in one logit.

    A task that judges a clip with two sentences calls `trunk` once and `judge` twice.

    Args:
        text_width: length of the sentence's vector.
        text_code: what it is compressed to.
        width: channels of the first layer.
        norm: of the trunk, and before the logit.
    """

    def __init__(
        self,
        text_width: int,
        *,
        text_code: int = 256,
        width: int = 64,
        frames: int = 32,
        size: int = 64,
        norm: Norm = Norm.BATCH,
    ):
        super().__init__()
        self.trunk = Trunk(3, width=width, norm=norm)
        smallest = (frames // MULTIPLE, size // MULTIPLE, size // MULTIPLE)
        self.judge = SentenceJudge(self.trunk.channels, text_width, text_code=text_code, kernel=smallest, norm=norm)

    def forward(self, clip: Tensor, condition: Condition) -> Tensor:
        """(B, 3, T, S, S) in [-1, 1] and condition.vector (B, text_width) -> logits (B,)."""
        return self.judge(self.trunk(clip), condition)


class SentenceJudge(nn.Module):
    """Features and a sentence, joined at every position, to a logit (Reed et al., 2016, in three dimensions).

    Args: as of `Discriminator`, and
        channels: of the features.
        kernel: their frames, rows and columns.
    """

    def __init__(self, channels: int, text_width: int, *, text_code: int, kernel: tuple[int, int, int], norm: Norm):
        super().__init__()
        self.text = compressed(text_width, text_code)
        joined = nn.Conv3d(channels + text_code, channels, 1)
        self.layers = nn.Sequential(
            joined, *normalisation(norm, 3, channels), nn.LeakyReLU(SLOPE), nn.Conv3d(channels, 1, kernel)
        )
        draw_weights(self.layers, norm)

    def forward(self, features: Tensor, condition: Condition) -> Tensor:
        """(B, channels, T/16, S/16, S/16) and condition.vector (B, text_width) -> logits (B,)."""
        return self.layers(concat_replicated(features, self.text(condition.vector))).flatten()
