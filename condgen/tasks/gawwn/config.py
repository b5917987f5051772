"""What a what-where game consists of."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from condgen.adversarial.objectives import ENERGIES, ObjectiveName
from condgen.tasks.gawwn.completion import CompletionConfig
from condgen.tasks.gawwn.layers import DiscriminatorConfig, DiscriminatorNorm, GeneratorConfig, doublings
from condgen.text.encoder import TextConfig


class Form(StrEnum):
    """The three games of the paper; one run may play any of them side by side."""

    BOX = "box"  # pictures by sentence and bounding box (section 4.1)
    KEYPOINTS = "keypoints"  # pictures by sentence and all keypoints (section 4.2)
    COMPLETION = "completion"  # all keypoints by sentence and some of them, or none (section 4.3)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Networks and losses; the defaults are those of Reed et al., 2016, and of the authors' code, for birds."""

    forms: list[Form] = field(default_factory=lambda: [Form.BOX])
    size: int = 128  # pixels a side
    keypoints: list[str] = field(default_factory=list)  # names, in the manifest's order; the box form needs none
    text: TextConfig = field(default_factory=TextConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)  # of both forms that draw
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    completion: CompletionConfig = field(default_factory=CompletionConfig)
    objective: ObjectiveName = ObjectiveName.NON_SATURATING
    wrong_text_weight: float = 0.5  # of real pictures with a wrong sentence, among all that is to be rejected
    # of real pictures with another's place: the paper has none, and fakes then keep to their place only roughly
    wrong_place_weight: float = 0.0
    # of keypoints with a wrong sentence: none in the paper, whose completions then follow the sentence less
    completion_wrong_text_weight: float = 0.0
    # of the gradient penalty on real pictures: with it and without batch norm, a discriminator of few channels learns
    # sentences and places several times sooner
    r1_weight: float = 0.0
    dropped_keypoints: float = 0.9  # probability that a keypoint is to be completed

    def __post_init__(self):
        if not self.forms or len(set(self.forms)) != len(self.forms):
            raise ValueError(f"forms must name one or more of {', '.join(Form)}, each once, got {list(self.forms)}")
        doublings(self.size)
        if not self.keypoints and set(self.forms) - {Form.BOX}:
            raise ValueError("forms keypoints and completion need model.keypoints, the names in the manifest's order")
        if len(set(self.keypoints)) != len(self.keypoints):
            raise ValueError(f"each keypoint's name must occur once, got {', '.join(self.keypoints)}")
        if self.objective in ENERGIES:
            raise ValueError(f"objective {self.objective} judges energies, and these discriminators give logits")
        for name in ("wrong_text_weight", "wrong_place_weight", "completion_wrong_text_weight"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must lie in [0, 1), got {getattr(self, name)}")
        if self.wrong_text_weight + self.wrong_place_weight >= 1:
            raise ValueError("wrong_text_weight and wrong_place_weight leave no weight for fakes: lower them")
        if self.r1_weight < 0 or (self.r1_weight and self.discriminator.norm is DiscriminatorNorm.BATCH):
            raise ValueError(
                "r1_weight must not be negative, and 0 with discriminator.norm=batch, where pictures are not judged "
                f"one by one; got {self.r1_weight}"
            )
        if not 0 <= self.dropped_keypoints <= 1:
            raise ValueError(f"dropped_keypoints must lie in [0, 1], got {self.dropped_keypoints}")

    @property
    def needs_box(self) -> bool:
        return Form.BOX in self.forms

    @property
    def needs_keypoints(self) -> bool:
        return bool(set(self.forms) - {Form.BOX})
