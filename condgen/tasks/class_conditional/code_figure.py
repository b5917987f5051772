"""What latent codes have come to mean, in one picture (InfoGAN: Chen et al., 2016, arXiv 1606.03657, figure 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from condgen.data import picture_grid
from condgen.errors import UserError

if TYPE_CHECKING:
    from condgen.tasks.class_conditional.pipeline import Pipeline

COLUMNS = 10  # of a panel
ROWS = 8  # where no categorical code gives the rows
REACH = 2.0  # continuous codes go from -2 to 2, as in the paper: beyond the [-1, 1] of training, to be seen well


def code_figure(pipeline: Pipeline, *, seed: int = 1, scale: int = 1) -> np.ndarray:
    """A row a category of the first categorical code, or a noise; beside each other, a panel for all that may vary.

    In the first panel the noise goes from column to column, in each of the others one code, the noise being that of
    the row's first picture.

    Returns:
        uint8 (H, W, 3).

    Raises:
        UserError: the model has no latent codes.
    """
    space = pipeline.config.codes.space
    if space is None:
        raise UserError("this model has no latent codes; one trained with model.codes has")
    by_category = bool(space.categorical)
    rows = space.categorical[0] if by_category else ROWS
    noise = pipeline.noise(max(rows, COLUMNS), seed)
    categories = torch.zeros(rows, len(space.categorical), dtype=torch.int64)
    if by_category:
        categories[:, 0] = torch.arange(rows)
    values = torch.zeros(rows, space.continuous)
    row_noise = noise[:1].expand(rows, -1) if by_category else noise[:rows]

    columns: list[Tensor] = [
        pipeline.with_codes(noise[column : column + 1].expand(rows, -1), categories, values)
        for column in range(COLUMNS if by_category else 0)
    ]
    captions = ["noise", *[""] * (COLUMNS - 1)] if by_category else []
    for code in range(int(by_category), len(space.categorical)):
        for category in range(space.categorical[code]):
            columns.append(pipeline.with_codes(row_noise, _replaced(categories, code, category), values))
            captions.append(f"k{code + 1}={category}")
    for code in range(space.continuous):
        for value in torch.linspace(-REACH, REACH, COLUMNS).tolist():
            columns.append(pipeline.with_codes(row_noise, categories, _replaced(values, code, value)))
            captions.append(f"c{code + 1}={value:.1f}")
    pictures = pipeline.decode(torch.stack(columns, dim=1).flatten(0, 1))
    return picture_grid.grid(
        pictures,
        len(columns),
        captions=[*[""] * (len(columns) * (rows - 1)), *captions],
        row_captions=[f"k1={row}" if by_category else f"noise {row}" for row in range(rows)],
        scale=scale,
    )


def _replaced(codes: Tensor, code: int, value: float) -> Tensor:
    changed = codes.clone()
    changed[:, code] = value
    return changed
