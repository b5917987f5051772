"""Which sentence encoder, networks and losses a game of sentences and clips has."""

from __future__ import annotations

from dataclasses import dataclass, field

from condgen.errors import refuse_below
from condgen.tasks.tfgan.discriminators import Discriminator, clip_discriminator, frame_discriminator
from condgen.tasks.tfgan.networks import Generator
from condgen.tasks.tfgan.text_towers import FEWEST_STEPS, TextFilters, TextTowers
from condgen.text.encoder import EncoderKind, SentenceEncoder, TextConfig
from condgen.text.word_vectors import LENGTH

SIZES, FRAMES = (32, 64, 128), (4, 8, 16)
"""That the discriminators' averages end well for."""


@dataclass(frozen=True, kw_only=True)
class TowersConfig:
    """The arguments of `TextTowers`."""

    channels: list[int] = field(default_factory=lambda: [512, 512, 256])  # the last is the sentence's code
    steps: int = 16  # states of the encoder that are read

    def __post_init__(self):
        if len(self.channels) != 3 or min(self.channels) < 1:
            raise ValueError(f"channels takes three widths, got {self.channels}")
        if self.steps < FEWEST_STEPS:
            raise ValueError(f"steps must be {FEWEST_STEPS} or more, got {self.steps}")


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """The arguments of `Generator`."""

    noise_channels: int = 256
    width: int = 32

    def __post_init__(self):
        refuse_below(self, 1, "noise_channels", "width")


@dataclass(frozen=True, kw_only=True)
class FrameDiscriminatorConfig:
    """The arguments of `frame_discriminator`, and what it is shown."""

    width: int = 32
    outputs: int = 128
    frames_judged: int = 0  # random ones of each clip, real and drawn; 0: all, as published. Its work falls in
    # proportion, and neighbours say nearly the same (8 in DVD-GAN: Clark et al., 2019, arXiv 1907.06571)
    r1_summed: bool = True  # over the frames of a clip, as published; else their mean, T times weaker: a small
    # discriminator is then free to see shapes

    def __post_init__(self):
        refuse_below(self, 1, "width", "outputs")
        if self.frames_judged < 0:
            raise ValueError(f"frames_judged must be 0 or more, got {self.frames_judged}")


@dataclass(frozen=True, kw_only=True)
class ClipDiscriminatorConfig:
    """The arguments of `clip_discriminator`, and what it is shown."""

    width: int = 32
    outputs: int = 128
    reduction: int = 1  # it judges means over squares of so many pixels a side; 1: all pixels, as published. With 2 its
    # work is a quarter, and what it is for, motion, is still seen (DVD-GAN, section 3.2)

    def __post_init__(self):
        refuse_below(self, 1, "width", "outputs", "reduction")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Sentence encoder, networks and losses. As it stands: TFGAN as published, for 16 frames of 64 pixels."""

    text: TextConfig = field(default_factory=lambda: TextConfig(kind=EncoderKind.WORD_VECTORS, width=300))
    towers: TowersConfig = field(default_factory=TowersConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    frame_discriminator: FrameDiscriminatorConfig = field(default_factory=FrameDiscriminatorConfig)
    clip_discriminator: ClipDiscriminatorConfig = field(default_factory=ClipDiscriminatorConfig)
    filters: bool = True  # off: the sentence joins the features at the end alone, the paper's baseline
    filter_channels: int = 32  # that they take and give
    filter_kernel: int = 5
    size: int = 64  # pixels a side
    frames: int = 16  # of a clip in training
    stride: int = 0  # frames of the file from one to the next; 0: as far apart as fits, so that they span the
    # clip whatever its length, as published
    wrong_weight: float = 0.5  # of real clips with a wrong sentence, among all that is to be rejected
    r1_weight: float = 10.0  # of E ||grad D||^2, without the usual 1/2
    r1_every: int = 1  # iterations; 16 costs little and does the same (Karras et al., 2020, arXiv 1912.04958)

    def __post_init__(self):
        for name, allowed in (("size", SIZES), ("frames", FRAMES)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(map(str, allowed))}, got {getattr(self, name)}")
        if self.stride < 0:
            raise ValueError(f"stride must be 0 or more frames, got {self.stride}")
        if self.filter_channels < 2 or self.filter_channels % 2:
            raise ValueError(f"filter_channels must be even, half from each head, got {self.filter_channels}")
        if self.filter_kernel < 1 or self.filter_kernel % 2 == 0:
            raise ValueError(f"filter_kernel must be odd, got {self.filter_kernel}")
        if not 0 <= self.wrong_weight <= 1:
            raise ValueError(f"wrong_weight must lie in [0, 1], got {self.wrong_weight}")
        refuse_below(self, 0, "r1_weight")
        refuse_below(self, 1, "r1_every")
        if self.frame_discriminator.frames_judged > self.frames:
            raise ValueError(f"frame_discriminator.frames_judged must be {self.frames} or less, the frames of a clip")
        reduction = self.clip_discriminator.reduction
        if self.size % reduction or self.size // reduction not in SIZES:
            raise ValueError(f"clip_discriminator.reduction={reduction} leaves no clip of {SIZES[0]} pixels or more")
        if self.text.kind is EncoderKind.WORD_VECTORS and (self.text.length or LENGTH) > self.towers.steps:
            raise ValueError(f"text.length must be towers.steps={self.towers.steps} or less: no more words are read")


def build_towers(config: Config, encoder: SentenceEncoder) -> TextTowers:
    """The towers over the sentence encoder's states, with fresh weights."""
    return TextTowers(encoder.state_width, config.towers.channels, config.towers.steps)


def build_filters(config: Config, towers: TextTowers) -> TextFilters:
    """The heads that make the discriminators' filters, with fresh weights."""
    return TextFilters(towers.content, config.filter_channels, config.filter_kernel)


def build_generator(config: Config) -> Generator:
    """The generator, with fresh weights."""
    code = config.towers.channels[-1]
    return Generator(code, code, **vars(config.generator), size=config.size)


def build_frame_discriminator(config: Config) -> Discriminator:
    """That of frames, with fresh weights."""
    own = config.frame_discriminator
    return frame_discriminator(width=own.width, outputs=own.outputs, size=config.size, **_told(config))


def build_clip_discriminator(config: Config) -> Discriminator:
    """That of clips, with fresh weights."""
    own, size = config.clip_discriminator, config.size // config.clip_discriminator.reduction
    return clip_discriminator(width=own.width, outputs=own.outputs, size=size, frames=config.frames, **_told(config))


def _told(config: Config) -> dict[str, int]:
    """What both discriminators must know of the sentence's part."""
    return {
        "sentence_width": config.towers.channels[-1],
        "filter_channels": config.filter_channels if config.filters else 0,
        "kernel": config.filter_kernel,
    }
