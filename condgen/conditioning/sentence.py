"""Sentences as conditions, and what smooths their space for a generator: vectors around one, and between two."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condgen.conditioning.condition import Condition
from condgen.text.encoder import SentenceEncoder, Tokens


def sentence_condition(encoder: SentenceEncoder, batch: Any, *, wrong: bool = False) -> Condition:
    """The right or the wrong sentences of a batch as vectors (B, width), fp32 also under autocast.

    Args:
        encoder: for a batch of tokens.
        batch: with fields `text` and `wrong_text`, or `codes`, `mask`, `wrong_codes` and `wrong_mask`.
    """
    if hasattr(batch, "text"):
        return Condition(vector=batch.wrong_text if wrong else batch.text)
    tokens = Tokens(batch.wrong_codes, batch.wrong_mask) if wrong else Tokens(batch.codes, batch.mask)
    return Condition(vector=encoder(tokens).vector.float())


class ConditioningAugmentation(nn.Module):
    """A sentence's vector to a code drawn from a Gaussian that depends on it (Zhang et al., 2017, arXiv 1612.03242).

    code = mu + sigma * e with e ~ N(0, I) (section 3.2), where mu and log sigma come from one linear layer and a leaky
    ReLU, as in the authors' code. In evaluation mode the code is mu: the same sentence gives the same code.

    Args:
        text_width: length of the sentence's vector.
        code: length of the code; the paper's N_g, 128.
    """

    def __init__(self, text_width: int, code: int):
        super().__init__()
        self.mean_and_log_deviation = nn.Linear(text_width, 2 * code)

    def forward(self, vector: Tensor) -> tuple[Tensor, Tensor]:
        """(B, text_width) -> code (B, C) and, as a scalar in fp32, KL(N(mu, sigma^2) || N(0, 1)) in nats.

        The divergence (eq. 2) is the mean over samples and code, as in the authors' code, which adds it to the
        generator's loss with weight 2.
        """
        mean, log_deviation = F.leaky_relu(self.mean_and_log_deviation(vector), 0.2).float().chunk(2, dim=1)
        divergence = 0.5 * (mean.square() + torch.exp(2 * log_deviation) - 1) - log_deviation
        if not self.training:
            return mean, divergence.mean()
        return mean + torch.exp(log_deviation) * torch.randn_like(mean), divergence.mean()


def interpolated(vectors: Tensor, beta: float = 0.5) -> Tensor:
    """Between the sentences of a batch's first half and those of its second: (B, C) -> (B // 2, C), B 2 or more.

    beta t_1 + (1 - beta) t_2 (GAN-INT: Reed et al., 2016, arXiv 1605.05396, eq. 5; the paper fixes beta = 0.5). The
    last of an odd number is left out.
    """
    half = len(vectors) // 2
    if not half:
        raise ValueError(f"there is nothing between the sentences of a batch of {len(vectors)}")
    return beta * vectors[:half] + (1 - beta) * vectors[half : 2 * half]
