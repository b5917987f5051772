"""Sentences in, vectors out; and pictures, where the model has an image encoder."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from condgen.errors import UserError
from condgen.runtime.device import channels_last, choose_device
from condgen.tasks.joint_embedding.config import Config, ImageEncoderKind
from condgen.tasks.joint_embedding.networks import build_image_encoder
from condgen.tasks.joint_embedding.views import Box, middle, read_picture
from condgen.text.encoder import SentenceEncoder, TextConfig, build

if TYPE_CHECKING:
    from condgen.runtime.model_folder import ModelFolder

TOGETHER = 64  # pictures computed at a time


class Pipeline:
    """A trained pair of encoders. They compute in fp32.

    Args:
        text_encoder: copied; it may go on training.
        image_encoder: likewise; an identity where features are given.
        config: the task's config that both were built from.
        device: "auto", "cpu", "cuda" or "cuda:N".
    """

    def __init__(
        self, text_encoder: SentenceEncoder, image_encoder: nn.Module, config: Config, *, device: str = "auto"
    ):
        self.config, self.device = config, choose_device(device)
        self.text_encoder: SentenceEncoder = _ready(text_encoder, self.device)
        self.image_encoder = channels_last(_ready(image_encoder, self.device))

    @classmethod
    def from_folder(cls, folder: ModelFolder, *, device: str = "auto") -> Pipeline:
        """Raises UserError when the folder's weights do not fit its config."""
        config: Config = folder.config
        text_encoder, image_encoder = build(config.text), _image_encoder(folder)
        folder.fill(text_encoder, "text_encoder")
        if config.image.kind is ImageEncoderKind.LEARNED:
            folder.fill(image_encoder, "image_encoder")
        return cls(text_encoder, image_encoder, config, device=device)

    def embed(self, sentences: Sequence[str]) -> np.ndarray:
        """Sentences -> vectors, float32 (N, width), not normalised.

        Raises:
            UserError: a sentence is empty, or holds nothing that the encoder can read; or one text is given, no list.
        """
        return self.text_encoder.encode(sentences).numpy()

    __call__ = embed

    def embed_images(self, paths: Sequence[Path | str], boxes: Sequence[Box] | None = None) -> np.ndarray:
        """Picture files -> vectors, float32 (N, width), whose product with a sentence's vector says how well they fit.

        Args:
            boxes: x, y, width, height in pixels of the files, for a model that was trained on what is in boxes.

        Raises:
            UserError: a file is missing or damaged, or the model takes features, not pictures.
        """
        image = self.config.image
        if image.kind is ImageEncoderKind.FEATURES:
            raise UserError("this model takes features, and does not hold the network that makes them of pictures")
        shown = boxes if boxes is not None and image.crop_to_box else [None] * len(paths)
        vectors = [torch.empty(0, self.config.text.width)]
        for start in range(0, len(paths), TOGETHER):
            end = start + TOGETHER
            pairs = zip(paths[start:end], shown[start:end], strict=True)
            pictures = [middle(read_picture(Path(path), image.whole, box), image.size) for path, box in pairs]
            vectors.append(self.embed_views(torch.stack(pictures)))
        return torch.cat(vectors).numpy()

    @torch.no_grad()
    def embed_views(self, views: Tensor) -> Tensor:
        """(N, 3, size, size) in [-1, 1], or given features (N, width) -> (N, width) fp32 on the CPU."""
        layout = torch.channels_last if views.ndim == 4 else torch.preserve_format
        return self.image_encoder(views.to(self.device, memory_format=layout)).float().cpu()


def find_text_encoder(model: str, *, device: str = "auto") -> SentenceEncoder:
    """The sentence encoder of any model that has one, or a public one.

    Args:
        model: shipped name, model folder or hub id of a joint embedding or of a text-to-picture model; or
            `transformers:` and the hub id or folder of a model of the transformers library.

    Raises:
        UserError: there is no such model, or it has no sentence encoder.
    """
    library, colon, name = model.partition(":")
    if colon and library == "transformers":
        from condgen.text.transformers_encoder import TransformersEncoder

        encoder = TransformersEncoder(name, width=_states_width(name)).to(choose_device(device)).eval()
        encoder.tokenize(["a"])  # loads it, or says why it cannot be had
        return encoder
    from condgen.runtime.model_folder import ModelFolder
    from condgen.text.stored import fill

    text = getattr(ModelFolder.find(model).config, "text", None)
    if not isinstance(text, TextConfig):
        raise UserError(f"model {model} has no text encoder; take one of task joint_embedding, or transformers:HUB_ID")
    encoder = build(text)
    if not text.pretrained:
        fill(encoder, text, model)
    return encoder.requires_grad_(False).to(choose_device(device)).eval()


def _states_width(model: str) -> int:
    """Length of a transformers model's states, as its files state it."""
    from transformers import AutoConfig

    folder = Path(model).expanduser()
    try:
        config = AutoConfig.from_pretrained(str(folder) if folder.is_dir() else model)
    except (OSError, ValueError, KeyError):
        return 1  # the encoder itself says more when it loads
    return config.get_text_config(encoder=True).hidden_size


def _image_encoder(folder: ModelFolder) -> nn.Module:
    try:
        return build_image_encoder(folder.config.image, folder.config.text.width)
    except ValueError as problem:
        raise UserError(f"{folder.path / 'config.yaml'}: {problem}") from None


def _ready(module: nn.Module, device: torch.device) -> nn.Module:
    return copy.deepcopy(module).eval().requires_grad_(False).to(device)
