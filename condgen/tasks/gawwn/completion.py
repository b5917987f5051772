"""GAWWN's networks that find all keypoints for a sentence, given some or none (Reed et al., 2016, section 4.3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from condgen.adversarial.penalties import with_spectral_norm
from condgen.conditioning.injection import concat_vector
from condgen.networks.blocks import SLOPE
from condgen.tasks.gawwn.layers import DiscriminatorNorm

VALUES = 3  # of a keypoint: x, y, visible
SHARPNESS = 24  # under spectral norm, places are judged in such parts of the picture: else a network of bounded slope
# could not tell places apart that differ by hundredths


@dataclass(frozen=True, kw_only=True)
class CompletionConfig:
    """The defaults are the paper's."""

    width: int = 128  # layers have 2 to 8 times as many values
    noise: int = 100  # length of z
    norm: DiscriminatorNorm = DiscriminatorNorm.BATCH
    # x and y of what is found times how visible it is: real keypoints that are not visible have none, and in the
    # paper's form the discriminator tells fakes by that alone
    gated: bool = False

    def __post_init__(self):
        if self.width < 1 or self.noise < 1:
            raise ValueError(f"width and noise must be 1 or more, got {self.width} and {self.noise}")


class CompletionGenerator(nn.Module):
    """G(z, t, k, s) = s k + (1 - s) f(z, t, k), where s says which keypoints are known (eq. 4).

    Args:
        config: of all layers.
        text_width: of the sentence's vector.
        keypoints: K, how many a picture can have.
    """

    def __init__(self, config: CompletionConfig, text_width: int, keypoints: int):
        super().__init__()
        width = config.width
        self.noise = nn.Sequential(nn.Linear(config.noise, 4 * width), nn.ReLU())
        self.text = nn.Sequential(nn.Linear(text_width, 4 * width), nn.ReLU())
        self.keypoints = nn.Sequential(
            nn.Flatten(), *_dense(VALUES * keypoints, 4 * width), *_dense(4 * width, 2 * width)
        )
        self.trunk = nn.Sequential(
            *_dense(10 * width, 8 * width), *_dense(8 * width, 4 * width), *_dense(4 * width, 2 * width)
        )
        self.last = nn.Linear(2 * width, VALUES * keypoints)
        self.gated = config.gated

    def forward(self, noise: Tensor, text: Tensor, known: Tensor) -> Tensor:
        """Noise (B, config.noise), text (B, text_width), known (B, K, 3), all 0 where unknown -> (B, K, 3), fp32.

        Returns:
            What is known as it was, the rest in (0, 1), also whether it is visible: decide that at 0.5.
        """
        code = self.trunk(torch.cat([self.noise(noise), self.text(text), self.keypoints(known)], dim=1))
        with torch.autocast(known.device.type, enabled=False):  # bf16 would be off by half a pixel of 128
            found = torch.sigmoid(self.last(code.float())).unflatten(1, (-1, VALUES))
        if self.gated:
            found = torch.cat([found[..., :2] * found[..., 2:], found[..., 2:]], dim=-1)
        stated = known[..., 2:]
        return stated * known + (1 - stated) * found


class CompletionDiscriminator(nn.Module):
    """Do keypoints fit a text.

    Args: as `CompletionGenerator`.
    """

    def __init__(self, config: CompletionConfig, text_width: int, keypoints: int):
        super().__init__()
        width, form = config.width, config.norm
        self.keypoints = nn.Sequential(
            nn.Flatten(), *_judged(form, VALUES * keypoints, 4 * width), *_judged(form, 4 * width, 2 * width)
        )
        self.text = nn.Sequential(*_judged(form, text_width, 4 * width), *_judged(form, 4 * width, 2 * width))
        self.trunk = nn.Sequential(*_judged(form, 4 * width, 2 * width))
        self.logit = nn.Linear(2 * width, 1)
        self.sharpened = form is DiscriminatorNorm.SPECTRAL
        if self.sharpened:
            with_spectral_norm(self)

    def forward(self, keypoints: Tensor, text: Tensor) -> Tensor:
        """Keypoints (B, K, 3), text (B, text_width) -> logits (B,), fp32."""
        if self.sharpened:
            visible = keypoints[..., 2:]
            places = SHARPNESS * (keypoints[..., :2] - 0.5 * visible)
            keypoints = torch.cat([places, visible], dim=-1)
        both = self.trunk(concat_vector(self.keypoints(keypoints), self.text(text)))
        with torch.autocast(both.device.type, enabled=False):
            return self.logit(both.float()).squeeze(1)


def _dense(before: int, after: int) -> list[nn.Module]:
    return [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU()]


def _judged(form: DiscriminatorNorm, before: int, after: int) -> list[nn.Module]:
    norm = [nn.BatchNorm1d(after)] if form is DiscriminatorNorm.BATCH else []
    return [nn.Linear(before, after), *norm, nn.LeakyReLU(SLOPE)]
