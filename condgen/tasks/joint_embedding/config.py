"""Which sentence encoder learns, beside which image encoder."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from condgen.text.encoder import TextConfig


class ImageEncoderKind(StrEnum):
    FEATURES = "features"  # vectors that the rows bring in files, e.g. the authors' 1,024 numbers of GoogLeNet
    TORCHVISION = "torchvision"  # a classifier of torchvision without its last layer, frozen
    LEARNED = "learned"  # a compact network of ours, which learns along


@dataclass(frozen=True, kw_only=True)
class ImageEncoderConfig:
    """How a picture becomes a vector as long as a sentence's."""

    kind: ImageEncoderKind = ImageEncoderKind.TORCHVISION
    backbone: str = "googlenet"  # torchvision: a classifier's name; its features must be as long as text.width
    weights: str = ""  # torchvision: a local state dict; empty fetches torchvision's own
    width: int = 32  # learned: channels at full resolution, doubled at each halving up to eight times as many
    size: int = 224  # pixels a side that the encoder sees
    resize: int = 256  # pixels a side of the whole picture or box, from which `size` is cropped; 0: size itself
    crop_to_box: bool = False  # only the square around the row's box is seen

    def __post_init__(self):
        if min(self.width, self.size) < 1:
            raise ValueError(f"width and size must be 1 or more, got {self.width} and {self.size}")
        if self.resize and self.resize < self.size:
            raise ValueError(f"resize={self.resize} must be 0 or at least size={self.size}, which is cropped from it")

    @property
    def whole(self) -> int:
        """Pixels a side before the crop."""
        return self.resize or self.size


@dataclass(frozen=True, kw_only=True)
class Config:
    """Reed, Akata, Lee and Schiele, CVPR 2016 (arXiv 1605.05395): the char-CNN-RNN beside GoogLeNet."""

    text: TextConfig = field(default_factory=TextConfig)
    image: ImageEncoderConfig = field(default_factory=ImageEncoderConfig)
    margin: float = 1.0  # of the hinge; the paper's 0/1 loss
    symmetric: bool = True  # DS-SJE: sentences choose pictures, too; False: DA-SJE, pictures choose sentences alone

    def __post_init__(self):
        if self.text.fixed:
            raise ValueError(
                f"text.kind={self.text.kind} is used as it is and needs no joint embedding; see `condgen embed --model`"
            )
        if self.margin <= 0:
            raise ValueError(f"margin must be above 0, got {self.margin}")
