"""Generated pictures judged by a classifier that was trained apart from their generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import condgen
from condgen.errors import UserError
from condgen.metrics.fid import fid
from condgen.runtime.model_folder import ModelFolder

PORTION = 500  # pictures that go through the classifier at once


class Judge:
    """A model of task `image_classifier` that takes pictures of any size.

    Args:
        model: name or folder.
        image_channels: of the pictures.
        classes: names that it must know.
        device: as of `condgen.load`.

    Raises:
        UserError: there is no such model, or it is for other colours or labels.
    """

    def __init__(self, model: str, *, image_channels: int, classes: Sequence[str] = (), device: str = "auto"):
        ModelFolder.find(model, task="image_classifier")
        self._classifier = condgen.load(model, device=device)
        self._size = self._classifier.config.size
        self.classes = tuple(self._classifier.classes)
        known = self._classifier.config.image_channels
        if known != image_channels:
            raise UserError(f"judge {model} takes {known} colour channels, the model makes {image_channels}")
        if unknown := [name for name in classes if name not in self.classes]:
            raise UserError(f"judge {model} knows no {', '.join(unknown)}; it knows {', '.join(self.classes)}")

    def __call__(self, images: Tensor) -> Tensor:
        """(N, C, H, W) in [-1, 1] -> probabilities (N, K)."""
        return self._classifier(self._fitted(images))

    def named(self, images: Tensor) -> list[str]:
        """(N, C, H, W) in [-1, 1] -> the likeliest class of each."""
        return [self.classes[index] for index in self(images).argmax(1).tolist()]

    def frechet_distance(self, fake: Tensor, real: Tensor) -> float:
        """Frechet distance of the classifier's features, lower is better; both (N, C, H, W) in [-1, 1].

        The same formula as FID's, with features that know these pictures. Only values of one judge and of equally many
        pictures can be compared.
        """
        sets = [[(part + 1) / 2 for part in self._fitted(images).split(PORTION)] for images in (fake, real)]
        return fid(*sets, extractor=ClassifierFeatures(self._classifier))

    def _fitted(self, images: Tensor) -> Tensor:
        if images.shape[-1] == self._size:
            return images
        return F.interpolate(images, size=(self._size, self._size), mode="bicubic", antialias=True).clamp(-1, 1)


class ClassifierFeatures(nn.Module):
    """What `fid` asks for, of an image classifier: (B, C, H, W) in [0, 1] -> what its last layer sees, (B, features).

    Args:
        classifier: the loaded model.
    """

    def __init__(self, classifier: Any):
        super().__init__()
        self._classifier = classifier

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        config = self._classifier.config
        if images.shape[-2:] != (config.size, config.size):
            images = F.interpolate(images, (config.size, config.size), mode="bicubic", antialias=True).clamp(0, 1)
        images = images.mean(1, keepdim=True) if config.image_channels == 1 else images
        return self._classifier.features(images * 2 - 1)
