"""What a classifier of clips is."""

from __future__ import annotations

from dataclasses import dataclass, field

from condgen.errors import refuse_below
from condgen.tasks.clip_classifier.networks import REDUCTION, Classifier


@dataclass(frozen=True, kw_only=True)
class Config:
    """The arguments of `Classifier`, and what its heads tell apart.

    `heads` has no default: {"class": ["bend", "wave"]} reads the rows' field `class`, and further fields of rows are
    further heads.
    """

    heads: dict[str, list[str]] = field(default_factory=dict)  # field of the rows -> its values, two or more
    frames: int = 16  # of a clip
    size: int = 64  # pixels a side
    stride: int = 0  # frames of the file from one to the next, as of the clips to be judged; 0: as far apart as fits
    width: int = 16
    dropout: float = 0.5

    def __post_init__(self):
        if not self.heads:
            raise ValueError("heads is missing: fields of the rows and their values, e.g. heads: {class: [bend, wave]}")
        for name, values in self.heads.items():
            if len(values) < 2 or len(set(values)) < len(values):
                raise ValueError(f"heads.{name} must be two values or more, each once, got {values}")
        if self.size < REDUCTION or self.size % REDUCTION:
            raise ValueError(f"size must be a multiple of {REDUCTION}, got {self.size}")
        if self.stride < 0:
            raise ValueError(f"stride must be 0 or more frames, got {self.stride}")
        refuse_below(self, 1, "frames", "width")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), got {self.dropout}")


def build_classifier(config: Config) -> Classifier:
    """The network of a config, with fresh weights."""
    return Classifier(
        config.size,
        config.frames,
        classes=[len(values) for values in config.heads.values()],
        width=config.width,
        dropout=config.dropout,
    )
