"""Clips in, probabilities or features out, from a classifier or a model folder."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from condgen.errors import UserError
from condgen.runtime.device import channels_last, choose_device
from condgen.tasks.clip_classifier.config import Config, build_classifier
from condgen.tasks.clip_classifier.networks import Classifier

if TYPE_CHECKING:
    from condgen.runtime.model_folder import ModelFolder

TOGETHER = 32  # clips computed at a time


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
        classifier = build_classifier(folder.config)
        folder.fill(classifier, "classifier")
        return cls(classifier, folder.config, device=device)

    @property
    def heads(self) -> dict[str, tuple[str, ...]]:
        """What each head tells apart, in the order of its probabilities."""
        return {name: tuple(values) for name, values in self.config.heads.items()}

    def __call__(self, clips: Tensor) -> dict[str, Tensor]:
        """(N, 3, T, S, S) in [-1, 1] -> of each head probabilities (N, K), fp32, on the clips' device.

        Raises:
            UserError: the clips are of another size or length.
        """
        logits = self._in_parts(lambda part: torch.cat(self.classifier(part), dim=1), clips)
        parts = logits.split(self.classifier.classes, dim=1)
        return {name: part.softmax(1) for name, part in zip(self.heads, parts, strict=True)}

    def features(self, clips: Tensor) -> Tensor:
        """(N, 3, T, S, S) in [-1, 1] -> what the heads see, (N, 128), fp32, on the clips' device.

        Raises:
            UserError: as above.
        """
        return self._in_parts(self.classifier.features, clips)

    @torch.no_grad()
    def _in_parts(self, compute: Callable[[Tensor], Tensor], clips: Tensor) -> Tensor:
        config = self.config
        wanted = (3, config.frames, config.size, config.size)
        if clips.ndim != 5 or not len(clips) or tuple(clips.shape[1:]) != wanted:
            form = ", ".join(map(str, wanted))
            raise UserError(f"the classifier takes clips (N, {form}), got {tuple(clips.shape)}")
        layout = {"dtype": torch.float32, "memory_format": torch.channels_last_3d}
        return torch.cat([compute(part.to(self.device, **layout)).to(clips.device) for part in clips.split(TOGETHER)])
