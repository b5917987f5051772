"""SEGAN's generator and discriminator (Pascual et al., 2017, arXiv 1703.09452, section 3), and those of SEGAN+.

Signals are (B, C, T) outside and laid out channels last inside, see `convolution`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import torch
from torch import Tensor, nn

from condgen.adversarial.diversity import ReferenceBatch, VirtualBatchNorm
from condgen.tasks.segan.convolution import Padding, StridedConv, TransposedConv

PAPER_CHANNELS = (16, 32, 32, 64, 64, 128, 128, 256, 256, 512, 1024)


class SkipMerge(StrEnum):
    CONCATENATE = "concatenate"
    ADD = "add"  # half the decoder's weights


class InitialWeights(StrEnum):
    SMALL = "small"  # the authors': truncated normal, deviation 0.02
    HE = "he"  # features keep their scale from layer to layer (He et al., 2015): learns in fewer iterations


class DiscriminatorNorm(StrEnum):
    VIRTUAL_BATCH = "virtual_batch"  # the paper's
    BATCH = "batch"  # SEGAN+
    SPECTRAL = "spectral"  # independent of the batch, and cheap


class Activation(StrEnum):
    LEAKY_RELU = "leaky_relu"  # the paper's, slope 0.3
    PRELU = "prelu"  # SEGAN+: a slope for each channel, which starts at 0


class DiscriminatorHead(StrEnum):
    NARROW = "narrow"  # the paper's: 1x1 convolution to one channel, then dense over time
    DENSE = "dense"  # SEGAN+: everything through dense layers of 256 and 128


class Generator(nn.Module):
    """Noisy speech to clean speech: a convolutional encoder and decoder with skip connections, no dense layer.

    The encoder's features before their activation are kept and join the decoder's of the same length; noise z joins
    the code in the middle, in front.

    Args:
        channels: of the encoder's layers; the decoder mirrors them.
        kernel_size: of all layers, in samples.
        stride: of all layers.
        noise_channels: of z; 0: none, the generator is deterministic.
        skip_merge: how an encoder's features join the decoder's.
        learned_skips: a factor for each channel of a skip connection, which starts at 1 (SEGAN+).
        bias: whether layers have one. The authors' code has none by default; their best run has.
        padding: of the encoder's layers.
        initial_weights: of all layers.
        add_input: the output is the input plus what the layers make: they learn the noise alone, and need not learn to
            pass speech through, which takes most of a short training. Not in the paper.
    """

    def __init__(
        self,
        channels: Sequence[int] = PAPER_CHANNELS,
        *,
        kernel_size: int = 31,
        stride: int = 2,
        noise_channels: int = 1024,
        skip_merge: SkipMerge = SkipMerge.CONCATENATE,
        learned_skips: bool = False,
        bias: bool = True,
        padding: Padding = Padding.ZEROS,
        initial_weights: InitialWeights = InitialWeights.SMALL,
        add_input: bool = False,
    ):
        super().__init__()
        self.noise_channels, self.skip_merge, self.add_input = noise_channels, skip_merge, add_input
        self.reduction = stride ** len(channels)
        down = {"kernel_size": kernel_size, "stride": stride, "bias": bias, "padding": padding}
        self.encoder = nn.ModuleList(
            StridedConv(before, after, **down) for before, after in zip((1, *channels), channels, strict=False)
        )
        self.encoder_activations = nn.ModuleList(nn.PReLU(width, init=0.0) for width in channels)
        up = {"kernel_size": kernel_size, "stride": stride, "bias": bias}
        wider = 2 if skip_merge == SkipMerge.CONCATENATE else 1
        inputs = [channels[-1] + noise_channels, *(wider * width for width in channels[-2::-1])]
        self.decoder = nn.ModuleList(
            TransposedConv(before, after, **up) for before, after in zip(inputs, (*channels[-2::-1], 1), strict=True)
        )
        self.decoder_activations = nn.ModuleList(nn.PReLU(width, init=0.0) for width in channels[-2::-1])
        self.skip_factors = nn.ParameterList(
            torch.ones(width, 1) for width in (channels[-2::-1] if learned_skips else ())
        )
        if initial_weights == InitialWeights.HE:
            self._draw_he_weights()

    @torch.no_grad()
    def _draw_he_weights(self) -> None:
        """Normal, variance 2 / fan-in; of the last layer a tenth, so that tanh starts near 0, or 0 with `add_input`."""
        for conv in self.encoder:
            conv.weight.normal_(std=(2 / conv.weight[0].numel()) ** 0.5)
        for conv in self.decoder:
            in_channels, _, kernel_size = conv.weight.shape
            conv.weight.normal_(std=(2 * conv.stride / (in_channels * kernel_size)) ** 0.5)
        self.decoder[-1].weight.mul_(0.0 if self.add_input else 0.1)

    def forward(self, noisy: Tensor, noise: Tensor | None = None) -> Tensor:
        """(B, 1, T) pre-emphasised speech, T a multiple of `reduction` -> (B, 1, T) in [-1, 1], fp32.

        With `add_input` in [-2, 2], where the input is in [-1, 1].

        Args:
            noise: (B, noise_channels, T / reduction); drawn from N(0, 1) when not given.
        """
        skips, features = [], noisy
        for conv, activation in zip(self.encoder, self.encoder_activations, strict=True):
            skips.append(conv(features))
            features = activation(skips[-1])
        skips.pop()  # the code itself
        if self.noise_channels:
            if noise is None:
                noise = torch.randn(len(noisy), self.noise_channels, features.shape[2], device=noisy.device)
            features = torch.cat([noise.to(features.dtype), features], dim=1)
        for number, (conv, activation) in enumerate(zip(self.decoder[:-1], self.decoder_activations, strict=True)):
            features = self._joined(activation(conv(features)), skips.pop(), number)
        with torch.autocast(noisy.device.type, enabled=False):  # bf16 would be heard: 8 bits of every sample
            made = torch.tanh(self.decoder[-1](features.float()))
            return made + noisy.float() if self.add_input else made

    def _joined(self, features: Tensor, skip: Tensor, number: int) -> Tensor:
        if self.skip_factors:
            skip = skip * self.skip_factors[number].to(skip.dtype)
        if self.skip_merge == SkipMerge.ADD:
            return features + skip
        return torch.cat([features, skip], dim=1)


class Discriminator(nn.Module):
    """Whether a sample is the clean speech of a noisy one.

    Args:
        window: T, samples.
        channels, kernel_size, stride, bias, padding: as of the generator's encoder.
        norm: of every layer.
        reference_size: samples of the fixed reference batch, for `DiscriminatorNorm.VIRTUAL_BATCH`.
        head: from features to a logit.
        activation: behind every norm.
        phase_shift: features are rolled by 1 to so many samples, to a random side, before every layer, so that the
            judgement does not hang on the phase (SEGAN+: 5).
    """

    def __init__(
        self,
        window: int = 16384,
        channels: Sequence[int] = PAPER_CHANNELS,
        *,
        kernel_size: int = 31,
        stride: int = 2,
        bias: bool = True,
        padding: Padding = Padding.ZEROS,
        norm: DiscriminatorNorm = DiscriminatorNorm.VIRTUAL_BATCH,
        reference_size: int = 16,
        head: DiscriminatorHead = DiscriminatorHead.NARROW,
        activation: Activation = Activation.LEAKY_RELU,
        phase_shift: int = 0,
    ):
        super().__init__()
        self.phase_shift = phase_shift
        down = {"kernel_size": kernel_size, "stride": stride, "bias": bias, "padding": padding}
        convs = [StridedConv(before, after, **down) for before, after in zip((2, *channels), channels, strict=False)]
        if norm == DiscriminatorNorm.SPECTRAL:
            convs = [nn.utils.parametrizations.spectral_norm(conv) for conv in convs]
        self.convs = nn.ModuleList(convs)
        self.norms = nn.ModuleList(_norm(norm, width, reference_size) for width in channels)
        self.activations = nn.ModuleList(
            nn.PReLU(width, init=0.0) if activation == Activation.PRELU else nn.LeakyReLU(0.3) for width in channels
        )
        self.reference = (
            ReferenceBatch(reference_size, (2, window)) if norm == DiscriminatorNorm.VIRTUAL_BATCH else None
        )
        self.head = _head(head, channels[-1], window // stride ** len(channels))

    def forward(self, sample: Tensor, noisy: Tensor) -> Tensor:
        """Both (B, 1, T), pre-emphasised -> logits (B, 1). Real and fake samples go through apart."""
        features = torch.cat([sample, noisy.to(sample.dtype)], dim=1)
        if self.reference is not None:
            features = self.reference(features)
        for conv, norm, activation in zip(self.convs, self.norms, self.activations, strict=True):
            if self.phase_shift:
                side = 1 - 2 * int(torch.randint(2, ()))
                features = features.roll(side * int(torch.randint(1, self.phase_shift + 1, ())), dims=2)
            features = activation(norm(conv(features)))
        if self.reference is not None:
            features = self.reference.drop(features)
        return self.head(features.contiguous())


def _norm(norm: DiscriminatorNorm, channels: int, reference_size: int) -> nn.Module:
    match norm:
        case DiscriminatorNorm.VIRTUAL_BATCH:
            return VirtualBatchNorm(channels, reference_size)
        case DiscriminatorNorm.BATCH:
            return nn.BatchNorm1d(channels)
        case DiscriminatorNorm.SPECTRAL:
            return nn.Identity()


def _head(head: DiscriminatorHead, channels: int, length: int) -> nn.Sequential:
    if head == DiscriminatorHead.NARROW:
        layers = [nn.Conv1d(channels, 1, 1), nn.Flatten(), nn.Linear(length, 1)]
    else:
        layers = [nn.Flatten(), nn.Linear(channels * length, 256), nn.PReLU(256)]
        layers += [nn.Linear(256, 128), nn.PReLU(128), nn.Linear(128, 1)]
    return nn.Sequential(*layers)
