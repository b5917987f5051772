"""Noise to points, and with ALI points to latent vectors and back, from a generator or a model folder."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from condgen.errors import UserError
from condgen.runtime.device import choose_device
from condgen.tasks.gaussian_mixture.networks import Encoder, Generator

if TYPE_CHECKING:
    from condgen.runtime.model_folder import ModelFolder
    from condgen.tasks.gaussian_mixture.task import Config


class Pipeline:
    """A trained generator. Called with a count it draws points.

    Tensors come and go on the CPU, in fp32, which is also what is computed in.

    Args:
        generator: taken as in eval mode and copied; it may go on training.
        config: the task's config that the generator was built from.
        device: "auto", "cpu", "cuda" or "cuda:N".
    """

    def __init__(self, generator: Generator, config: Config, *, device: str = "auto"):
        self.config, self.device = config, choose_device(device)
        self._generator = copy.deepcopy(generator).to(self.device).eval()

    @classmethod
    def from_folder(cls, folder: ModelFolder, *, device: str = "auto") -> Pipeline:
        """Raises UserError when the folder's weights do not fit its config."""
        from condgen.tasks.gaussian_mixture.task import build_generator

        generator = build_generator(folder.config)
        folder.fill(generator, "generator")
        return cls(generator, folder.config, device=device)

    def __call__(self, count: int, *, seed: int = 0) -> Tensor:
        """Points (count, 2) decoded from noise, the same for the same seed."""
        noise = torch.randn(count, self.config.latent_size, generator=torch.Generator().manual_seed(seed))
        return self.decode(noise)

    @torch.inference_mode()
    def decode(self, latent: Tensor) -> Tensor:
        """Latent vectors (N, Z) to points (N, 2)."""
        return self._generator.decoder(latent.to(self.device)).cpu()

    @property
    def encodes(self) -> bool:
        """Whether there is an encoder."""
        return self._generator.encoder is not None

    @torch.inference_mode()
    def encode(self, points: Tensor) -> Tensor:
        """Points (N, 2) to their posteriors' means (N, Z).

        Raises:
            UserError: the model has no encoder.
        """
        return self._encoder()(points.to(self.device)).mean.cpu()

    def reconstruct(self, points: Tensor) -> Tensor:
        """Points (N, 2) encoded and decoded. Raises UserError as `encode`."""
        return self.decode(self.encode(points))

    def _encoder(self) -> Encoder:
        if self._generator.encoder is None:
            raise UserError("this model has no encoder; train one with model.game=ali")
        return self._generator.encoder
