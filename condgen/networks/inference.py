"""A translation network made ready to run: weights cast once, layouts for speed, training's noise on or off."""

from __future__ import annotations

import copy
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from condgen.networks.blocks import InstanceNorm
from condgen.networks.resnet_generator import ResNetGenerator
from condgen.networks.small_maps import with_products
from condgen.networks.translation import Generator
from condgen.runtime.device import channels_last

_BatchNorm = nn.modules.batchnorm._BatchNorm
_Transposed = nn.modules.conv._ConvTransposeNd
_Convolution = nn.modules.conv._ConvNd


class InferenceNetwork:
    """A generator's copy, as a function.

    Args:
        generator: copied; it may go on training.
        dtype: of the convolutions. Norms keep their scale and shift in fp32, and tanh is computed in it.
        noise: as in training: dropout on, batch norm by the sample's own statistics. Without, dropout is off and batch
            norm, by its running statistics, becomes part of the convolutions.
    """

    def __init__(self, generator: Generator, dtype: torch.dtype, device: torch.device, *, noise: bool):
        network = copy.deepcopy(generator).eval().requires_grad_(False)
        self._random = torch.Generator()  # on the CPU: the same noise on every device and in every precision
        if noise:
            _replace(network, nn.modules.dropout._DropoutNd, lambda layer: SeededDropout(layer.p, self._random))
            _replace(network, _BatchNorm, OwnStatistics)
        else:
            _fold_batch_norms(network)
        for part in network.modules():
            if isinstance(part, _Convolution):
                part.to(dtype)
            if isinstance(part, nn.ReLU | nn.LeakyReLU):
                # what a leaky ReLU changes below a U-Net's skip, the ReLU behind the skip sets to 0 in any case
                part.inplace = True
        last = network.last if isinstance(network, ResNetGenerator) else network.up[0]
        last.append(_ToFloat32())
        network = channels_last(network.to(device))
        self._network = with_products(network) if device.type == "cpu" else network
        self._dtype, self._device = dtype, device

    @torch.inference_mode()
    def __call__(self, sample: Tensor, seed: int = 0) -> Tensor:
        """(1, C, *spatial) in [-1, 1] on the CPU -> (1, C', *spatial) in fp32 on the device.

        Args:
            seed: of the noise.
        """
        self._random.manual_seed(seed)
        layout = torch.channels_last if sample.ndim == 4 else torch.contiguous_format
        return self._network(sample.to(self._device, self._dtype, memory_format=layout))


class SeededDropout(nn.Module):
    """Dropout of single values, by a random generator of its own."""

    def __init__(self, probability: float, random: torch.Generator):
        super().__init__()
        self.probability, self.random = probability, random

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, *spatial) -> the same shape."""
        kept = torch.empty(features.shape, dtype=torch.bool).bernoulli_(1 - self.probability, generator=self.random)
        return features * kept.to(features.device) / (1 - self.probability)


class OwnStatistics(nn.Module):
    """A batch norm that, as in training with batches of one, knows the sample alone."""

    def __init__(self, norm: nn.Module):
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps

    def forward(self, features: Tensor) -> Tensor:
        """(1, C, *spatial) -> the same shape."""
        return torch.nn.functional.group_norm(features, features.shape[1], self.weight, self.bias, self.eps)


class _ToFloat32(nn.Module):
    """Before tanh, near whose limits bf16 has steps as large as those of 8 bits."""

    def forward(self, features: Tensor) -> Tensor:
        return features.float()


def why_not_in_tiles(generator: Generator, *, noise: bool) -> str:
    """Why a sample cannot be translated part by part with the same result; empty where it can."""
    kinds = {type(part) for part in generator.modules()}
    if InstanceNorm in kinds:
        return "instance norm takes mean and variance over the whole picture"
    if noise and any(issubclass(kind, _BatchNorm) for kind in kinds):
        return "batch norm takes mean and variance over the whole picture (not with --no-noise)"
    if noise and any(issubclass(kind, nn.modules.dropout._DropoutNd) for kind in kinds):
        return "each tile would have a noise of its own (not with --no-noise)"
    if not isinstance(generator, ResNetGenerator):
        return "a U-Net looks at the whole picture for every pixel"
    return ""


def halo_of(generator: ResNetGenerator) -> int:
    """How far around it a pixel's result looks at most, rounded up to the network's multiple.

    Counted from the output: 3 for the last convolution, at half size 3 (linear upsampling and its convolution), at a
    quarter 3 and 2 a block, each of them 4 pixels; on the way down 2 + 1 for the strides and 3 for the first.
    """
    return 8 * len(generator.blocks) + 20


def _replace(network: nn.Module, kind: type, make) -> None:
    """Put `make(layer)` in the place of every layer of a kind."""
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, kind):
                setattr(parent, name, make(layer))


def _fold_batch_norms(network: nn.Module) -> None:
    """Into the convolutions before them, exactly (up to rounding); dropout stays off by evaluation mode."""
    for parent in list(network.modules()):
        if not isinstance(parent, nn.Sequential):
            continue
        layers = list(parent.named_children())
        for (name, layer), (norm_name, norm) in pairwise(layers):
            if isinstance(norm, _BatchNorm):
                setattr(parent, name, fuse_conv_bn_eval(layer, norm, transpose=isinstance(layer, _Transposed)))
                setattr(parent, norm_name, nn.Identity())
