"""What a discriminator says of a picture: whether it is real, of which class, and made from which latent code."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from torch import Tensor, nn

from condgen.adversarial.diversity import MinibatchDiscrimination, ReferenceBatch
from condgen.adversarial.objectives import reconstruction_energy
from condgen.adversarial.penalties import with_spectral_norm
from condgen.conditioning.condition import Condition
from condgen.conditioning.encoders import CodeSpace
from condgen.conditioning.injection import concat_replicated
from condgen.conditioning.judging import (
    AuxiliaryClassifier,
    CodePrediction,
    CodeRegressor,
    ProjectionJudge,
)
from condgen.tasks.class_conditional.networks import DiscriminatorNorm, Reconstruction, Trunk


class Judging(StrEnum):
    NONE = "none"  # labels are not looked at
    CONCAT = "concat"  # CGAN (Mirza and Osindero, 2014, arXiv 1411.1784)
    AUXILIARY_CLASSIFIER = "auxiliary_classifier"  # AC-GAN (Odena et al., 2017, arXiv 1610.09585)
    PROJECTION = "projection"  # (Miyato and Koyama, 2018, arXiv 1802.05637)
    CLASSES_AND_FAKE = "classes_and_fake"  # semi-supervised, K + 1 classes (Salimans et al., 2016, arXiv 1606.03498)


class Judgement(NamedTuple):
    """What is said of B pictures."""

    logits: Tensor  # (B, 1), or energies (B,) of an autoencoder
    class_logits: Tensor | None  # (B, classes)
    code: CodePrediction | None
    features: list[Tensor]  # of every layer, for feature matching


class Discriminator(nn.Module):
    """A trunk with a head for each question.

    Args:
        trunk: a picture to features.
        size, image_channels: of the pictures.
        classes: number of labels.
        judging: how labels are judged.
        norm: the trunk's; with `SPECTRAL` the heads have it too.
        reference_size: as of `Trunk`.
        codes: which latent codes to tell; None: none.
        minibatch_kernels: closeness values of minibatch discrimination beside the features; 0: none.
        autoencoder_code: width of the code of an autoencoder whose error is the picture's energy; 0: logits.
        autoencoder_width: channels of its way back before the last layer.
        energy_power: of the reconstruction's error, 1 or 2.
    """

    def __init__(
        self,
        trunk: Trunk,
        size: int,
        image_channels: int,
        *,
        classes: int = 0,
        judging: Judging = Judging.NONE,
        norm: DiscriminatorNorm = DiscriminatorNorm.BATCH,
        reference_size: int = 64,
        codes: CodeSpace | None = None,
        minibatch_kernels: int = 0,
        autoencoder_code: int = 0,
        autoencoder_width: int = 64,
        energy_power: int = 1,
    ):
        super().__init__()
        self.judging, self.energy_power, flat = judging, energy_power, trunk.channels * trunk.size**2
        self.trunk = trunk
        self.reconstruction = self.real = self.label = self.code = self.minibatch = None
        if autoencoder_code:
            self.reconstruction = Reconstruction(
                trunk, size, image_channels, width=autoencoder_width, code=autoencoder_code
            )
        elif judging in (Judging.NONE, Judging.CONCAT, Judging.AUXILIARY_CLASSIFIER):
            self.real = nn.Linear(flat, 1)
        if judging is Judging.PROJECTION:
            self.label = ProjectionJudge(flat, classes)  # not summed over space: two layers see 10 pixels
        elif judging in (Judging.AUXILIARY_CLASSIFIER, Judging.CLASSES_AND_FAKE):
            self.label = AuxiliaryClassifier(flat, classes)
        if codes is not None:
            self.code = CodeRegressor(flat, codes)
        if minibatch_kernels:
            self.minibatch = MinibatchDiscrimination(flat, minibatch_kernels)
            self.closeness = nn.Linear(minibatch_kernels, 1)
        if norm is DiscriminatorNorm.SPECTRAL:
            with_spectral_norm(self)
        self.reference = None
        if norm is DiscriminatorNorm.VIRTUAL_BATCH:
            seen = image_channels + (classes if judging is Judging.CONCAT else 0)
            self.reference = ReferenceBatch(reference_size, (seen, size, size))

    def seen(self, images: Tensor, condition: Condition) -> Tensor:
        """What the trunk sees: the images, and with `CONCAT` the label as further channels.

        Beside the last features, thousands of them, ten numbers of a label would hardly be noticed.
        """
        if self.judging is Judging.CONCAT:
            return concat_replicated(images, condition.vector)
        return images

    def forward(self, images: Tensor, condition: Condition) -> Judgement:
        """(B, image_channels, S, S) in [-1, 1] and their labels as one-hot `condition.vector` (B, classes)."""
        seen = self.seen(images, condition)
        if self.reference is not None:
            features = [self.reference.drop(one) for one in self.trunk(self.reference(seen))]
        else:
            features = self.trunk(seen)
        flat, class_logits = features[-1].flatten(1), None
        if self.reconstruction is not None:
            logits = reconstruction_energy(images, self.reconstruction(features[-1]), self.energy_power)
        elif self.real is not None:
            logits = self.real(flat)
        if self.judging is Judging.PROJECTION:
            logits = self.label(flat, condition.vector)
        elif self.label is not None:
            class_logits = self.label(flat)
        if self.judging is Judging.CLASSES_AND_FAKE:
            # the fake class has logit 0, so D(x) = Z / (Z + 1) with Z = sum exp logits (section 5 there)
            logits = class_logits.float().logsumexp(1, keepdim=True)
        if self.minibatch is not None:
            closeness = self.minibatch(flat)[:, flat.shape[1] :]
            logits = logits + self.closeness(closeness)
        return Judgement(logits, class_logits, self.code(flat) if self.code is not None else None, features)


def take_apart(judgement: Judgement, count: int) -> tuple[Judgement, Judgement]:
    """The judgement of pictures that went through joined, taken apart: the first `count`, and the rest."""
    return tuple(
        Judgement(
            judgement.logits[rows],
            None if judgement.class_logits is None else judgement.class_logits[rows],
            None if judgement.code is None else _rows(judgement.code, rows),
            [one[rows] for one in judgement.features],
        )
        for rows in (slice(count), slice(count, None))
    )


def _rows(code: CodePrediction, rows: slice) -> CodePrediction:
    return CodePrediction(tuple(one[rows] for one in code.class_logits), code.mean[rows])
