"""Pictures of a manifest in latent space: what neighbourhoods and attribute vectors are made from."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from condgen.data.manifest import Row
from condgen.data.preparation import with_progress
from condgen.errors import UserError
from condgen.latent.attributes import balanced_attribute_vectors, synthetic_attribute_vector
from condgen.tasks.ali.pipeline import Pipeline

Item = TypeVar("Item")

BLUR = 1.0  # standard deviation in pixels, of 32 a side
_BLUR_REACH = 3  # pixels on either side; the rest of the Gaussian's weight is 0.3 %


def some(rows: Sequence[Item], count: int) -> list[Item]:
    """So many drawn from all over, always the same, in their order; all, if there are no more."""
    drawn = random.Random(0).sample(range(len(rows)), min(count, len(rows)))
    return [rows[number] for number in sorted(drawn)]


def of_label(rows: Sequence[Row], label: str) -> list[Row]:
    """The rows with this label.

    Raises:
        UserError: there is none.
    """
    chosen = [row for row in rows if str(row.fields.get("label")) == label]
    if not chosen:
        raise UserError(f"{rows[0].manifest}: no row of this split has the label {label!r}; choose another split")
    return chosen


def with_attributes(rows: Sequence[Row], names: Sequence[str]) -> list[tuple[Row, tuple[bool, ...]]]:
    """Which pictures have which attributes; rows that do not say it of all are left out.

    An attribute is a field of the rows that is true or false, else a label: then all others with a label are without.

    Raises:
        UserError: there is no such field or label.
    """
    answers = zip(*(_answers(rows, name) for name in names), strict=True)
    return [(row, told) for row, told in zip(rows, answers, strict=True) if None not in told]


def _answers(rows: Sequence[Row], name: str) -> list[bool | None]:
    """Whether each picture has the attribute; None: its row does not say."""
    values = [row.fields.get(name) for row in rows]
    if any(isinstance(value, bool) for value in values):
        return [value if isinstance(value, bool) else None for value in values]
    labels = [str(row.fields["label"]) if "label" in row.fields else None for row in rows]
    if name not in labels:
        raise UserError(f"{rows[0].manifest}: {name!r} is neither a label there nor a field that is true or false")
    return [None if label is None else label == name for label in labels]


def pictures(pipeline: Pipeline, rows: Sequence[Row]) -> tuple[Tensor, list[str] | None]:
    """(N, C, 32, 32) in [-1, 1] as the model sees them, and what it is told of them, each one's label or nothing.

    Raises:
        UserError: a file cannot be read, or a label is missing that the model needs.
    """
    labels = [str(row["label"]) for row in rows] if pipeline.classes else None
    files = with_progress([row.path("image") for row in rows], "reading pictures", len(rows))
    return torch.cat([pipeline.read(file) for file in files]), labels


def attribute_vector(pipeline: Pipeline, rows: Sequence[Row], names: Sequence[str], count: int) -> Tensor:
    """The vector (Z,) of the first attribute, freed of its correlation with the others (see `latent.attributes`).

    Args:
        rows: one or more, of which `count` at most that say all attributes are looked at.
        names: of the attributes, see `with_attributes`.

    Raises:
        UserError: the model is told the attribute, a combination of attributes does not occur, or as `pictures`.
    """
    if names[0] in pipeline.classes:
        raise UserError(f"this model is told the class, and its latent vectors leave it out; use --label {names[0]}")
    told = some(with_attributes(rows, names), count)
    occurring = {has for _, has in told}
    for wanted in itertools.product((True, False), repeat=len(names)):
        if wanted not in occurring:
            words = " and ".join(name if there else f"not {name}" for name, there in zip(names, wanted, strict=True))
            fix = "take more --pictures, or another attribute" + (", or balance fewer" if len(names) > 1 else "")
            raise UserError(f"{rows[0].manifest}: of {len(told)} pictures none is {words}; {fix}")
    latents = pipeline.encode(*pictures(pipeline, [row for row, _ in told]))
    return balanced_attribute_vectors(latents, torch.tensor([has for _, has in told]))[0]


def blur_vector(pipeline: Pipeline, rows: Sequence[Row]) -> Tensor:
    """The vector (Z,) from pictures to the same ones blurred. Raises UserError as `pictures`."""
    from torchvision.transforms.v2.functional import gaussian_blur

    images, labels = pictures(pipeline, rows)
    blur = partial(gaussian_blur, kernel_size=[2 * _BLUR_REACH + 1] * 2, sigma=[BLUR, BLUR])
    return synthetic_attribute_vector([images], blur, partial(pipeline.encode, labels=labels))
