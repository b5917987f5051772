"""Labels, latent codes and noise to pictures, from a generator or a model folder."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from condgen.conditioning.condition import Condition
from condgen.conditioning.encoders import LatentCode, label_condition
from condgen.config import Precision
from condgen.errors import UserError
from condgen.runtime.device import channels_last, choose_device, choose_precision
from condgen.tasks.class_conditional.config import build_discriminator, build_generator
from condgen.tasks.class_conditional.discriminator import Discriminator, Judgement, Judging
from condgen.tasks.class_conditional.networks import Generator

if TYPE_CHECKING:
    from condgen.runtime.model_folder import ModelFolder
    from condgen.tasks.class_conditional.config import Config

PORTION = 64  # pictures that go through a network at once: memory does not grow with their number, and caches hold them


class Pipeline:
    """A trained generator, and where the game needs it to tell classes or codes, its discriminator.

    Tensors come and go on the CPU, in fp32.

    Args:
        generator: taken as in eval mode and copied; it may go on training.
        config: the task's config that the networks were built from.
        discriminator: for `classify` and `codes_of`.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: of the convolutions.
    """

    def __init__(
        self,
        generator: Generator,
        config: Config,
        *,
        discriminator: Discriminator | None = None,
        device: str = "auto",
        precision: Precision = Precision.AUTO,
    ):
        self.config = config
        self.classes = tuple(config.classes) if config.conditional else ()
        self.device = choose_device(device)
        self._dtype = choose_precision(precision, self.device).dtype
        self._generator = channels_last(copy.deepcopy(generator).to(self.device)).eval()
        self._discriminator = None
        if discriminator is not None:
            self._discriminator = channels_last(copy.deepcopy(discriminator).to(self.device)).eval()

    @classmethod
    def from_folder(cls, folder: ModelFolder, *, device: str = "auto") -> Pipeline:
        """Raises UserError when the folder's weights do not fit its config."""
        config = folder.config
        generator, discriminator = build_generator(config), None
        folder.fill(generator, "generator")
        if config.codes.space or config.discriminator.judging is Judging.CLASSES_AND_FAKE:
            discriminator = build_discriminator(config)
            folder.fill(discriminator, "discriminator")
        return cls(generator, config, discriminator=discriminator, device=device)

    def __call__(self, count: int, *, labels: Sequence[str] | None = None, seed: int = 0) -> Tensor:
        """`sample`."""
        return self.sample(count, labels=labels, seed=seed)

    def noise(self, count: int, seed: int = 0) -> Tensor:
        """What pictures are made from: N(0, 1) and behind it random codes, (count, Z), the same for the same seed."""
        random = torch.Generator().manual_seed(seed)
        noise = torch.randn(count, self.config.generator.noise_channels, generator=random)
        space = self.config.codes.space
        return noise if space is None else torch.cat([noise, space.draw(count, generator=random).vector], dim=1)

    def with_codes(self, noise: Tensor, categories: Tensor, values: Tensor) -> Tensor:
        """The same noise with other codes: (N, Z), categories (N, C) int64, values (N, V) in [-1, 1] -> (N, Z)."""
        space = self.config.codes.space
        if space is None:
            raise UserError("this model has no latent codes")
        own = noise[:, : self.config.generator.noise_channels]
        return torch.cat([own, space.encode(categories, values).vector], dim=1)

    def sample(self, count: int, *, labels: Sequence[str] | None = None, seed: int = 0) -> Tensor:
        """Pictures (count, C, S, S) in [-1, 1]; where labels are needed and none are given, all in turn.

        Raises:
            UserError: as `decode`.
        """
        if labels is None and self.classes:
            labels = [self.classes[number % len(self.classes)] for number in range(count)]
        return self.decode(self.noise(count, seed), labels)

    @torch.inference_mode()
    def decode(self, noise: Tensor, labels: Sequence[str] | None = None) -> Tensor:
        """(N, Z) as `noise` gives it, to pictures (N, C, S, S) in [-1, 1].

        Raises:
            UserError: labels are missing, unknown, or not one for each.
        """
        condition = label_condition(self.classes, len(noise), labels)
        parts = [slice(start, start + PORTION) for start in range(0, len(noise), PORTION)]
        with self._autocast():
            made = [self._generator(noise[rows].to(self.device), condition[rows].to(self.device)) for rows in parts]
        return torch.cat(made).float().cpu()

    def classify(self, images: Tensor) -> Tensor:
        """Pictures (N, C, S, S) in [-1, 1] -> probabilities (N, classes), of a semi-supervised model.

        Raises:
            UserError: the model tells no classes.
        """
        if self._discriminator is None or self.config.discriminator.judging is not Judging.CLASSES_AND_FAKE:
            raise UserError("this model tells no classes; a semi-supervised one (judging=classes_and_fake) does")
        return torch.cat([judged.class_logits.float().softmax(1).cpu() for judged in self._judged(images)])

    def codes_of(self, images: Tensor) -> LatentCode:
        """The likeliest latent codes of pictures (N, C, S, S) in [-1, 1].

        Raises:
            UserError: the model has none.
        """
        space = self.config.codes.space
        if space is None or self._discriminator is None:
            raise UserError("this model has no latent codes")
        found = [judged.code for judged in self._judged(images)]
        columns = zip(*(one.class_logits for one in found), strict=True) if space.categorical else ()
        likeliest = [torch.cat(column).argmax(1) for column in columns]
        values = torch.cat([one.mean for one in found]).float().clamp(-1, 1).cpu()
        none = torch.zeros(len(images), 0, dtype=torch.int64)
        return space.encode(torch.stack(likeliest, dim=1).cpu() if likeliest else none, values)

    @torch.inference_mode()
    def _judged(self, images: Tensor) -> list[Judgement]:
        with self._autocast():
            return [self._discriminator(part.to(self.device), Condition()) for part in images.split(PORTION)]

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, self._dtype, enabled=self._dtype is not torch.float32)
