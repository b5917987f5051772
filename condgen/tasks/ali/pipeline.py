"""Pictures to latent vectors and back, from a generator or a model folder."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from condgen.conditioning.condition import Condition
from condgen.conditioning.encoders import label_condition
from condgen.config import Precision
from condgen.data.files import write_atomically
from condgen.data.image import Picture, fit, from_tensor, read, read_rgb, to_signed
from condgen.data.image_output import refuse_unwritable, write
from condgen.latent import projection
from condgen.runtime.device import channels_last, choose_device, choose_precision
from condgen.tasks.ali.networks import SIZE, Generator

if TYPE_CHECKING:
    from condgen.latent.optimization import Decode
    from condgen.runtime.model_folder import ModelFolder
    from condgen.tasks.ali.task import Config

PORTION = 250  # pictures that go through a network at once: memory does not grow with their number


class Pipeline:
    """A trained encoder and decoder. Called with pictures it reconstructs them.

    Tensors come and go on the CPU, in fp32. An encoding is the posterior's mean, so that nothing is left to chance.
    Where the model is conditional, `labels` names each picture's class; elsewhere it must be left out.

    Args:
        generator: taken as in eval mode and copied; it may go on training.
        config: the task's config that the generator was built from.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: of the convolutions.
    """

    def __init__(
        self, generator: Generator, config: Config, *, device: str = "auto", precision: Precision = Precision.AUTO
    ):
        self.config, self.classes = config, tuple(config.classes)
        self.size, self.image_channels = SIZE, config.image_channels
        self.device = choose_device(device)
        self._dtype = choose_precision(precision, self.device).dtype
        self._generator = channels_last(copy.deepcopy(generator).to(self.device)).eval()

    @classmethod
    def from_folder(cls, folder: ModelFolder, *, device: str = "auto") -> Pipeline:
        """Raises UserError when the folder's weights do not fit its config."""
        from condgen.tasks.ali.task import build_generator

        generator = build_generator(folder.config)
        folder.fill(generator, "generator")
        return cls(generator, folder.config, device=device)

    def __call__(self, images: Tensor, labels: Sequence[str] | None = None) -> Tensor:
        """`reconstruct`."""
        return self.reconstruct(images, labels)

    def noise(self, count: int, seed: int = 0) -> Tensor:
        """Latent vectors (count, Z) of N(0, 1), the same for the same seed."""
        return torch.randn(count, self.config.latent_size, generator=torch.Generator().manual_seed(seed))

    def decode(self, latent: Tensor, labels: Sequence[str] | None = None) -> Tensor:
        """Latent vectors (N, Z) to pictures (N, C, 32, 32) in [-1, 1].

        Raises:
            UserError: labels are missing, unknown, or not one for each.
        """
        return self._by_portions(self._generator.decoder, latent, labels)

    def decoder(self, label: str | None = None) -> Decode:
        """What searches in latent space take: latent vectors (N, Z) to pictures (N, C, 32, 32), with gradients.

        All vectors are of one class. Computed in fp32 and at once: steps of a search drown in the rounding of bf16.
        The call raises UserError as `decode`.
        """

        def decode(latent: Tensor) -> Tensor:
            labels = None if label is None else [label] * len(latent)
            condition = label_condition(self.classes, len(latent), labels).to(self.device)
            return self._generator.decoder(latent.to(self.device), condition).cpu()

        return decode

    def sample(self, count: int, *, labels: Sequence[str] | None = None, seed: int = 0) -> Tensor:
        """Pictures (count, C, 32, 32) in [-1, 1] from noise; where labels are needed and none are given, all in turn.

        Raises:
            UserError: as `decode`.
        """
        if labels is None and self.classes:
            labels = [self.classes[number % len(self.classes)] for number in range(count)]
        return self.decode(self.noise(count, seed), labels)

    def encode(self, images: Tensor, labels: Sequence[str] | None = None) -> Tensor:
        """Pictures (N, C, 32, 32) in [-1, 1] to latent vectors (N, Z). Raises UserError as `decode`."""
        encoder = self._generator.encoder
        return self._by_portions(lambda part, condition: encoder(part, condition).mean, images, labels)

    def features(self, images: Tensor, labels: Sequence[str] | None = None) -> Tensor:
        """Pictures (N, C, 32, 32) in [-1, 1] to (N, F), see `Encoder.features`. Raises UserError as `decode`."""
        return self._by_portions(self._generator.encoder.features, images, labels)

    def reconstruct(self, images: Tensor, labels: Sequence[str] | None = None) -> Tensor:
        """Pictures (N, C, 32, 32) in [-1, 1] encoded and decoded. Raises UserError as `decode`."""
        return self.decode(self.encode(images, labels), labels)

    def project(self, images: Tensor, labels: Sequence[str] | None = None) -> Tensor:
        """Latent vectors (N, Z) whose pictures are nearest to these (N, C, 32, 32) in [-1, 1].

        Nearer than the pictures of `encode`, from whose vectors it searches on (see `latent.projection`), but seconds
        a picture. Raises UserError as `decode`.
        """
        found = []
        for image, label in zip(images, labels or [None] * len(images), strict=True):
            one = image[None]  # encoded alone, too: in another batch the start is rounded otherwise, and so the end
            start = self.encode(one, labels and [label])
            found.append(projection.project(one, self.decoder(label), start).latents)
        return torch.cat(found)

    def read(self, path: Path) -> Tensor:
        """A file as training sees it: cut to a square, resized, in the model's colours, (1, C, 32, 32) in [-1, 1].

        Raises:
            UserError: the file cannot be read.
        """
        image = Image.fromarray(fit(read_rgb(path), SIZE)).convert("L" if self.image_channels == 1 else "RGB")
        pixels = torch.from_numpy(np.array(image)).view(1, SIZE, SIZE, self.image_channels)
        return to_signed(pixels.permute(0, 3, 1, 2))

    def encode_file(self, source: Path, target: Path, *, label: str | None = None) -> None:
        """Write latent vector `z` (Z,) and `features` (F,) of a picture as NumPy's .npz.

        Raises:
            UserError: the source cannot be read or the target not written, or as `decode`.
        """
        images, labels = self.read(source), None if label is None else [label]
        file = io.BytesIO()
        np.savez(file, z=self.encode(images, labels)[0].numpy(), features=self.features(images, labels)[0].numpy())
        write_atomically(target, file.getbuffer())

    def reconstruct_file(self, source: Path, target: Path, *, label: str | None = None) -> None:
        """Read, reconstruct, write at 32x32 pixels with 8 bits; grey stays grey, RGB stays RGB, alpha is left out.

        Raises:
            UserError: as `encode_file`.
        """
        self._remake_file(self.encode, source, target, label)

    def project_file(self, source: Path, target: Path, *, label: str | None = None) -> None:
        """The picture nearest to the source that the decoder is found to make, written as by `reconstruct_file`.

        Raises:
            UserError: as `encode_file`.
        """
        self._remake_file(self.project, source, target, label)

    def _remake_file(
        self, bring: Callable[[Tensor, Sequence[str] | None], Tensor], source: Path, target: Path, label: str | None
    ) -> None:
        """`bring`: pictures to latent vectors."""
        like = np.empty((SIZE, SIZE, read(source).pixels.shape[2]), np.uint8)
        refuse_unwritable(target, like, alpha=False)
        labels = None if label is None else [label]
        made = self.decode(bring(self.read(source), labels), labels)[0]
        write(Picture(from_tensor((made.expand(3, -1, -1) + 1) / 2, like)), target)

    @torch.inference_mode()
    def _by_portions(
        self, network: Callable[[Tensor, Condition], Tensor], inputs: Tensor, labels: Sequence[str] | None
    ) -> Tensor:
        condition, made = label_condition(self.classes, len(inputs), labels), []
        for start in range(0, len(inputs), PORTION):
            rows = slice(start, start + PORTION)
            with torch.autocast(self.device.type, self._dtype, enabled=self._dtype is not torch.float32):
                made.append(network(inputs[rows].to(self.device), condition[rows].to(self.device)).float().cpu())
        return torch.cat(made)
