"""Sentences and noise to pictures, from generators or a model folder."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor

from condgen.conditioning.condition import Condition
from condgen.config import Precision
from condgen.data.draw_requests import Place, Request
from condgen.data.picture_grid import to_uint8
from condgen.errors import UserError
from condgen.latent.noise import numbered_noise
from condgen.runtime.device import channels_last, choose_device, choose_precision
from condgen.tasks.gan_cls.config import build_generator, build_second_generator
from condgen.tasks.gan_cls.networks import SIZE, Generator
from condgen.tasks.gan_cls.second_stage import SecondGenerator
from condgen.text import encoder
from condgen.text.encoder import SentenceEncoder
from condgen.text.remarks import warn_of
from condgen.text.stored import PLAYER as TEXT_ENCODER

if TYPE_CHECKING:
    from condgen.runtime.model_folder import ModelFolder
    from condgen.tasks.gan_cls.config import Config

PORTION = 64 * SIZE**2  # pixels that a generator makes at once: memory does not grow with the number of pictures


class Pipeline:
    """Trained generators and the encoder of their sentences. Tensors come and go on the CPU, in fp32.

    Args:
        generator, text_encoder: taken as in eval mode and copied; they may go on training.
        config: the task's config that they were built from.
        second_generator: of models that have a second stage; copied too.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: of the convolutions.
    """

    takes = frozenset({Place.TEXT})
    keypoint_names: tuple[str, ...] = ()

    def __init__(
        self,
        generator: Generator,
        text_encoder: SentenceEncoder,
        config: Config,
        *,
        second_generator: SecondGenerator | None = None,
        device: str = "auto",
        precision: Precision = Precision.AUTO,
    ):
        self.config, self.size = config, config.size
        self.device = choose_device(device)
        self._dtype = choose_precision(precision, self.device).dtype
        self.text_encoder = copy.deepcopy(text_encoder).to(self.device).eval()
        self._generator = channels_last(copy.deepcopy(generator).to(self.device)).eval()
        self._second = None
        if second_generator is not None:
            self._second = channels_last(copy.deepcopy(second_generator).to(self.device)).eval()

    @classmethod
    def from_folder(cls, folder: ModelFolder, *, device: str = "auto") -> Pipeline:
        """Raises UserError when the folder's weights do not fit its config."""
        config, second = folder.config, None
        generator, text_encoder = build_generator(config), encoder.build(config.text)
        folder.fill(generator, "generator")
        if not config.text.pretrained:
            folder.fill(text_encoder, TEXT_ENCODER)
        if config.second_stage is not None:
            second = build_second_generator(config)
            folder.fill(second, "second_generator")
        return cls(generator, text_encoder, config, second_generator=second, device=device)

    def __call__(self, text: str, *, seed: int = 0) -> Image.Image:
        """One picture, as `condgen draw` makes it.

        Raises:
            UserError: the text is empty, or has no word that the encoder can read or knows.
        """
        warn_of(self.text_encoder, text)
        return Image.fromarray(to_uint8(self.draw([Request(text)], seed=seed))[0])

    def draw(self, requests: Sequence[Request], *, seed: int = 0) -> Tensor:
        """A picture for each request: (N, 3, S, S) in [-1, 1]. Equal requests give equal pictures, whatever else is
        drawn, up to rounding.

        Raises:
            UserError: a request has no text, or a place.
        """
        for request in requests:
            if not request.text.strip():
                raise UserError("a request needs a text")
            if request.box is not None or request.keypoints:
                raise UserError(f"this model draws by text alone; the request for {request.text!r} has a place")
        noise = self.noise([request.number for request in requests], seed)
        return self.draw_vectors(self.vectors([request.text for request in requests]), noise)

    def vectors(self, sentences: Sequence[str]) -> Tensor:
        """(N, width); sentences between two are weighted means of these.

        Raises:
            UserError: a sentence is empty or holds nothing that the encoder can read.
        """
        return self.text_encoder.encode(sentences)

    def noise(self, numbers: Sequence[int], seed: int = 0) -> Tensor:
        """N(0, 1) of each number, (N, noise_channels): it depends on number and seed alone."""
        return numbered_noise(numbers, self.config.generator.noise_channels, seed)

    @torch.inference_mode()
    def draw_vectors(self, vectors: Tensor, noise: Tensor) -> Tensor:
        """Sentence vectors (N, width) and noise (N, noise_channels) to pictures (N, 3, S, S) in [-1, 1].

        With one noise for all, pictures of vectors between two sentences show what changes from one to the other.
        """
        portion = PORTION // self.size**2
        pairs = zip(vectors.split(portion), noise.split(portion), strict=True)
        made = [self._draw(vector.to(self.device), one.to(self.device)) for vector, one in pairs if len(vector)]
        return torch.cat([torch.empty(0, 3, self.size, self.size), *made])

    def _draw(self, vector: Tensor, noise: Tensor) -> Tensor:
        condition = Condition(vector=vector)
        with torch.autocast(self.device.type, self._dtype, enabled=self._dtype is not torch.float32):
            image = self._generator(noise, condition).image
            if self._second is not None:
                image = self._second(image, condition).image
        return image.float().cpu()
