"""A generator for small data and short trainings: SEGAN's shape with gated layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

SILENCE = 1e-4  # level (RMS) of a window, -80 dBFS: what is quieter is not raised further
WORKING_LEVEL = 0.3  # to which a window is brought: near 1, as layers with fresh weights like it


class GatedGenerator(nn.Module):
    """Noisy speech to clean speech by strided convolutions and back, each with batch norm and a gated 1x1 convolution.

    The shape is the paper's: encoder, decoder, a skip connection at each length. The layers are those of Demucs
    (Defossez et al., 2020, arXiv 2006.12847, section 2.2) with batch norm (Ioffe & Szegedy, 2015): from half an hour of
    speech they learn far faster than the paper's plain layers. As there, a window is brought to one level, so that how
    loud a recording is makes no difference. The layers make what is added to the input: minus the noise. There is no z.

    Args:
        channels: of the encoder's layers; the decoder mirrors them.
        kernel_size: of all strided layers, in samples; `stride` plus an even number.
        stride: of all layers.
    """

    noise_channels = 0

    def __init__(self, channels: Sequence[int] = (32, 64, 128, 256, 256), *, kernel_size: int = 8, stride: int = 4):
        super().__init__()
        self.reduction = stride ** len(channels)
        strided = {"kernel_size": kernel_size, "stride": stride, "padding": (kernel_size - stride) // 2}
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        for before, after in zip((1, *channels), channels, strict=False):
            narrow = [nn.Conv1d(before, after, bias=False, **strided), nn.BatchNorm1d(after), nn.ReLU()]
            self.encoder.append(nn.Sequential(*narrow, *_gate(after)))
        for before, after in zip(channels[:0:-1], channels[-2::-1], strict=True):
            widen = [nn.ConvTranspose1d(before, after, bias=False, **strided), nn.BatchNorm1d(after), nn.ReLU()]
            self.decoder.append(nn.Sequential(*_gate(before), *widen))
        self.decoder.append(nn.Sequential(*_gate(channels[0])))
        self.decoder.append(nn.ConvTranspose1d(channels[0], 1, bias=False, **strided))
        with torch.no_grad():
            self.decoder[-1].weight.mul_(0.1)  # starts close to handing its input on

    def forward(self, noisy: Tensor, noise: Tensor | None = None) -> Tensor:
        """(B, 1, T), T a multiple of `reduction` -> (B, 1, T), fp32; `noise` is not used."""
        with torch.autocast(noisy.device.type, enabled=False):
            level = noisy.float().square().mean(dim=(1, 2), keepdim=True).sqrt().clamp(min=SILENCE) / WORKING_LEVEL
        features, skips = (noisy / level).to(self.encoder[0][0].weight.dtype), []
        for layer in self.encoder:
            features = layer(features)
            skips.append(features)
        skips.pop()  # the code itself
        for layer in self.decoder[:-2]:
            features = layer(features) + skips.pop()
        features = self.decoder[-2](features)
        with torch.autocast(noisy.device.type, enabled=False):  # bf16 would be heard: 8 bits of every sample
            return noisy.float() + level * self.decoder[-1](features.float())


def _gate(channels: int) -> list[nn.Module]:
    return [nn.Conv1d(channels, 2 * channels, 1), nn.GLU(dim=1)]
