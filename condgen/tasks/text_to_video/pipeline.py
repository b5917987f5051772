"""Sentences and noise to clips, from a generator or a model folder."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from condgen.conditioning.condition import Condition
from condgen.config import Precision
from condgen.data.animate_requests import Request, refuse_unfit
from condgen.errors import UserError
from condgen.latent.noise import numbered_noise
from condgen.networks.two_stream import Scene
from condgen.runtime.device import channels_last, choose_device, choose_precision
from condgen.tasks.text_to_video.config import build_generator
from condgen.tasks.text_to_video.networks import Drawn, Generator, Noise
from condgen.text import encoder
from condgen.text.encoder import SentenceEncoder
from condgen.text.remarks import warn_of
from condgen.text.stored import PLAYER as TEXT_ENCODER

if TYPE_CHECKING:
    from condgen.runtime.model_folder import ModelFolder
    from condgen.tasks.text_to_video.config import Config

PORTION = 16  # clips that go through the generator at once: memory for networks does not grow with their number


class Parts(NamedTuple):
    """Clips, and what they are made of."""

    clip: Tensor  # (N, 3, T, S, S) in [-1, 1]
    foreground: Tensor  # (N, 3, T, S, S) in [-1, 1]
    mask: Tensor  # (N, 1, T, S, S) in [0, 1]: how much of the foreground is seen
    background: Tensor  # (N, 3, S, S) in [-1, 1]
    gist: Tensor  # (N, 3, S, S) in [-1, 1]; of a model without gists (0, 3, S, S)


class Pipeline:
    """A trained generator and the encoder of its sentences. Tensors come and go on the CPU, in fp32.

    Args:
        generator, text_encoder: taken as in eval mode and copied; they may go on training.
        config: the task's config that they were built from.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: of the convolutions.
    """

    has_background = True

    def __init__(
        self,
        generator: Generator,
        text_encoder: SentenceEncoder,
        config: Config,
        *,
        device: str = "auto",
        precision: Precision = Precision.AUTO,
    ):
        self.config, self.size, self.frames, self.has_gist = config, config.size, config.frames, config.gist
        self.device = choose_device(device)
        self._dtype = choose_precision(precision, self.device).dtype
        self.text_encoder = copy.deepcopy(text_encoder).to(self.device).eval()
        self._generator = channels_last(copy.deepcopy(generator).to(self.device)).eval()

    @classmethod
    def from_folder(cls, folder: ModelFolder, *, device: str = "auto") -> Pipeline:
        """Raises UserError when the folder's weights do not fit its config."""
        config = folder.config
        generator, text_encoder = build_generator(config), encoder.build(config.text)
        folder.fill(generator, "generator")
        if not config.text.pretrained:
            folder.fill(text_encoder, TEXT_ENCODER)
        return cls(generator, text_encoder, config, device=device)

    def __call__(self, text: str, *, seed: int = 0) -> Tensor:
        """One clip (3, T, S, S) in [-1, 1]. Raises UserError as `animate`."""
        warn_of(self.text_encoder, text)
        return self.animate([Request(text)], seed=seed)[0]

    def animate(self, requests: Sequence[Request], *, seed: int = 0, frames: int = 0) -> Tensor:
        """A clip for each request: (N, 3, T, S, S) in [-1, 1]. Equal requests give equal clips, whatever else is made,
        up to rounding.

        Args:
            frames: of each clip; 0, or as many as in training: this model makes no others.

        Raises:
            UserError: a request has no text, its text holds nothing that the encoder can read, or its share is none; or
                other frames are wanted.
        """
        if frames not in (0, self.frames):
            raise UserError(f"this model makes clips of {self.frames} frames, not of {frames}; leave --frames out")
        return self.parts(requests, seed=seed).clip

    def parts(self, requests: Sequence[Request], *, seed: int = 0) -> Parts:
        """As `animate`, with what the clips are made of. Raises UserError likewise."""
        vectors, backgrounds = self._sentences(requests)
        return self.animate_vectors(vectors, self._noise_of(requests, seed), background_vectors=backgrounds)

    @torch.inference_mode()
    def gists(self, requests: Sequence[Request], *, seed: int = 0) -> Tensor:
        """The gists of the requests' clips alone, (N, 3, S, S) in [-1, 1].

        Raises:
            UserError: as `animate`, or the model has no gists.
        """
        if not self.has_gist:
            raise UserError("this model paints no gist; take one of task text_to_video that was trained with gist=true")
        vectors, _ = self._sentences(requests)
        codes, made = self._noise_of(requests, seed).gist, [torch.empty(0, 3, self.size, self.size)]
        for rows in _portions(len(vectors)):
            with self._autocast():
                condition = Condition(vector=vectors[rows].to(self.device))
                made.append(self._generator.gist(codes[rows].to(self.device), condition).float().cpu())
        return torch.cat(made)

    def vectors(self, sentences: Sequence[str]) -> Tensor:
        """(N, width); sentences between two are weighted means of these.

        Raises:
            UserError: a sentence is empty or holds nothing that the encoder can read.
        """
        return self.text_encoder.encode(sentences)

    def noise(self, numbers: Sequence[int], seed: int = 0) -> Noise:
        """N(0, 1) of each number for gist and motion: it depends on number and seed alone.

        One gist's noise with many motions' shows what may happen before one background.
        """
        channels = self.config.streams.motion_channels
        drawn = numbered_noise(numbers, self.config.gist_code + channels, seed)
        return Noise(*drawn.split([self.config.gist_code, channels], dim=1))

    @torch.inference_mode()
    def animate_vectors(self, vectors: Tensor, noise: Noise, *, background_vectors: Tensor | None = None) -> Parts:
        """Sentence vectors (N, width) and noise of N clips to clips and their parts.

        Args:
            background_vectors: (N, width) of sentences; what moves is then seen before the backgrounds that these get
                of the same noise.
        """
        made = [self._nothing()]
        for rows in _portions(len(vectors)):
            gist, motion = (one[rows].to(self.device) for one in noise)
            drawn = self._drawn(Noise(gist, motion), vectors[rows])
            scene = drawn.scene
            if background_vectors is not None:
                other = self._drawn(Noise(gist, motion), background_vectors[rows]).scene
                scene = Scene.of(scene.foreground, scene.mask, other.background)
            gists = made[0].gist if drawn.gist is None else drawn.gist
            made.append(Parts(*(one.float().cpu() for one in (*scene, gists))))
        return Parts(*(torch.cat(parts) for parts in zip(*made, strict=True)))

    def _drawn(self, noise: Noise, vectors: Tensor) -> Drawn:
        with self._autocast():
            return self._generator(noise, Condition(vector=vectors.to(self.device)))

    def _sentences(self, requests: Sequence[Request]) -> tuple[Tensor, Tensor | None]:
        """Vectors of what the clips, and of what their backgrounds are to show, (N, width); None: the same."""
        for request in requests:
            refuse_unfit(request)
        texts = self.vectors([one.text for one in requests])
        toward = self.vectors([one.toward or one.text for one in requests])
        told = torch.lerp(texts, toward, torch.tensor([float(one.share) for one in requests])[:, None])
        if not any(one.background for one in requests):
            return told, None
        backgrounds = self.vectors([one.background or one.text for one in requests])
        own = torch.tensor([not one.background for one in requests], dtype=torch.bool)[:, None]
        return told, torch.where(own, told, backgrounds)

    def _noise_of(self, requests: Sequence[Request], seed: int) -> Noise:
        return self.noise([request.number for request in requests], seed)

    def _nothing(self) -> Parts:
        clip, picture = torch.empty(0, 3, self.frames, self.size, self.size), torch.empty(0, 3, self.size, self.size)
        return Parts(clip, clip, clip[:, :1], picture, picture)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, self._dtype, enabled=self._dtype is not torch.float32)


def _portions(count: int) -> list[slice]:
    return [slice(start, start + PORTION) for start in range(0, count, PORTION)]
