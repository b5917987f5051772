"""Pictures in, probabilities or features out, from a classifier or a model folder."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from condgen.errors import UserError
from condgen.runtime.device import channels_last, choose_device
from condgen.tasks.image_classifier.networks import FEATURES, Classifier

if TYPE_CHECKING:
    from condgen.runtime.model_folder import ModelFolder
    from condgen.tasks.image_classifier.task import Config

TOGETHER = 500  # pictures computed at a time


class Pipeline:
    """A trained classifier as a callable. It computes in fp32: what measures must not round.

    Args:
        classifier: copied; it may go on training.
        config: the task's config that the classifier was built from.
        device: "auto", "cpu", "cuda" or "cuda:N".
    """

    def __init__(self, classifier: Classifier, config: Config, *, device: str = "auto"):
        self.config = config
        self.device = choose_device(device)
        self.classifier = channels_last(copy.deepcopy(classifier).eval().requires_grad_(False).to(self.device))

    @classmethod
    def from_folder(cls, folder: ModelFolder, *, device: str = "auto") -> Pipeline:
        """Raises UserError when the folder's weights do not fit its config."""
        from condgen.tasks.image_classifier.task import build_classifier

        classifier = build_classifier(folder.config)
        folder.fill(classifier, "classifier")
        return cls(classifier, folder.config, device=device)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, in the order of the probabilities."""
        return tuple(self.config.classes)

    def __call__(self, images: Tensor) -> Tensor:
        """(N, C, S, S) in [-1, 1] -> probabilities (N, classes), fp32, on the pictures' device.

        Raises:
            UserError: the pictures are of another size or number of channels.
        """
        return self._in_parts(lambda part: self.classifier(part).softmax(1), images, len(self.classes))

    def features(self, images: Tensor) -> Tensor:
        """(N, C, S, S) in [-1, 1] -> what the last layer sees, (N, 128), fp32, on the pictures' device.

        Raises:
            UserError: as above.
        """
        return self._in_parts(self.classifier.features, images, FEATURES)

    @torch.no_grad()
    def _in_parts(self, compute: Callable[[Tensor], Tensor], images: Tensor, width: int) -> Tensor:
        wanted = (self.config.image_channels, self.config.size, self.config.size)
        if images.ndim != 4 or tuple(images.shape[1:]) != wanted:
            form = ", ".join(map(str, wanted))
            raise UserError(f"the classifier takes pictures (N, {form}), got {tuple(images.shape)}")
        result = torch.empty(len(images), width, device=images.device)
        for start in range(0, len(images), TOGETHER):
            part = images[start : start + TOGETHER].to(self.device, torch.float32, memory_format=torch.channels_last)
            result[start : start + TOGETHER] = compute(part).to(images.device)
        return result
