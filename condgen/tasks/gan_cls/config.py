"""Which sentence encoder, networks and losses a game of sentences and pictures has."""

from __future__ import annotations

from dataclasses import dataclass, field

from condgen.adversarial.objectives import ENERGIES, ObjectiveName
from condgen.errors import refuse_below
from condgen.tasks.gan_cls.filtered import FilteredDiscriminator
from condgen.tasks.gan_cls.networks import SIZE, Discriminator, Generator, first_trunk
from condgen.tasks.gan_cls.second_stage import SECOND_SIZE, SecondGenerator, second_trunk
from condgen.text.encoder import TextConfig


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """The arguments of `Generator`."""

    noise_channels: int = 100
    text_code: int = 128
    width: int = 128  # 196 for COCO; 32 is enough for drawn shapes
    augmented: bool = False  # conditioning augmentation, as StackGAN has it in both stages

    def __post_init__(self):
        refuse_below(self, 1, "noise_channels", "text_code", "width")


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """The arguments of `first_trunk`, `Discriminator` and `FilteredDiscriminator`."""

    text_code: int = 128
    width: int = 64  # 196 for COCO
    third_activation: bool = True  # off: as the authors' script for GAN-CLS-INT
    text_norm: bool = True  # off: as their scripts for GAN-CLS and COCO
    text_filters: int = 0  # that a sentence makes for the features of 16x16, as in TFGAN (32); 0: none, as published

    def __post_init__(self):
        refuse_below(self, 1, "text_code", "width")
        if self.text_filters < 0:
            raise ValueError(f"text_filters must not be negative, got {self.text_filters}")


@dataclass(frozen=True, kw_only=True)
class SecondStageConfig:
    """The arguments of `SecondGenerator` and of its discriminator."""

    text_code: int = 128  # of both
    generator_width: int = 128
    residual_blocks: int = 4
    discriminator_width: int = 64

    def __post_init__(self):
        refuse_below(self, 1, "text_code", "generator_width", "residual_blocks", "discriminator_width")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Sentence encoder, networks and losses. As it stands: GAN-CLS-INT; with one weight at 0 GAN-INT or GAN-CLS, with
    both GAN.
    """

    text: TextConfig = field(default_factory=TextConfig)
    text_trained: bool = False  # the encoder learns with the discriminator; else it is taken from start_from as it is
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    second_stage: SecondStageConfig | None = None  # 256 pixels; the first stage is then frozen, taken from start_from
    objective: ObjectiveName = ObjectiveName.NON_SATURATING
    wrong_weight: float = 0.5  # CLS: of real pictures with a wrong sentence, among all that is to be rejected
    interpolation_weight: float = 1.0  # INT: of sentences between two
    interpolation: float = 0.5  # beta of eq. 5
    augmentation_weight: float = 2.0  # of the divergence, as in StackGAN's code

    def __post_init__(self):
        for name in ("wrong_weight", "interpolation"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in [0, 1], got {getattr(self, name)}")
        refuse_below(self, 0, "interpolation_weight", "augmentation_weight")
        if self.objective in ENERGIES:
            raise ValueError(f"objective {self.objective} judges energies, and this discriminator gives logits")
        if self.text_trained and self.text.fixed:
            raise ValueError(f"text_trained: a {self.text.kind} encoder is taken as it is; set another text.kind")
        if self.second_stage and self.text_trained:
            raise ValueError("text_trained belongs to the first stage: the second takes the sentence encoder as it is")

    @property
    def size(self) -> int:
        """Pixels a side."""
        return SECOND_SIZE if self.second_stage else SIZE


def build_generator(config: Config) -> Generator:
    """The first stage's generator, with fresh weights."""
    return Generator(config.text.width, **vars(config.generator))


def build_discriminator(config: Config) -> Discriminator | FilteredDiscriminator:
    """The first stage's discriminator, with fresh weights."""
    own = config.discriminator
    if own.text_filters:
        return FilteredDiscriminator(
            config.text.width,
            text_code=own.text_code,
            text_norm=own.text_norm,
            width=own.width,
            third_activation=own.third_activation,
            filters=own.text_filters,
        )
    trunk, channels = first_trunk(own.width, third_activation=own.third_activation)
    return Discriminator(trunk, channels, config.text.width, text_code=own.text_code, text_norm=own.text_norm)


def build_second_generator(config: Config) -> SecondGenerator:
    """The second stage's generator, with fresh weights."""
    own = config.second_stage
    return SecondGenerator(
        config.text.width, text_code=own.text_code, width=own.generator_width, blocks=own.residual_blocks
    )


def build_second_discriminator(config: Config) -> Discriminator:
    """The second stage's discriminator, with fresh weights."""
    own = config.second_stage
    trunk, channels = second_trunk(own.discriminator_width)
    return Discriminator(trunk, channels, config.text.width, text_code=own.text_code, text_norm=False)
