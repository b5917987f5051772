"""How a discriminator judges whether sample and condition agree: heads on its features, and their losses.

Features are (B, C, *spatial) with any number of spatial dimensions, also none. Losses are computed in fp32.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from condgen.conditioning.encoders import CodeSpace, LatentCode

if TYPE_CHECKING:
    from condgen.adversarial.objectives import Logits, Objective


class ProjectionJudge(nn.Module):
    """Logit phi(x) . (V y) + psi(phi(x)), phi summed over space (Miyato and Koyama, 2018, arXiv 1802.05637).

    Args:
        channels: of the features.
        vector_width: of the condition's vector; for one-hot vectors V is the paper's class embedding.
    """

    def __init__(self, channels: int, vector_width: int):
        super().__init__()
        self.embed = nn.Linear(vector_width, channels, bias=False)
        self.unconditional = nn.Linear(channels, 1)

    def forward(self, features: Tensor, vector: Tensor) -> Tensor:
        """features: (B, C, *spatial), vector: (B, V) -> logits (B, 1)."""
        pooled = features.reshape(*features.shape[:2], -1).sum(2)
        return self.unconditional(pooled) + (self.embed(vector) * pooled).sum(1, keepdim=True)


class AuxiliaryClassifier(nn.Module):
    """Which class is this sample of? (Odena et al., 2017, arXiv 1610.09585.) A linear layer on the mean over space."""

    def __init__(self, channels: int, classes: int):
        super().__init__()
        self.classify = nn.Linear(channels, classes)

    def forward(self, features: Tensor) -> Tensor:
        """features: (B, C, *spatial) -> class logits (B, classes)."""
        return self.classify(_mean_over_space(features))


def auxiliary_class_loss(class_logits: Tensor, labels: Tensor) -> Tensor:
    """-E log P(C = c | X) (Odena et al., 2017, eq. 3, negated).

    The discriminator minimises its sum over real and fake samples, the generator that of its fakes.

    Args:
        class_logits: (B, classes).
        labels: (B,), those the fakes were made for, or the real samples'.
    """
    return F.cross_entropy(class_logits.float(), labels)


class CodePrediction(NamedTuple):
    """The distribution Q(c | x): a softmax for each categorical code, a Gaussian of deviation 1 for each continuous."""

    class_logits: tuple[Tensor, ...]  # one (B, categories) for each categorical code
    mean: Tensor  # (B, number of continuous codes)


class CodeRegressor(nn.Module):
    """Which latent code was this sample made from? (Chen et al., 2016, arXiv 1606.03657, section 6 and table 1.)

    Its batch norm makes all samples of a batch count for each: take real and fake ones apart.

    Args:
        channels: of the features.
        space: the codes.
    """

    def __init__(self, channels: int, space: CodeSpace):
        super().__init__()
        self.space = space
        self.hidden = nn.Sequential(nn.Linear(channels, 128, bias=False), nn.BatchNorm1d(128), nn.LeakyReLU(0.1))
        self.predict = nn.Linear(128, space.width)

    def forward(self, features: Tensor) -> CodePrediction:
        """features: (B, C, *spatial)."""
        hidden = self.hidden(_mean_over_space(features))
        *class_logits, mean = self.predict(hidden).tensor_split(_ends(self.space.categorical), dim=1)
        return CodePrediction(tuple(class_logits), mean)


def mutual_information_bound(
    prediction: CodePrediction, code: LatentCode, space: CodeSpace, continuous_weight: float = 1.0
) -> Tensor:
    """L_I = E log Q(c | G(z, c)) + H(c) in nats, a lower bound of I(c; G(z, c)) (Chen et al., 2016, eq. 5).

    Generator and regressor both maximise it: subtract it, times a weight, from the losses of both players, since the
    regressor is a part of the discriminator. One that guesses has 0 for categorical codes, a perfect one their entropy.
    Continuous codes take part times `continuous_weight`: the paper has a smaller lambda for them.
    """
    columns = zip(prediction.class_logits, code.categories.unbind(1), strict=True)
    missed = sum(F.cross_entropy(logits.float(), categories) for logits, categories in columns)
    log_density = -0.5 * (code.values.float() - prediction.mean.float()).square() - 0.5 * math.log(2 * math.pi)
    categorical = sum(math.log(categories) for categories in space.categorical) - missed
    return categorical + continuous_weight * (space.continuous * math.log(2) + log_density.sum(1).mean())


def matching_aware_losses(
    objective: Objective, real: Logits, fake: Logits, mismatched: Mapping[str, tuple[Logits, float]]
) -> dict[str, Tensor]:
    """The discriminator's losses when real samples with a wrong condition must be rejected too, by name.

    "adversarial" is that of the fakes, with the weight that the others leave. With minimax and weight 1/2 of wrong
    sentences, the sum is -[log D(s_r) + (log(1 - D(s_w)) + log(1 - D(s_f))) / 2] (Reed et al., 2016, arXiv 1605.05396,
    algorithm 1). The generator's loss is the objective's own.

    Args:
        objective: any; it sees what is mismatched as further kinds of fakes.
        real: logits of real samples with their own condition.
        fake: of fakes with the condition they were made for.
        mismatched: by name, logits of real samples with another's condition (data sets draw one for each sample), and
            the kind's weight among all that is to be rejected; their sum is in [0, 1], what has weight 0 is left out.
    """
    kinds, rest = {name: kind for name, kind in mismatched.items() if kind[1]}, 1.0
    for _, weight in kinds.values():
        rest -= weight
    losses = {"adversarial": rest * objective.discriminator(real, fake)}
    return losses | {name: weight * objective.discriminator(real, wrong) for name, (wrong, weight) in kinds.items()}


def _mean_over_space(features: Tensor) -> Tensor:
    return features.reshape(*features.shape[:2], -1).mean(2)


def _ends(sizes: tuple[int, ...]) -> list[int]:
    return [sum(sizes[: index + 1]) for index in range(len(sizes))]
