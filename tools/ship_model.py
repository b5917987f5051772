"""Put a trained model folder among those that ship with the package: weights in half precision, and a finished card.

python tools/ship_model.py RUN/model srgan-x4 --card card.md

Several runs of a task whose forms were trained apart become one model:

python tools/ship_model.py BOX/model KEYPOINTS/model COMPLETION/model gawwn-shapes --card card.md
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch

from condgen.errors import UserError
from condgen.runtime import model_folder
from condgen.runtime.model_folder import ModelFolder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", help="the model folder of a run; or of several, to be joined")
    parser.add_argument("name", help="the name it ships under")
    parser.add_argument("--card", type=Path, required=True, help="the finished card, Markdown")
    arguments = parser.parse_args()
    try:
        joined = join([ModelFolder.read(model) for model in arguments.models])
    except UserError as problem:
        sys.exit(str(problem))
    path = model_folder.SHIPPED / arguments.name
    card = arguments.card.read_text(encoding="utf-8")
    model_folder.write(path, joined.task, joined.config, _half(joined.inference), _half(joined.training), card)
    for file in sorted(path.iterdir()):
        print(f"{file}: {file.stat().st_size / 2**20:.2f} MiB")


@dataclass(frozen=True)
class Joined:
    """What a model folder holds."""

    task: str
    config: Any
    inference: dict[str, torch.Tensor]
    training: dict[str, torch.Tensor]  # of the other players


def join(folders: Sequence[ModelFolder]) -> Joined:
    """The players of all folders in one, and in its config the forms of all.

    Raises:
        UserError: their configs differ in more than `forms`, or players of one name in their weights.
    """
    first, *others = folders
    config, inference, everything = first.config, first.tensors(), first.tensors(training=True)
    for other in others:
        where = f"{first.path} and {other.path}"
        if first.task != other.task or not hasattr(config, "forms"):
            raise UserError(f"{where} cannot be joined: they must be of one task, in which several forms are trained")
        names = [field.name for field in fields(config) if field.name != "forms"]
        if differing := [name for name in names if getattr(config, name) != getattr(other.config, name)]:
            raise UserError(f"{where} differ in {', '.join(differing)}; train them with the same")
        forms = [form for form in type(config.forms[0]) if form in (*config.forms, *other.config.forms)]
        config = replace(config, forms=forms)
        inference |= other.tensors()
        for name, tensor in other.tensors(training=True).items():
            if name in everything and not torch.equal(everything[name], tensor):
                raise UserError(f"{where} have different weights in {name.partition('.')[0]}; ship one of them")
            everything[name] = tensor
    training = {name: tensor for name, tensor in everything.items() if name not in inference}
    return Joined(first.task, config, inference, training)


def _half(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """fp16 keeps three more bits than the bf16 that inference computes in. Counters stay whole numbers, and what fp16
    cannot hold, such as the variance of loud features, stays as it is.
    """
    return {name: _narrowed(tensor) for name, tensor in tensors.items()}


def _narrowed(tensor: torch.Tensor) -> torch.Tensor:
    fits = tensor.is_floating_point() and tensor.half().isfinite().all()
    return tensor.half() if fits else tensor


if __name__ == "__main__":
    main()
