"""Labels and latent codes as vectors of a `Condition`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from condgen.conditioning.condition import Condition
from condgen.errors import UserError


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """Labels (B,), whole numbers in [0, classes) -> (B, classes) float: 1 at the label, 0 elsewhere."""
    return F.one_hot(labels, classes).float()


def label_condition(classes: Sequence[str], count: int, labels: Sequence[str] | None) -> Condition:
    """One label for each of `count` samples as a one-hot vector.

    Raises:
        UserError: labels are missing, unknown, not one for each, or the model knows none.
    """
    if not classes:
        if labels is not None:
            raise UserError("this model knows no labels; leave them out")
        return Condition()
    known = ", ".join(classes)
    if labels is None or len(labels) != count:
        given = 0 if labels is None else len(labels)
        raise UserError(f"this model needs a label for each of {count} pictures, got {given}; it knows {known}")
    for label in labels:
        if label not in classes:
            raise UserError(f"this model knows no label {label!r}; it knows {known}")
    return Condition(vector=one_hot(torch.tensor([list(classes).index(label) for label in labels]), len(classes)))


@dataclass(frozen=True, eq=False)
class LatentCode:
    """Codes drawn for a batch."""

    categories: Tensor  # (B, number of categorical codes), int64
    values: Tensor  # (B, number of continuous codes), in [-1, 1]
    vector: Tensor  # (B, CodeSpace.width): one-hot categories, then values; what the generator is told


@dataclass(frozen=True, kw_only=True)
class CodeSpace:
    """Which latent codes a generator gets, to find a meaning for each (InfoGAN: Chen et al., 2016, arXiv 1606.03657).

    The paper takes one categorical code of 10 and two continuous ones for digits.
    """

    categorical: tuple[int, ...] = ()  # number of categories of each code, equally likely
    continuous: int = 0  # codes uniform in [-1, 1]

    def __post_init__(self):
        if any(categories < 2 for categories in self.categorical) or self.continuous < 0:
            raise ValueError(f"a categorical code needs 2 categories or more, and counts are not negative: {self}")
        if not self.width:
            raise ValueError("a code space needs a code")

    @property
    def width(self) -> int:
        """Length of the vector that stands for all codes."""
        return sum(self.categorical) + self.continuous

    def encode(self, categories: Tensor, values: Tensor) -> LatentCode:
        """Chosen codes: categories (B, number of categorical codes) and values (B, number of continuous codes)."""
        columns = zip(categories.unbind(1), self.categorical, strict=True)
        parts = [one_hot(column, count) for column, count in columns]
        return LatentCode(categories, values, torch.cat([*parts, values], dim=1))

    def draw(
        self, batch_size: int, *, generator: torch.Generator | None = None, device: torch.device | str = "cpu"
    ) -> LatentCode:
        """Random codes on `device`, drawn on the generator's own device if one is given."""
        source = {"generator": generator, "device": generator.device if generator is not None else device}
        drawn = [torch.randint(count, (batch_size, 1), **source) for count in self.categorical]
        none = torch.zeros(batch_size, 0, dtype=torch.int64, device=source["device"])
        values = 2 * torch.rand(batch_size, self.continuous, **source) - 1
        return self.encode(torch.cat([none, *drawn], dim=1).to(device), values.to(device))
