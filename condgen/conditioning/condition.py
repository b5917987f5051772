"""What a sample must agree with, in one frozen value that goes through networks together with the samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class Condition:
    """The parts of a condition, B samples each; absent ones are None, and with none at all the game is unconditional.

    Raises:
        ValueError: the parts' batch sizes differ.
    """

    vector: Tensor | None = None  # (B, C): label, latent code, sentence
    grid: Tensor | None = None  # (B, C, *spatial): image, waveform
    box: Tensor | None = None  # (B, 4): x, y of the left top corner, width, height, as fractions of the picture
    keypoints: Tensor | None = None  # (B, K, 3): x, y as fractions of the picture, visible (1) or not (0, 0, 0)

    def __post_init__(self):
        sizes = {name: len(part) for name, part in self.parts().items()}
        if len(set(sizes.values())) > 1:
            raise ValueError(f"the parts of a condition must agree on the batch size, got {sizes}")

    def parts(self) -> dict[str, Tensor]:
        """The parts that are there, by name."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: part for name, part in named.items() if part is not None}

    def map(self, function: Callable[[Tensor], Tensor]) -> Condition:
        """The condition with a function applied to each part."""
        return Condition(**{name: function(part) for name, part in self.parts().items()})

    def to(self, device: torch.device | str) -> Condition:
        """The condition on a device."""
        return self.map(lambda part: part.to(device))

    def __getitem__(self, rows: slice | Sequence[int] | Tensor) -> Condition:
        """The condition of these samples."""
        return self.map(lambda part: part[rows])

    @staticmethod
    def join(conditions: Sequence[Condition]) -> Condition:
        """One condition for batches joined end to end, e.g. real and fake samples that are judged together.

        Raises:
            ValueError: they do not have the same parts.
        """
        names = [tuple(condition.parts()) for condition in conditions]
        if len(set(names)) != 1:
            raise ValueError(f"only conditions with the same parts can be joined, got {names}")
        return Condition(**{name: torch.cat([getattr(one, name) for one in conditions]) for name in names[0]})
