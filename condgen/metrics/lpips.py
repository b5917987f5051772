"""Learned perceptual distance."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from condgen.errors import UserError


class LPIPS:
    """LPIPS, lower is better (Zhang et al., 2018, arXiv 1801.03924, version 0.1), as torchmetrics computes it.

    By AlexNet's features, the authors' choice for evaluation.

    Args:
        weights: a local file with torchvision's ImageNet weights of AlexNet; without it they are downloaded once.

    Raises:
        UserError: the weights cannot be downloaded, or the file does not hold them.
    """

    def __init__(self, weights: Path | None = None):
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity
        from torchvision.models import AlexNet_Weights

        url = AlexNet_Weights.IMAGENET1K_V1.url
        name = url.rsplit("/", 1)[-1]
        try:
            with _provided(name, weights):
                self.metric = LearnedPerceptualImagePatchSimilarity("alex", normalize=True)
        except OSError as problem:
            raise UserError(f"LPIPS needs {url}, not fetched ({problem}); give the file by hand as `weights`") from None
        except RuntimeError:
            raise UserError(f"{weights} does not hold the weights of {name}") from None

    @torch.no_grad()
    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """(B, 3, H, W) twice, RGB in [0, 1] -> (B,)."""
        metric = self.metric.to(prediction.device)
        pairs = zip(prediction.float().clamp(0, 1), target.float().clamp(0, 1), strict=True)
        distances = [metric(one[None], other[None]) for one, other in pairs]
        metric.reset()
        return torch.stack(distances)


@contextmanager
def _provided(name: str, weights: Path | None):
    """Inside, torchvision finds the user's file where it looks before it downloads. The file runs no code."""
    if weights is None:
        yield
        return
    before = torch.hub.get_dir()
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = Path(folder, "checkpoints")
        checkpoints.mkdir()
        torch.save(_tensors(weights), checkpoints / name)
        torch.hub.set_dir(folder)
        try:
            yield
        finally:
            torch.hub.set_dir(before)


def _tensors(weights: Path) -> dict[str, Tensor]:
    try:
        return torch.load(weights, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"there is no file {weights} with the weights of LPIPS") from None
    except Exception as problem:  # torch.load has no exception of its own for a damaged file
        raise UserError(f"{weights} cannot be read as weights: {str(problem).splitlines()[0]}") from None
