"""Image encoders: pictures, or features that are given, to vectors as long as a sentence's."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from condgen.errors import UserError
from condgen.tasks.joint_embedding.config import ImageEncoderConfig, ImageEncoderKind

SMALLEST_MAP = 4  # pixels a side at which the learned encoder stops halving


def build_image_encoder(config: ImageEncoderConfig, vector_width: int) -> nn.Module:
    """(B, 3, size, size) in [-1, 1], or features (B, vector_width) -> (B, vector_width).

    Raises:
        ValueError: the backbone is none of torchvision's, or its features are of another length.
    """
    match config.kind:
        case ImageEncoderKind.FEATURES:
            return nn.Identity()
        case ImageEncoderKind.TORCHVISION:
            encoder = TorchvisionFeatures(config.backbone, config.weights)
            if encoder.width != vector_width:
                raise ValueError(
                    f"features of {config.backbone} are {encoder.width} long and sentences' vectors {vector_width}: "
                    f"set text.width={encoder.width}, or take another backbone"
                )
            return encoder
        case ImageEncoderKind.LEARNED:
            return ImageEncoder(vector_width, size=config.size, width=config.width)


class ImageEncoder(nn.Module):
    """3x3 convolutions with batch norm and ReLU, two at each size; the mean over space; a linear layer.

    Args:
        vector_width: length of the result.
        size: pixels a side; halved down to 4.
        width: channels at full resolution, doubled at each halving up to eight times as many.
    """

    def __init__(self, vector_width: int, *, size: int = 64, width: int = 32):
        super().__init__()
        layers, channels = _convolution(3, width), width
        while size > SMALLEST_MAP:
            wider = min(2 * channels, 8 * width)
            layers += [*_convolution(channels, wider, stride=2), *_convolution(wider, wider)]
            channels, size = wider, -(-size // 2)
        self.body = nn.Sequential(*layers)
        self.vector = nn.Linear(channels, vector_width)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, size, size) in [-1, 1] -> (B, vector_width)."""
        return self.vector(self.body(images).mean((2, 3)))


def _convolution(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


class TorchvisionFeatures(nn.Module):
    """A frozen classifier of torchvision up to the input of its last linear layer.

    Args:
        backbone: its name there, e.g. googlenet, resnet18.
        weights: path of a state dict in torchvision's names; empty fetches torchvision's own.

    Raises:
        ValueError: torchvision has no such classifier, or it does not end in a linear layer.
        UserError: (on the first use) the weights cannot be had.
    """

    def __init__(self, backbone: str, weights: str = ""):
        super().__init__()
        from torchvision import models

        known = models.list_models(module=models)
        if backbone not in known:
            raise ValueError(f"torchvision has no classifier {backbone!r}; it has {', '.join(known)}")
        with warnings.catch_warnings(), torch.device("meta"):  # fresh weights would be thrown away
            warnings.simplefilter("ignore")
            network = models.get_model(backbone, weights=None)
        if hasattr(network, "transform_input"):  # as torchvision sets it for its weights of Inception networks
            network.transform_input = True
        linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
        if not linear:
            raise ValueError(f"{backbone} does not end in a linear layer; take another backbone, e.g. resnet18")
        self.width = network.get_submodule(linear[-1]).in_features
        network.set_submodule(linear[-1], nn.Identity())
        self.network = network.to_empty(device="cpu").eval().requires_grad_(False)
        self._backbone, self._weights, self._loaded = backbone, weights, False
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1), persistent=False)

    def _load(self) -> None:
        """On the first use, so that a dry run needs no download."""
        from torchvision.models import get_model_weights

        try:
            if self._weights:
                state = torch.load(Path(self._weights).expanduser(), map_location="cpu", weights_only=True)
            else:
                state = get_model_weights(self._backbone).DEFAULT.get_state_dict(progress=True, check_hash=True)
            self.network.load_state_dict({name: state[name] for name in self.network.state_dict()})
        except Exception as problem:  # download, pickle and key errors come in many types
            reason = str(problem).splitlines()[0]
            raise UserError(
                f"weights {self._weights or 'of torchvision'} for {self._backbone} cannot be had ({reason}); give a "
                "local file with model.image.weights=FILE, or use model.image.kind=learned, which needs none"
            ) from None
        self._loaded = True

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> (B, width)."""
        if not self._loaded:
            self._load()
        return self.network(((images + 1) / 2 - self.mean) / self.std)
