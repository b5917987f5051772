"""Put a trained model folder among those that ship with the package: weights in half precision, and a finished card.

python tools/ship_model.py RUN/model srgan-x4 --card card.md
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from condgen.runtime import model_folder
from condgen.runtime.model_folder import ModelFolder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="the model folder of a run")
    parser.add_argument("name", help="the name it ships under")
    parser.add_argument("--card", type=Path, required=True, help="the finished card, Markdown")
    arguments = parser.parse_args()
    folder = ModelFolder.read(arguments.model)
    inference = folder.tensors()
    training = {name: tensor for name, tensor in folder.tensors(training=True).items() if name not in inference}
    path = model_folder.SHIPPED / arguments.name
    card = arguments.card.read_text(encoding="utf-8")
    model_folder.write(path, folder.task, folder.config, _half(inference), _half(training), card)
    for file in sorted(path.iterdir()):
        print(f"{file}: {file.stat().st_size / 2**20:.2f} MiB")


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
