"""Which sentence encoder, networks and losses a game of sentences and clips has."""

from __future__ import annotations

from dataclasses import dataclass, field

from condgen.adversarial.objectives import ENERGIES, ObjectiveName
from condgen.errors import refuse_below
from condgen.networks.blocks import Norm
from condgen.networks.two_stream import refuse_other_sizes
from condgen.tasks.text_to_video.gist import GistEncoder, GistGenerator
from condgen.tasks.text_to_video.networks import Discriminator, Generator
from condgen.tasks.text_to_video.text2filter import GistBesideText, Text2Filter, TextAlone
from condgen.text.encoder import TextConfig


@dataclass(frozen=True, kw_only=True)
class GistConfig:
    """The arguments of `GistGenerator` and `GistEncoder`."""

    code: int = 100
    text_code: int = 256
    width: int = 64

    def __post_init__(self):
        refuse_below(self, 1, "code", "text_code", "width")


@dataclass(frozen=True, kw_only=True)
class ReaderConfig:
    """The arguments of `Text2Filter`, and of the baselines in its place."""

    text_code: int = 256
    filters: int = 64
    kernel: int = 5  # pixels a side, odd
    width: int = 64
    code: int = 256  # length of what is read

    def __post_init__(self):
        refuse_below(self, 1, "text_code", "filters", "kernel", "width", "code")
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, got {self.kernel}")


@dataclass(frozen=True, kw_only=True)
class StreamsConfig:
    """Noise and width of `TwoStream`."""

    motion_channels: int = 100
    width: int = 64

    def __post_init__(self):
        refuse_below(self, 1, "motion_channels", "width")


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """The arguments of `Discriminator`."""

    text_code: int = 256
    width: int = 64
    norm: Norm = Norm.BATCH

    def __post_init__(self):
        refuse_below(self, 1, "text_code", "width")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Sentence encoder, networks and losses. As it stands: the paper's T2V.

    Its ablations: GT2V with text_filter=false; PT2V with gist=false text_filter=false; DT2V with these and
    wrong_weight=0.
    """

    frames: int = 32  # T, a multiple of 16
    size: int = 64  # pixels a side, likewise
    stride: int = 0  # frames of the file from one to the next; 0: as far apart as fits
    text: TextConfig = field(default_factory=TextConfig)
    text_trained: bool = False  # the encoder learns with the discriminator; else it is taken as it is
    gist: bool = True  # a picture of background and layout is painted first
    text_filter: bool = True  # it is read through the sentence's filters; else as it is, beside the sentence
    gist_detached: bool = False  # clips' losses do not reach the gist generator; the paper trains end to end
    gist_generator: GistConfig = field(default_factory=GistConfig)
    reader: ReaderConfig = field(default_factory=ReaderConfig)
    streams: StreamsConfig = field(default_factory=StreamsConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    objective: ObjectiveName = ObjectiveName.NON_SATURATING
    wrong_weight: float = 0.5  # of real clips with a wrong sentence, among all that is to be rejected
    gist_weight: float = 1.0  # gamma_1, of the gist's squared error and divergence
    divergence_weight: float = 1.0  # of the divergence, in nats a value of the picture: 2 variances of p(gist | z, t),
    # so 1 is the bound for a variance of 1/2. Lower where it falls to 0: the code is then not used
    reconstruction_weight: float = 0.1  # gamma_3, of clips made from the true one's gist code; none without a gist
    reconstruction_squared: bool = False  # by squared errors; absolute ones of a small object whose place is not known
    # are least where there is none
    reconstruction_alone: bool = False  # no discriminator plays: a stage to start the game from
    background_weight: float = 0.0  # of the background's error from each pixel's median over the true clip: without it
    # the two streams may come exchanged, the still one with what moves. None without a gist; not published
    prior_share: float = 0.5  # of clips from a gist of N(0, I), as at inference; the others: of the true gist's code
    mask_weight: float = 0.0  # of the mask's mean, so that the background shows; VGAN's 0.1
    r1_weight: float = 0.0  # of the gradient penalty at real clips; needs discriminator.norm none or instance
    r1_every: int = 8  # iterations

    def __post_init__(self):
        refuse_other_sizes(self.frames, self.size)
        if self.stride < 0:
            raise ValueError(f"stride must be 0 or more frames, got {self.stride}")
        refuse_below(self, 0, "gist_weight", "divergence_weight", "reconstruction_weight", "background_weight")
        refuse_below(self, 0, "mask_weight", "r1_weight")
        if not 0 <= self.wrong_weight <= 1:
            raise ValueError(f"wrong_weight must lie in [0, 1], got {self.wrong_weight}")
        if not 0 <= self.prior_share < 1:
            raise ValueError(f"prior_share must lie in [0, 1), got {self.prior_share}")
        refuse_below(self, 1, "r1_every")
        if self.text_filter and not self.gist:
            raise ValueError("text_filter filters the gist, and there is none: set text_filter=false too")
        if self.reconstruction_alone and (self.text_trained or not self.gist):
            raise ValueError("reconstruction_alone needs a gist and text_trained=false: encoders learn in the game")
        if self.objective in ENERGIES:
            raise ValueError(f"objective {self.objective} judges energies, and this discriminator gives logits")
        if self.r1_weight and self.discriminator.norm is Norm.BATCH:
            raise ValueError("r1_weight takes each clip to be judged alone: set discriminator.norm=none")
        if self.text_trained and self.text.fixed:
            raise ValueError(f"text_trained: a {self.text.kind} encoder is taken as it is; set another text.kind")

    @property
    def gist_code(self) -> int:
        """Length of the gist's noise; 0 without a gist."""
        return self.gist_generator.code if self.gist else 0


def build_generator(config: Config) -> Generator:
    """The generator of a config, with fresh weights."""
    width, own = config.text.width, config.reader
    gist, reader = None, TextAlone(width, text_code=own.text_code)
    if config.gist:
        gist = GistGenerator(width, **vars(config.gist_generator), size=config.size)
        if config.text_filter:
            reader = Text2Filter(width, **vars(own), size=config.size)
        else:
            reader = GistBesideText(width, text_code=own.text_code, width=own.width, code=own.code, size=config.size)
    form = {"frames": config.frames, "size": config.size}
    return Generator(gist, reader, **vars(config.streams), **form, gist_detached=config.gist_detached)


def build_gist_encoder(config: Config) -> GistEncoder:
    """Of a config with a gist, with fresh weights."""
    return GistEncoder(config.text.width, **vars(config.gist_generator), size=config.size)


def build_discriminator(config: Config) -> Discriminator:
    """The discriminator of a config, with fresh weights."""
    own = vars(config.discriminator)
    return Discriminator(config.text.width, **own, frames=config.frames, size=config.size)
