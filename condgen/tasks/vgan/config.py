"""Which clips, networks and losses a game on clips without sentences has."""

from __future__ import annotations

from dataclasses import dataclass, field

from condgen.adversarial.objectives import ENERGIES, ObjectiveName
from condgen.errors import refuse_below
from condgen.networks.blocks import Norm
from condgen.networks.two_stream import refuse_other_sizes
from condgen.tasks.vgan.networks import Discriminator, FirstFrameGenerator, Generator


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """The arguments of `Generator` and `FirstFrameGenerator`."""

    noise_channels: int = 100  # not used with a first frame
    width: int = 64  # with a first frame 128

    def __post_init__(self):
        if min(self.noise_channels, self.width) < 1:
            raise ValueError(f"noise_channels and width must be 1 or more, got {self.noise_channels} and {self.width}")


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """The arguments of `Discriminator`."""

    width: int = 64  # with a first frame 128
    norm: Norm = Norm.BATCH

    def __post_init__(self):
        refuse_below(self, 1, "width")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Clips, networks and losses. As it stands: networks and losses as published, without a first frame."""

    frames: int = 32  # T, a multiple of 16
    size: int = 64  # pixels a side, likewise
    stride: int = 0  # frames of the file from one to the next; 0: as far apart as fits
    first_frame: bool = False  # clips go on from a given first frame, without noise
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    objective: ObjectiveName = ObjectiveName.NON_SATURATING
    mask_weight: float = 0.1  # of the mask's mean, so that the background shows; 0 with a first frame
    first_frame_weight: float = 10.0  # of the mean absolute difference between the first frame and the given one
    r1_weight: float = 0.0  # of the gradient penalty at real clips; needs discriminator.norm none or instance
    r1_every: int = 8  # iterations

    def __post_init__(self):
        refuse_other_sizes(self.frames, self.size)
        if self.stride < 0:
            raise ValueError(f"stride must be 0 or more frames, got {self.stride}")
        refuse_below(self, 0, "mask_weight", "first_frame_weight", "r1_weight")
        refuse_below(self, 1, "r1_every")
        if self.objective in ENERGIES:
            raise ValueError(f"objective {self.objective} judges energies, and this discriminator gives logits")
        if self.r1_weight and self.discriminator.norm is Norm.BATCH:
            raise ValueError("r1_weight takes each clip to be judged alone: set discriminator.norm=none")


def build_generator(config: Config) -> Generator | FirstFrameGenerator:
    """The generator of a config, with fresh weights."""
    own, form = config.generator, {"frames": config.frames, "size": config.size}
    if config.first_frame:
        return FirstFrameGenerator(width=own.width, **form)
    return Generator(own.noise_channels, width=own.width, **form)


def build_discriminator(config: Config) -> Discriminator:
    """The discriminator of a config, with fresh weights."""
    return Discriminator(**vars(config.discriminator), frames=config.frames, size=config.size)
