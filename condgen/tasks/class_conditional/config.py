"""Which pictures, networks and losses a game on labelled pictures has."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from condgen.adversarial.objectives import ENERGIES, ObjectiveName, objective
from condgen.conditioning.encoders import CodeSpace
from condgen.errors import refuse_below
from condgen.tasks.class_conditional.discriminator import Discriminator, Judging
from condgen.tasks.class_conditional.networks import (
    STEPS,
    DiscriminatorNorm,
    Generator,
    GeneratorConditioning,
    Trunk,
)


class Penalty(StrEnum):
    NONE = "none"
    WGAN_GP = "wgan_gp"
    R1 = "r1"


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """The arguments of `Generator`."""

    noise_channels: int = 64
    width: int = 64
    hidden: int = 0  # a dense layer in front; InfoGAN's for digits: 1024 (appendix C.1)
    conditioning: GeneratorConditioning = GeneratorConditioning.CONCAT
    residual: bool = False

    def __post_init__(self):
        if min(self.noise_channels, self.width) < 1 or self.hidden < 0:
            raise ValueError("noise_channels and width must be 1 or more, hidden 0 or more")


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """The arguments of `Trunk` and `Discriminator`."""

    width: int = 64
    hidden: int = 0  # a dense layer behind; InfoGAN's for digits: 1024
    judging: Judging = Judging.NONE
    norm: DiscriminatorNorm = DiscriminatorNorm.BATCH
    reference_size: int = 64  # for norm virtual_batch
    residual: bool = False
    dropout: float = 0.0
    minibatch_kernels: int = 0  # minibatch discrimination; the paper's 100
    autoencoder_code: int = 64  # for the objectives of energies
    energy_power: int = 1  # 1: absolute, 2: squared error

    def __post_init__(self):
        if (
            min(self.width, self.reference_size, self.autoencoder_code) < 1
            or min(self.minibatch_kernels, self.hidden) < 0
        ):
            raise ValueError(
                "width, reference_size, autoencoder_code must be 1 or more, minibatch_kernels and hidden 0 or more"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), got {self.dropout}")
        if self.energy_power not in (1, 2):
            raise ValueError(f"energy_power must be 1 or 2, got {self.energy_power}")


@dataclass(frozen=True, kw_only=True)
class CodesConfig:
    """Latent codes of InfoGAN (Chen et al., 2016, arXiv 1606.03657); none by default."""

    categorical: list[int] = field(default_factory=list)  # categories of each; the paper's for digits: [10]
    continuous: int = 0  # the paper's for digits: 2
    weight: float = 1.0  # lambda, of the bound on the mutual information
    continuous_weight: float = 1.0  # times lambda: the paper's "smaller lambda" for continuous codes (section 7)

    def __post_init__(self):
        for weight in (self.weight, self.continuous_weight):
            if not 0 < weight < float("inf"):
                raise ValueError(f"each weight of the codes must be above 0, got {weight}")

    @property
    def space(self) -> CodeSpace | None:
        if not self.categorical and not self.continuous:
            return None
        return CodeSpace(categorical=tuple(self.categorical), continuous=self.continuous)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Pictures, networks and losses."""

    size: int = 28  # pixels a side: 28, 32 or 64
    image_channels: int = 1
    classes: list[str] = field(default_factory=list)  # names of the labels; none: labels are not used at all
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    codes: CodesConfig = field(default_factory=CodesConfig)
    objective: ObjectiveName = ObjectiveName.NON_SATURATING
    margin: float = 0.3  # energy_based
    ratio: float = 0.5  # boundary_equilibrium
    balance_rate: float = 0.001  # boundary_equilibrium
    pi: float = 0.5  # task_specific
    penalty: Penalty = Penalty.NONE
    penalty_weight: float = 10.0
    critic_steps: int = 1  # updates of the discriminator for one of the generator; Wasserstein: 5
    class_weight: float = 1.0  # of the class losses of auxiliary_classifier and classes_and_fake
    generator_classifies: bool = True  # auxiliary_classifier: the generator minimises the class loss too

    def __post_init__(self):
        if self.size not in STEPS or self.image_channels not in (1, 3):
            raise ValueError(f"size must be one of {', '.join(map(str, STEPS))} and image_channels 1 or 3")
        if len(set(self.classes)) != len(self.classes) or len(self.classes) == 1:
            raise ValueError(f"classes must be two names or more, each once, got {self.classes}")
        refuse_below(self, 1, "critic_steps")
        refuse_below(self, 0, "penalty_weight", "class_weight")
        objective(self.objective, **self.objective_settings)  # says what is wrong with them
        self.codes.space  # noqa: B018  says what is wrong with it
        self._refuse_clashes()

    @property
    def conditional(self) -> bool:
        """Whether samples are made by label."""
        return self.discriminator.judging in (Judging.CONCAT, Judging.AUXILIARY_CLASSIFIER, Judging.PROJECTION)

    @property
    def objective_settings(self) -> dict[str, float]:
        """What the objective itself takes."""
        match self.objective:
            case ObjectiveName.ENERGY_BASED:
                return {"margin": self.margin}
            case ObjectiveName.BOUNDARY_EQUILIBRIUM:
                return {"ratio": self.ratio, "rate": self.balance_rate}
            case ObjectiveName.TASK_SPECIFIC:
                return {"pi": self.pi}
            case _:
                return {}

    def _refuse_clashes(self) -> None:
        judging, norm, energy = self.discriminator.judging, self.discriminator.norm, self.objective in ENERGIES
        if judging is not Judging.NONE and not self.classes:
            raise ValueError(f"judging {judging} needs the names of the labels in model.classes")
        if energy and judging not in (Judging.NONE, Judging.AUXILIARY_CLASSIFIER):
            raise ValueError(f"objective {self.objective} has energies, no logits: judging {judging} does not fit")
        rest = self.discriminator.minibatch_kernels or self.discriminator.hidden or self.penalty is not Penalty.NONE
        if energy and rest:
            raise ValueError(f"objective {self.objective} takes no minibatch_kernels, discriminator.hidden or penalty")
        if judging is Judging.CLASSES_AND_FAKE and self.objective is not ObjectiveName.NON_SATURATING:
            raise ValueError("judging classes_and_fake is a softmax with a fake class: set objective=non_saturating")
        batch_bound = norm in (DiscriminatorNorm.BATCH, DiscriminatorNorm.VIRTUAL_BATCH)
        if self.penalty is not Penalty.NONE and (batch_bound or self.discriminator.minibatch_kernels):
            raise ValueError(
                f"penalty {self.penalty} takes each sample to be judged alone: use norm none or spectral, and no "
                "minibatch_kernels"
            )


def build_generator(config: Config) -> Generator:
    """The generator of a config, with fresh weights."""
    options = dict(vars(config.generator))
    space = config.codes.space
    options["noise_channels"] += space.width if space else 0
    classes = len(config.classes) if config.conditional else 0
    return Generator(config.size, config.image_channels, classes=classes, **options)


def build_discriminator(config: Config) -> Discriminator:
    """The discriminator of a config, with fresh weights."""
    own, size, channels = config.discriminator, config.size, config.image_channels
    trunk = Trunk(
        size,
        channels + (len(config.classes) if own.judging is Judging.CONCAT else 0),
        width=own.width,
        norm=own.norm,
        reference_size=own.reference_size,
        residual=own.residual,
        dropout=own.dropout,
        hidden=own.hidden,
    )
    return Discriminator(
        trunk,
        size,
        channels,
        classes=len(config.classes),
        judging=own.judging,
        norm=own.norm,
        reference_size=own.reference_size,
        codes=config.codes.space,
        minibatch_kernels=own.minibatch_kernels,
        autoencoder_code=own.autoencoder_code if config.objective in ENERGIES else 0,
        autoencoder_width=own.width,
        energy_power=own.energy_power,
    )
