"""Signs that a run is going wrong, each said in one plain line with what to change.

The monitor reads the means of a log interval. It speaks after a sign has lasted for `patience` intervals, once, and
again only when the sign has gone and come back: single intervals of a game mean nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from condgen.adversarial.objectives import Logits


@torch.no_grad()
def lead(real: Logits, fake: Logits) -> Tensor:
    """The discriminator's lead: how often a real sample scores above a fake one, over all pairs of the batch.

    1: it always tells them apart; 0.5: it guesses: the area under the ROC curve, which needs no threshold. A sample's
    score is the mean of its logits, over patches and over several discriminators. Give energies with their sign turned.
    """
    real_scores, fake_scores = _scores(real), _scores(fake)
    return (real_scores[:, None] > fake_scores[None, :]).float().mean()


def _scores(logits: Logits) -> Tensor:
    """(B,)"""
    several = [logits] if isinstance(logits, Tensor) else logits
    return torch.stack([one.float().reshape(len(one), -1).mean(1) for one in several]).mean(0)


@dataclass(frozen=True)
class Sign:
    name: str
    reading: str  # the logged value it is read from
    present: Callable[[float], bool]
    advice: str


SIGNS = (
    Sign(
        "discriminator too strong",
        "lead",
        lambda value: value > 0.995,
        "it tells all fakes from real ones, so the generator learns little from it: halve "
        "optimizers.discriminator.learning_rate, train the generator longer alone first, or add a gradient penalty",
    ),
    Sign(
        "discriminator too weak",
        "lead",
        lambda value: value < 0.52,
        "it cannot tell fakes from real ones; unless the samples are already good, raise "
        "optimizers.discriminator.learning_rate or give it more channels",
    ),
    Sign(
        "collapse",
        "diversity",
        lambda value: value < 0.3,
        "outputs differ from one another far less than real samples do: lower optimizers.generator.learning_rate, or "
        "use minibatch discrimination",
    ),
)


class HealthMonitor:
    """Feed it each log interval's means; it returns the lines to print."""

    def __init__(self, patience: int = 20):
        self.patience = patience
        self._lasted = {sign.name: 0 for sign in SIGNS}

    def read(self, values: Mapping[str, float]) -> list[str]:
        lines = []
        for sign in SIGNS:
            value = values.get(sign.reading, math.nan)
            self._lasted[sign.name] = self._lasted[sign.name] + 1 if sign.present(value) else 0
            if self._lasted[sign.name] == self.patience:
                lines.append(f"{sign.name} ({sign.reading} {value:.3f}): {sign.advice}")
        return lines

    def state(self) -> dict[str, int]:
        """For the checkpoint: how many intervals each sign has lasted."""
        return dict(self._lasted)

    def load_state(self, state: Mapping[str, int]) -> None:
        self._lasted.update(state)
