"""The networks of the public CycleGAN and pix2pix code, written here anew from their lists of layers."""

from __future__ import annotations

import torch
from torch import nn

NORMS = {"instance": nn.InstanceNorm2d, "batch": nn.BatchNorm2d, "none": lambda channels: nn.Identity()}


class Block(nn.Module):
    def __init__(self, width, norm, dropout, padding):
        super().__init__()
        pads = {"reflect": [nn.ReflectionPad2d(1)], "zero": []}[padding]
        layers = []
        for number in range(2):
            layers += [*pads, nn.Conv2d(width, width, 3, padding=int(not pads), bias=norm == "instance")]
            layers += [NORMS[norm](width)]
            layers += [nn.ReLU(), *([nn.Dropout(0.5)] if dropout else [])] if number == 0 else []
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.conv_block(x)


class ResNet(nn.Module):
    def __init__(self, inputs=3, outputs=3, width=4, norm="instance", blocks=2, dropout=False, padding="reflect"):
        super().__init__()
        bias = norm == "instance"

        def normed(layer, channels):
            return [layer, NORMS[norm](channels), nn.ReLU()]

        layers = [nn.ReflectionPad2d(3), *normed(nn.Conv2d(inputs, width, 7, bias=bias), width)]
        for n in (width, 2 * width):
            layers += normed(nn.Conv2d(n, 2 * n, 3, 2, 1, bias=bias), 2 * n)
        layers += [Block(4 * width, norm, dropout, padding) for _ in range(blocks)]
        for n in (2 * width, width):
            layers += normed(nn.ConvTranspose2d(2 * n, n, 3, 2, 1, 1, bias=bias), n)
        self.model = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, outputs, 7), nn.Tanh())

    def forward(self, x):
        return self.model(x)


class Nested(nn.Module):
    """A level of the U-Net around the next inner one."""

    def __init__(self, outer, inner, norm, inside=None, inputs=None, dropout=False):
        super().__init__()
        self.outermost, bias = inputs is not None, norm == "instance"
        down = nn.Conv2d(inputs or outer, inner, 4, 2, 1, bias=bias)
        up = nn.ConvTranspose2d(2 * inner if inside else inner, outer, 4, 2, 1, bias=bias or self.outermost)
        if self.outermost:
            layers = [down, inside, nn.ReLU(), up, nn.Tanh()]
        elif inside is None:
            layers = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, NORMS[norm](outer)]
        else:
            layers = [nn.LeakyReLU(0.2), down, NORMS[norm](inner), inside, nn.ReLU(), up, NORMS[norm](outer)]
        self.model = nn.Sequential(*layers, *([nn.Dropout(0.5)] if dropout else []))

    def forward(self, x):
        made = self.model(x)
        return made if self.outermost else torch.cat([x, made], 1)


class UNet(nn.Module):
    def __init__(self, inputs=3, outputs=3, width=2, norm="batch", levels=7, dropout=False):
        super().__init__()
        block = Nested(8 * width, 8 * width, norm)
        for _ in range(levels - 5):
            block = Nested(8 * width, 8 * width, norm, block, dropout=dropout)
        for n in (4, 2, 1):
            block = Nested(n * width, 2 * n * width, norm, block)
        self.model = Nested(outputs, width, norm, block, inputs=inputs)

    def forward(self, x):
        return self.model(x)


class Patch(nn.Module):
    """`bias` of the convolutions before norms; that of `none` has varied with the version."""

    def __init__(self, inputs=3, width=4, norm="instance", layers=3, bias=None):
        super().__init__()
        bias = norm == "instance" if bias is None else bias
        parts, before = [nn.Conv2d(inputs, width, 4, 2, 1), nn.LeakyReLU(0.2)], width
        for n in range(1, layers + 1):
            after = width * min(2**n, 8)
            layer = nn.Conv2d(before, after, 4, 1 if n == layers else 2, 1, bias=bias)
            parts, before = [*parts, layer, NORMS[norm](after), nn.LeakyReLU(0.2)], after
        self.model = nn.Sequential(*parts, nn.Conv2d(before, 1, 4, 1, 1))

    def forward(self, x):
        return self.model(x)


class Pixel(nn.Module):
    def __init__(self, inputs=3, width=4, norm="instance"):
        super().__init__()
        bias = norm == "instance"
        middle = [nn.Conv2d(width, 2 * width, 1, bias=bias), NORMS[norm](2 * width), nn.LeakyReLU(0.2)]
        first, last = nn.Conv2d(inputs, width, 1), nn.Conv2d(2 * width, 1, 1, bias=bias)
        self.net = nn.Sequential(first, nn.LeakyReLU(0.2), *middle, last)

    def forward(self, x):
        return self.net(x)


def shaken(network):
    """Every tensor random, so that no mix-up of two tensors, no unused one and no default value goes unnoticed."""
    torch.manual_seed(0)
    for name, tensor in network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            tensor.fill_(7)
        elif name.endswith("running_var") or (tensor.ndim == 1 and name.endswith("weight")):
            tensor.uniform_(0.5, 1.5)
        elif tensor.ndim == 1:
            tensor.uniform_(-0.3, 0.3)
        else:
            tensor.normal_(std=(2 / tensor[0].numel()) ** 0.5)
    return network


def without_dropout(network):
    for part in network.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    return network
