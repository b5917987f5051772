"""How a discriminator judges whether sample and condition agree: heads on its features, and their losses.

Features are (B, C, *spatial) with any number of spatial dimensions, also none. Losses are computed in fp32.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condgen.conditioning.encoders import CodeSpace, LatentCode
from condgen.conditioning.injection import concat_replicated

if TYPE_CHECKING:
    from condgen.adversarial.objectives import Logits, Objective


class ConcatJudge(nn.Module):
    """Logits from features and the condition's vector side by side (Mirza and Osindero, 2014, arXiv 1411.1784).

    The vector is replicated over space and joined to the features, as Reed et al. do (2016, section 4.1); two 1x1
    convolutions follow, so that there is a logit for each position.

    Args:
        channels: of the features.
        vector_width: of the condition's vector.
        hidden: channels between the two convolutions.
    """

    def __init__(self, channels: int, vector_width: int, hidden: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(channels + vector_width, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1))

    def forward(self, features: Tensor, vector: Tensor) -> Tensor:
        """features: (B, C, *spatial), vector: (B, V) -> logits (B, 1, *spatial)."""
        joined = concat_replicated(features, vector)
        return self.layers(joined.movedim(1, -1)).movedim(-1, 1)  # a 1x1 convolution, whatever the rank


class ProjectionJudge(nn.Module):
    """Logit phi(x) . (V y) + psi(phi(x)), phi summed over space (Miyato and Koyama, 2018, arXiv 1802.05637).

    Args: as `ConcatJudge`; for one-hot vectors V is the paper's class embedding.
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
    """The distribution Q(c | x): a softmax for each categorical code, a Gaussian for each continuous one."""

    class_logits: tuple[Tensor, ...]  # one (B, categories) for each categorical code
    mean: Tensor  # (B, number of continuous codes)
    log_deviation: Tensor  # as the mean


class CodeRegressor(nn.Module):
    """Which latent code was this sample made from? (Chen et al., 2016, arXiv 1606.03657, section 6 and table 1.)

    Its batch norm makes all samples of a batch count for each: take real and fake ones apart.

    Args:
        channels: of the features.
        space: the codes.
        learned_deviation: predict the Gaussians' spread too; otherwise it is 1, and the loss a squared error.
    """

    def __init__(self, channels: int, space: CodeSpace, *, learned_deviation: bool = False):
        super().__init__()
        self.space = space
        self.hidden = nn.Sequential(nn.Linear(channels, 128, bias=False), nn.BatchNorm1d(128), nn.LeakyReLU(0.1))
        self.predict = nn.Linear(128, space.width + (space.continuous if learned_deviation else 0))

    def forward(self, features: Tensor) -> CodePrediction:
        """features: (B, C, *spatial)."""
        hidden = self.hidden(_mean_over_space(features))
        *class_logits, gaussian = self.predict(hidden).tensor_split(_ends(self.space.categorical), dim=1)
        mean, log_deviation = gaussian[:, : self.space.continuous], gaussian[:, self.space.continuous :]
        if not log_deviation.shape[1]:
            log_deviation = torch.zeros_like(mean)
        return CodePrediction(tuple(class_logits), mean, log_deviation)


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
    # a floor, because a code that is met exactly would have an infinite density
    log_deviation = prediction.log_deviation.float().clamp(-6, 6)
    standard = (code.values.float() - prediction.mean.float()) * torch.exp(-log_deviation)
    log_density = -0.5 * standard.square() - log_deviation - 0.5 * math.log(2 * math.pi)
    categorical = sum(math.log(categories) for categories in space.categorical) - missed
    return categorical + continuous_weight * (space.continuous * math.log(2) + log_density.sum(1).mean())


def matching_aware_loss(
    objective: Objective, real_right: Logits, real_wrong: Logits, fake_right: Logits, wrong_weight: float = 0.5
) -> Tensor:
    """The discriminator's loss when a real sample with a wrong condition must be rejected too.

    With minimax: -[log D(s_r) + (log(1 - D(s_w)) + log(1 - D(s_f))) / 2] (Reed et al., 2016, arXiv 1605.05396,
    algorithm 1). The generator's loss is the objective's own.

    Args:
        objective: any; it sees the wrong pairs as a second kind of fakes.
        real_right: logits of real samples with their own condition.
        real_wrong: of real samples with another's, of another class or sentence; data sets draw one for each sample.
        fake_right: of fakes with the condition they were made for.
        wrong_weight: of the wrong pairs among all that is to be rejected, in [0, 1]; 0 leaves the objective as it is.
    """
    fake = objective.discriminator(real_right, fake_right)
    if wrong_weight == 0:
        return fake
    return (1 - wrong_weight) * fake + wrong_weight * objective.discriminator(real_right, real_wrong)


def _mean_over_space(features: Tensor) -> Tensor:
    return features.reshape(*features.shape[:2], -1).mean(2)


def _ends(sizes: tuple[int, ...]) -> list[int]:
    return [sum(sizes[: index + 1]) for index in range(len(sizes))]
