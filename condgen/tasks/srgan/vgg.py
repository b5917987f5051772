"""VGG19 features for the content loss (section 2.2.1), from torchvision or a local file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from condgen.errors import UserError


class VGGLayer(StrEnum):
    VGG22 = "vgg22"  # 2nd convolution before the 2nd pool
    VGG54 = "vgg54"  # 4th convolution before the 5th pool


_END = {VGGLayer.VGG22: 9, VGGLayer.VGG54: 36}  # behind the activation, as in the paper


class VGGFeatures(nn.Module):
    """Frozen VGG19 up to an activation.

    The paper scales features by 1/12.75, i.e. the squared error by 0.006, for a VGG fed with 0..255 values minus the
    mean. torchvision's weights take [0, 1] values with ImageNet mean and deviation; that is what is fed here.

    Args:
        weights: path of a VGG19 state dict (torchvision's names); empty downloads torchvision's.

    Raises:
        UserError: (on the first use) the weights cannot be downloaded or read.
    """

    def __init__(self, layer: VGGLayer, weights: str = ""):
        super().__init__()
        from torchvision.models import vgg19

        self._weights, self._loaded = weights, False
        with torch.device("meta"):  # 124 M of its parameters are not needed here
            features = vgg19(weights=None).features[: _END[layer]]
        self.features = features.to_empty(device="cpu").eval().requires_grad_(False)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1), persistent=False)

    def _load(self) -> None:
        """On the first use, so that a dry run needs no download."""
        from torchvision.models import VGG19_Weights

        try:
            if self._weights:
                state = torch.load(Path(self._weights).expanduser(), map_location="cpu", weights_only=True)
            else:
                state = VGG19_Weights.IMAGENET1K_V1.get_state_dict(progress=True, check_hash=True)
            self.features.load_state_dict({name: state[f"features.{name}"] for name in self.features.state_dict()})
        except Exception as problem:  # download, pickle and key errors come in many types
            reason = str(problem).splitlines()[0]
            raise UserError(
                f"VGG19 weights {self._weights or 'of torchvision'} cannot be had ({reason}); give a local file with "
                "model.vgg_weights=FILE, or use model.content_loss=discriminator, which needs none"
            ) from None
        self._loaded = True

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> (B, C, H', W')."""
        if not self._loaded:
            self._load()
        return self.features(((image + 1) / 2 - self.mean) / self.std)

    def distance(self, fake: Tensor, real: Tensor) -> Tensor:
        """Mean squared error of the features; gradients reach `fake` only (eq. 5)."""
        with torch.no_grad():
            wanted = self(real)
        return F.mse_loss(self(fake).float(), wanted.float())
