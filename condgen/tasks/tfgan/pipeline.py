"""Sentences and noise to clips, from a generator or a model folder."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from condgen.config import Precision
from condgen.data.animate_requests import Request, refuse_unfit
from condgen.errors import UserError
from condgen.latent.noise import numbered_noise
from condgen.runtime.device import channels_last, choose_device, choose_precision
from condgen.tasks.tfgan.config import build_generator, build_towers
from condgen.tasks.tfgan.networks import ClipNoise, Generator
from condgen.tasks.tfgan.text_towers import TextTowers, encoder_states
from condgen.text import encoder
from condgen.text.encoder import SentenceEncoder, Tokens
from condgen.text.remarks import warn_of
from condgen.text.stored import PLAYER as TEXT_ENCODER

if TYPE_CHECKING:
    from condgen.runtime.model_folder import ModelFolder
    from condgen.tasks.tfgan.config import Config

PORTION = 256 * 64**2  # pixels that a generator makes at once: its memory does not grow with clips and their frames


class Codes(NamedTuple):
    """What the generator is told of N sentences; sentences between two are weighted means of these."""

    content: Tensor  # (N, C)
    motion: Tensor  # (N, C)


class Pipeline:
    """A trained generator, and what reads its sentences. Tensors come and go on the CPU, in fp32.

    Args:
        generator, text_towers, text_encoder: taken as in eval mode and copied; they may go on training.
        config: the task's config that they were built from.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: of the convolutions.
    """

    has_gist = has_background = False

    def __init__(
        self,
        generator: Generator,
        text_towers: TextTowers,
        text_encoder: SentenceEncoder,
        config: Config,
        *,
        device: str = "auto",
        precision: Precision = Precision.AUTO,
    ):
        self.config, self.size, self.frames = config, config.size, config.frames
        self.device = choose_device(device)
        self._dtype = choose_precision(precision, self.device).dtype
        self.text_encoder = copy.deepcopy(text_encoder).to(self.device).eval()
        self._towers = copy.deepcopy(text_towers).to(self.device).eval()
        self._generator = channels_last(copy.deepcopy(generator).to(self.device)).eval()

    @classmethod
    def from_folder(cls, folder: ModelFolder, *, device: str = "auto") -> Pipeline:
        """Raises UserError when the folder's weights do not fit its config."""
        config = folder.config
        text_encoder, generator = encoder.build(config.text), build_generator(config)
        towers = build_towers(config, text_encoder)
        folder.fill(generator, "generator")
        folder.fill(towers, "text_towers")
        if not config.text.pretrained:
            folder.fill(text_encoder, TEXT_ENCODER)
        return cls(generator, towers, text_encoder, config, device=device)

    def __call__(self, text: str, *, seed: int = 0, frames: int = 0) -> Tensor:
        """One clip (3, T, S, S) in [-1, 1], as `condgen animate` makes it.

        Raises:
            UserError: as `animate`.
        """
        warn_of(self.text_encoder, text)
        return self.animate([Request(text)], seed=seed, frames=frames)[0]

    def animate(self, requests: Sequence[Request], *, seed: int = 0, frames: int = 0) -> Tensor:
        """A clip for each request: (N, 3, T, S, S) in [-1, 1]. Equal requests give equal clips, whatever else is made
        and however long they are, up to rounding.

        Args:
            frames: T; 0: as in training.

        Raises:
            UserError: a request has no text, or a background of its own, or holds nothing that the encoder can read;
                or frames are fewer than one.
        """
        for request in requests:
            self._refuse_unfit(request)
        texts = [request.text for request in requests]
        there = self.codes([request.toward or request.text for request in requests])
        share = torch.tensor([request.share if request.toward else 0.0 for request in requests])[:, None]
        codes = (torch.lerp(one, other, share) for one, other in zip(self.codes(texts), there, strict=True))
        noise = self.noise([request.number for request in requests], seed=seed, frames=frames)
        return self.animate_codes(Codes(*codes), noise)

    def gists(self, requests: Sequence[Request], *, seed: int = 0) -> Tensor:
        """Raises UserError: this model paints no gist."""
        raise UserError("this model paints no gist; take a text_to_video model, such as gist-shapes, for --gist")

    @torch.inference_mode()
    def codes(self, sentences: Sequence[str]) -> Codes:
        """Raises UserError: a sentence is empty or holds nothing that the encoder can read."""
        places = {sentence: place for place, sentence in enumerate(dict.fromkeys(sentences))}
        parts = []
        for start in range(0, len(places), encoder.PORTION):
            tokens = self.text_encoder.tokenize(list(places)[start : start + encoder.PORTION])
            tokens = Tokens(*(part.to(self.device) for part in tokens))
            parts.append(self._towers(encoder_states(self.text_encoder, tokens)))
        rows, width = [places[sentence] for sentence in sentences], self.config.towers.channels[-1]
        if not parts:
            return Codes(torch.empty(0, width), torch.empty(0, width))
        return Codes(*(torch.cat(codes).cpu()[rows] for codes in zip(*parts, strict=True)))

    def noise(self, numbers: Sequence[int], *, seed: int = 0, frames: int = 0) -> ClipNoise:
        """That of each number: it depends on number and seed alone, and longer clips have the same first frames.

        Raises:
            UserError: frames are fewer than one; 0 means as in training.
        """
        if frames < 0:
            raise UserError(f"a clip has one frame or more, not {frames}; 0 means {self.frames}")
        channels = self.config.generator.noise_channels
        values = numbered_noise(numbers, (2 + (frames or self.frames)) * channels, seed)
        return ClipNoise.split(values, channels)

    @torch.inference_mode()
    def animate_codes(self, codes: Codes, noise: ClipNoise) -> Tensor:
        """Codes and noise of N clips -> (N, 3, T, S, S) in [-1, 1].

        With one noise for all, clips of codes between two sentences show what changes from one to the other.
        """
        count, frames = noise.motion.shape[:2]
        most = max(1, PORTION // self.size**2)  # frames
        portion = max(1, most // frames)
        made = torch.empty(count, frames, 3, self.size, self.size)
        for start in range(0, count, portion):
            rows = slice(start, start + portion)
            told, drawn = ((part[rows].to(self.device) for part in one) for one in (codes, noise))
            with torch.autocast(self.device.type, self._dtype, enabled=self._dtype is not torch.float32):
                frame_codes = self._generator.frame_codes(ClipNoise(*drawn), *told).flatten(0, 1)
                for room, part in zip(made[rows].flatten(0, 1).split(most), frame_codes.split(most), strict=True):
                    room.copy_(self._generator.frames(part))
        return made.transpose(1, 2)

    def _refuse_unfit(self, request: Request) -> None:
        refuse_unfit(request)
        if request.background:
            raise UserError(
                f"this model has no background of its own sentence; the request for {request.text!r} names "
                f"{request.background!r}: take a text_to_video model"
            )
