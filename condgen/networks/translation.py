"""Configs of the networks that translate one domain into another, and what is built from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from torch import Tensor, nn

from condgen.adversarial.diversity import paired_feature_matching
from condgen.adversarial.objectives import refuse_misuse
from condgen.adversarial.penalties import with_spectral_norm
from condgen.data.translation_images import SMALLEST_CROP
from condgen.networks.blocks import Norm, Upsampling, initialise
from condgen.networks.patch_discriminator import MultiScaleDiscriminator, PatchDiscriminator
from condgen.networks.resnet_generator import ResNetGenerator
from condgen.networks.unet_generator import UNetGenerator

if TYPE_CHECKING:
    from condgen.config import RunConfig

Generator = ResNetGenerator | UNetGenerator
Discriminator = PatchDiscriminator | MultiScaleDiscriminator


class Architecture(StrEnum):
    RESNET = "resnet"
    UNET = "unet"


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """A generator; the defaults are CycleGAN's for 256 pixels."""

    architecture: Architecture = Architecture.RESNET
    channels: int = 64  # of the first layer
    blocks: int = 9  # residual ones, of a ResNet; 6 for 128 pixels
    levels: int = 8  # of a U-Net; 7 for 128 pixels
    norm: Norm = Norm.INSTANCE
    dropout: bool = False
    upsampling: Upsampling = Upsampling.TRANSPOSED
    dimensions: int = 2  # 1 for frames of sound, 2 for pictures

    def __post_init__(self):
        if self.channels < 1 or self.blocks < 0:
            raise ValueError(f"channels must be 1 or more and blocks 0 or more, got {self.channels} and {self.blocks}")
        if self.levels < 2:
            raise ValueError(f"levels must be 2 or more, got {self.levels}")
        if self.dimensions not in (1, 2):
            raise ValueError(f"dimensions must be 1 or 2, got {self.dimensions}")


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """PatchGAN; the defaults are CycleGAN's, 70x70."""

    channels: int = 64  # of the first layer
    layers: int = 3  # that halve the size; 0: every pixel alone
    norm: Norm = Norm.INSTANCE
    scales: int = 1  # discriminators, each at half the size of the one before (Wang et al., 2018)
    spectral_norm: bool = False  # Miyato et al., 2018; goes with norm=none

    def __post_init__(self):
        if self.channels < 1 or self.layers < 0 or self.scales < 1:
            raise ValueError(
                f"channels and scales must be 1 or more and layers 0 or more, got {self.channels}, {self.scales} and "
                f"{self.layers}"
            )


def build_generator(config: GeneratorConfig, input_channels: int, output_channels: int) -> Generator:
    """A generator with fresh weights."""
    shared = {
        "channels": config.channels,
        "norm": config.norm,
        "dropout": config.dropout,
        "upsampling_form": config.upsampling,
        "dimensions": config.dimensions,
    }
    match config.architecture:
        case Architecture.RESNET:
            generator = ResNetGenerator(input_channels, output_channels, blocks=config.blocks, **shared)
        case Architecture.UNET:
            generator = UNetGenerator(input_channels, output_channels, levels=config.levels, **shared)
    initialise(generator)
    return generator


def build_discriminator(config: DiscriminatorConfig, input_channels: int, dimensions: int = 2) -> Discriminator:
    """A discriminator with fresh weights; `input_channels` counts those of the condition too."""
    arguments = {
        "input_channels": input_channels,
        "channels": config.channels,
        "layers": config.layers,
        "norm": config.norm,
        "dimensions": dimensions,
    }
    if config.scales == 1:
        discriminator = PatchDiscriminator(**arguments)
    else:
        discriminator = MultiScaleDiscriminator(config.scales, **arguments)
    initialise(discriminator)
    if config.spectral_norm:
        with_spectral_norm(discriminator)
    return discriminator


def smallest_side(config: DiscriminatorConfig) -> int:
    """A side that every scale can judge, with more than one value a channel before each norm."""
    return (3 if config.layers else 2) * 2 ** (config.layers + config.scales - 1)


def multiple_of(config: GeneratorConfig) -> int:
    """What every spatial size must be a multiple of."""
    return 2**config.levels if config.architecture is Architecture.UNET else 4


def refuse_contradictions(config: RunConfig) -> None:
    """Raise ValueError where parts of a run's config contradict one another, in what all translations share."""
    model = config.model
    refuse_misuse(
        model.objective,
        energies=False,
        lipschitz=model.discriminator.spectral_norm or bool(config.optimizers["discriminator"].weight_clip),
        micro_batches=config.trainer.micro_batches,
    )
    refuse_crop(model.crop, model.generator, model.discriminator)


def refuse_small_pictures(crop: int, resize: int) -> None:
    """Raise ValueError where pictures are made smaller than the crop."""
    if resize and resize < crop:
        raise ValueError(f"data.resize {resize} is smaller than model.crop {crop}")


def refuse_crop(crop: int, generator: GeneratorConfig, discriminator: DiscriminatorConfig) -> None:
    """Raise ValueError for training crops that a network cannot take."""
    multiple = multiple_of(generator)
    if crop < 1 or crop % multiple:
        smaller = ", or take fewer generator.levels" if generator.architecture is Architecture.UNET else ""
        raise ValueError(f"model.crop {crop} must be a multiple of {multiple} for this generator{smaller}")
    least = max(SMALLEST_CROP, smallest_side(discriminator))
    if crop < least:
        raise ValueError(f"model.crop {crop} is too small for this discriminator: {least} or more, or fewer layers")


def logits_of(maps: Sequence) -> Tensor | list[Tensor]:
    """The logits at the end of what `feature_maps` gave, of one discriminator or of each scale."""
    return [of_scale[-1] for of_scale in maps] if isinstance(maps[0], list) else maps[-1]


def matched_features(real: Sequence, fake: Sequence) -> Tensor:
    """`paired_feature_matching` over the maps of one discriminator or of several scales, without the logits.

    Args:
        real, fake: what `feature_maps` gave for the targets and for the fakes.
    """
    several = isinstance(real[0], list)
    pairs = zip(real, fake, strict=True) if several else [(real, fake)]
    return sum(paired_feature_matching(r[:-1], f[:-1]) for r, f in pairs)


def is_independent_of_batch(network: nn.Module) -> bool:
    """Whether samples can be put into one batch without a change of their outputs: there is no batch norm."""
    return not any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in network.modules())
