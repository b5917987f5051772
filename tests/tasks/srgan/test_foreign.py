"""Foreign generators, written here anew from their published layer lists, against their converted weights."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from condgen.errors import UserError
from condgen.tasks.srgan import foreign
from condgen.tasks.srgan.foreign import FORMATS
from condgen.tasks.srgan.task import build_generator


def convert(state):
    return foreign.convert({Path("netG.pth"): state})


class PlainBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(width, width, 3, 1, 1) for _ in range(2))

    def forward(self, x):
        return x + self.conv2(self.conv1(x).relu())


class MSRResNet(nn.Module):
    """BasicSR: [0, 1] in and out; the bilinearly enlarged input is added at the end."""

    def __init__(self, scale, width=8, blocks=3):
        super().__init__()
        factor = 3 if scale == 3 else 2
        self.scale, self.shuffle = scale, nn.PixelShuffle(factor)
        self.conv_first = nn.Conv2d(3, width, 3, 1, 1)
        self.body = nn.Sequential(*(PlainBlock(width) for _ in range(blocks)))
        self.upconv1 = nn.Conv2d(width, width * factor**2, 3, 1, 1)
        if scale == 4:
            self.upconv2 = nn.Conv2d(width, width * 4, 3, 1, 1)
        self.conv_hr = nn.Conv2d(width, width, 3, 1, 1)
        self.conv_last = nn.Conv2d(width, 3, 3, 1, 1)

    def forward(self, low):
        bent = lambda x: F.leaky_relu(x, 0.1)  # noqa: E731
        x = self.body(bent(self.conv_first(low)))
        x = bent(self.shuffle(self.upconv1(x)))
        if self.scale == 4:
            x = bent(self.shuffle(self.upconv2(x)))
        enlarged = F.interpolate(low, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return self.conv_last(bent(self.conv_hr(x))) + enlarged


class Residual(nn.Module):
    """Adds what a sequence makes of its input; the sequence's name is part of the checkpoint's names."""

    def __init__(self, name, *layers):
        super().__init__()
        setattr(self, name, nn.Sequential(*layers))
        self.name = name

    def forward(self, x):
        return x + getattr(self, self.name)(x)


class SRResNet2018(nn.Module):
    """BasicSR in 2018: one flat sequence; ReLU; nothing after the first convolution."""

    def __init__(self, scale, width=8, blocks=2):
        super().__init__()
        conv = lambda to: nn.Conv2d(width, to, 3, 1, 1)  # noqa: E731
        trunk = [Residual("res", conv(width), nn.ReLU(), conv(width)) for _ in range(blocks)]
        layers = [nn.Conv2d(3, width, 3, 1, 1), Residual("sub", *trunk, conv(width))]
        for factor in {2: [2], 3: [3], 4: [2, 2], 8: [2, 2, 2]}[scale]:
            layers += [conv(width * factor**2), nn.PixelShuffle(factor), nn.ReLU()]
        self.model = nn.Sequential(*layers, conv(width), nn.ReLU(), conv(3))

    def forward(self, low):
        return self.model(low)


class NormedBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1, self.bn1, self.prelu = nn.Conv2d(width, width, 3, 1, 1), nn.BatchNorm2d(width), nn.PReLU()
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, 1, 1), nn.BatchNorm2d(width)

    def forward(self, x):
        return x + self.bn2(self.conv2(self.prelu(self.bn1(self.conv1(x)))))


class Doubling(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv, self.prelu = nn.Conv2d(width, width * 4, 3, 1, 1), nn.PReLU()

    def forward(self, x):
        return self.prelu(F.pixel_shuffle(self.conv(x), 2))


class Leftthomas(nn.Module):
    """block1: head; block2 ... : residual blocks; the last two: end of the body, and upsampling with the tail."""

    def __init__(self, scale, width=8, blocks=5):
        super().__init__()
        self.blocks = blocks
        self.block1 = nn.Sequential(nn.Conv2d(3, width, 9, 1, 4), nn.PReLU())
        for number in range(2, blocks + 2):
            setattr(self, f"block{number}", NormedBlock(width))
        end = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1), nn.BatchNorm2d(width))
        ups = [Doubling(width) for _ in range({2: 1, 4: 2, 8: 3}[scale])]
        setattr(self, f"block{blocks + 2}", end)
        setattr(self, f"block{blocks + 3}", nn.Sequential(*ups, nn.Conv2d(width, 3, 9, 1, 4)))

    def forward(self, low):
        first = x = self.block1(low)
        for number in range(2, self.blocks + 3):
            x = getattr(self, f"block{number}")(x)
        return (getattr(self, f"block{self.blocks + 3}")(first + x).tanh() + 1) / 2


def shaken(network):
    """Every tensor random, so that no mix-up of two tensors, no unused one and no default value goes unnoticed."""
    torch.manual_seed(0)
    for name, tensor in network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            tensor.fill_(7)
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
        elif tensor.ndim == 1:
            tensor.uniform_(-0.3, 0.3)
        else:
            tensor.normal_(std=tensor[0].numel() ** -0.5)
    return network.eval()


def converted_generator(state):
    config, tensors = convert(state)
    generator = build_generator(config)
    generator.load_state_dict({name.removeprefix("generator."): tensor for name, tensor in tensors.items()})
    return generator.eval()


CASES = [
    *((MSRResNet, scale) for scale in (2, 3, 4)),
    *((SRResNet2018, scale) for scale in (2, 3, 4, 8)),
    *((Leftthomas, scale) for scale in (2, 4, 8)),
]


@pytest.mark.parametrize(("network", "scale"), CASES)
@torch.no_grad()
def test_pictures_are_the_same(network, scale):
    theirs = shaken(network(scale))
    ours = converted_generator(theirs.state_dict())
    low = torch.rand(2, 3, 9, 13)
    expected = theirs(low)
    assert expected.shape == (2, 3, 9 * scale, 13 * scale)
    assert expected.std() > 0.05  # the comparison is about something
    torch.testing.assert_close((ours(low) + 1) / 2, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("width", "blocks"), [(4, 1), (12, 7)])
@pytest.mark.parametrize("network", [MSRResNet, SRResNet2018, Leftthomas])
@torch.no_grad()
def test_width_and_depth_are_read_from_the_weights(network, width, blocks):
    theirs = shaken(network(4, width, blocks))
    config, _ = convert(theirs.state_dict())
    assert (config.generator.channels, config.generator.residual_blocks, config.generator.scale) == (width, blocks, 4)
    low = torch.rand(1, 3, 6, 6)
    torch.testing.assert_close((converted_generator(theirs.state_dict())(low) + 1) / 2, theirs(low), rtol=0, atol=1e-5)


@torch.no_grad()
def test_names_of_basicsr_before_2020_are_known():
    theirs = shaken(MSRResNet(4))
    old = {
        name.replace("body.", "recon_trunk.").replace("conv_hr.", "HRconv."): tensor
        for name, tensor in theirs.state_dict().items()
    }
    low = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close((converted_generator(old)(low) + 1) / 2, theirs(low), rtol=0, atol=1e-5)


@torch.no_grad()
def test_half_precision_and_missing_batch_counters():
    theirs = shaken(Leftthomas(4)).half().float()
    state = {name: tensor for name, tensor in theirs.half().state_dict().items() if "num_batches" not in name}
    low = torch.rand(1, 3, 8, 8)
    ours = converted_generator(state)
    assert ours.tail.weight.dtype is torch.float32
    torch.testing.assert_close((ours(low) + 1) / 2, theirs.float()(low), rtol=0, atol=1e-5)


def test_published_sizes_are_met():
    for network, count in ((MSRResNet(4, 64, 16), 1_517_571), (Leftthomas(4, 64, 5), 734_219)):
        config, _ = convert(network.state_dict())
        assert sum(parameter.numel() for parameter in build_generator(config).parameters()) == count


def test_other_names_are_left_to_other_tasks():
    assert convert({}) is None
    assert foreign.convert({Path("a.pth"): MSRResNet(2).state_dict(), Path("b.pth"): {}}) is None
    assert convert(build_generator(convert(MSRResNet(2).state_dict())[0]).state_dict()) is None
    residual_in_residual = {f"{name}.weight": torch.zeros(1) for name in ("conv_first", "body.0.rdb1.conv1", "conv_hr")}
    assert convert(residual_in_residual) is None


def without(state, name):
    return {other: tensor for other, tensor in state.items() if other != name}


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (MSRResNet(4).state_dict() | {"conv_last.weight": torch.zeros(1, 8, 3, 3)}, "conv_last.weight is 1x8x3x3"),
        (MSRResNet(4).state_dict() | {"mask.weight": torch.zeros(1)}, "no place for mask.weight"),
        (Leftthomas(2).state_dict() | {"block2.prelu.weight": torch.zeros(8)}, "block2.prelu.weight is 8 instead of 1"),
        (without(Leftthomas(2).state_dict(), "block4.bn1.bias"), "block4.bn1.bias is missing"),
        (without(SRResNet2018(2).state_dict(), "model.5.bias"), "model.5.bias is missing"),
    ],
)
def test_changed_layers_are_refused_in_their_own_names(state, says):
    with pytest.raises(UserError, match=says) as refused:
        convert(state)
    assert "\n" not in str(refused.value)
    assert all(known in str(refused.value) for known in FORMATS)
