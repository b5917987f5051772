"""Noise, or first frames, to clips, from a generator or a model folder."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from condgen.config import Precision
from condgen.errors import UserError
from condgen.latent.noise import numbered_noise
from condgen.networks.two_stream import Scene
from condgen.runtime.device import channels_last, choose_device, choose_precision
from condgen.tasks.vgan.config import build_generator
from condgen.tasks.vgan.networks import FirstFrameGenerator, Generator

if TYPE_CHECKING:
    from condgen.runtime.model_folder import ModelFolder
    from condgen.tasks.vgan.config import Config

PORTION = 16  # clips that go through the generator at once: memory for networks does not grow with their number


class Pipeline:
    """A trained generator. Tensors come and go on the CPU, in fp32.

    Args:
        generator: taken as in eval mode and copied; it may go on training.
        config: the task's config that it was built from.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: of the convolutions.
    """

    def __init__(
        self,
        generator: Generator | FirstFrameGenerator,
        config: Config,
        *,
        device: str = "auto",
        precision: Precision = Precision.AUTO,
    ):
        self.config, self.size, self.frames = config, config.size, config.frames
        self.device = choose_device(device)
        self._dtype = choose_precision(precision, self.device).dtype
        self._generator = channels_last(copy.deepcopy(generator).to(self.device)).eval()

    @classmethod
    def from_folder(cls, folder: ModelFolder, *, device: str = "auto") -> Pipeline:
        """Raises UserError when the folder's weights do not fit its config."""
        generator = build_generator(folder.config)
        folder.fill(generator, "generator")
        return cls(generator, folder.config, device=device)

    def __call__(self, source: int | Tensor, *, seed: int = 0) -> Tensor:
        """`animate`."""
        return self.animate(source, seed=seed)

    def animate(self, source: int | Tensor, *, seed: int = 0) -> Tensor:
        """So many clips, or a clip for each of the first frames (N, 3, S, S): (N, 3, T, S, S) in [-1, 1].

        Raises:
            UserError: as `parts`.
        """
        return self.parts(source, seed=seed).clip

    def noise(self, numbers: Sequence[int], seed: int = 0) -> Tensor:
        """N(0, 1) of each number, (N, noise_channels): it depends on number and seed alone."""
        return numbered_noise(numbers, self.config.generator.noise_channels, seed)

    def parts(self, source: int | Tensor, *, seed: int = 0) -> Scene:
        """Clips with their foreground, mask and background; arguments as of `animate`.

        Raises:
            UserError: the model goes on from first frames and has none, or the other way round, or they have another
                size.
        """
        if isinstance(source, Tensor) != self.config.first_frame:
            wanted = "goes on from first frames; give it those" if self.config.first_frame else "takes no first frames"
            raise UserError(f"this model {wanted}")
        if not isinstance(source, Tensor):
            return self.decode(self.noise(range(source), seed))
        if source.shape[1:] != (3, self.size, self.size):
            raise UserError(
                f"first frames must be (N, 3, {self.size}, {self.size}), got {tuple(source.shape)}; resize them"
            )
        return self.decode(source)

    @torch.inference_mode()
    def decode(self, inputs: Tensor) -> Scene:
        """Noise (N, noise_channels), or first frames (N, 3, S, S) in [-1, 1], to clips and their parts."""
        made = []
        for part in inputs.split(PORTION):  # one empty part of none
            with torch.autocast(self.device.type, self._dtype, enabled=self._dtype is not torch.float32):
                made.append(Scene(*(one.float().cpu() for one in self._generator(part.to(self.device)))))
        return Scene(*(torch.cat(parts) for parts in zip(*made, strict=True)))
