from __future__ import annotations

import torch
from torch import nn

from condgen.tasks.vgan.networks import Discriminator, FirstFrameGenerator, Generator


def parameters(make) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in make().parameters())


def test_parameter_counts_of_the_published_code():
    assert parameters(Generator) == 16_245_383
    assert parameters(FirstFrameGenerator) == 68_216_455
    assert parameters(Discriminator) == 11_057_858


def test_the_first_frame_is_read_as_published():
    """1024 channels of 4x4, by ReLUs and norms but in the first layer."""
    with torch.device("meta"):
        read = FirstFrameGenerator().read
        assert read(torch.empty(1, 3, 64, 64)).shape == (1, 1024, 4, 4)
    assert [type(layer) for layer in read.layers[:3]] == [nn.Conv2d, nn.ReLU, nn.Conv2d]


def test_the_logit_is_the_difference_of_the_two():
    discriminator = Discriminator(width=2, frames=16, size=16)
    nn.init.zeros_(discriminator.judge.weight)
    with torch.no_grad():
        discriminator.judge.bias.copy_(torch.tensor([2.0, 0.5]))
    logits = discriminator(torch.randn(3, 3, 16, 16, 16))
    torch.testing.assert_close(logits, torch.full((3,), 1.5))
    two = discriminator.judge.bias.detach()
    torch.testing.assert_close(torch.sigmoid(logits[0]), two.softmax(0)[0])


def test_noise_and_first_frame_are_heard():
    torch.manual_seed(0)
    noise = torch.randn(2, 5)
    clip = Generator(5, width=2, frames=16, size=16)(noise).clip
    assert (clip[0] - clip[1]).abs().max() > 1e-3
    frames = torch.randn(2, 3, 16, 16)
    clip = FirstFrameGenerator(width=2, frames=16, size=16)(frames).clip
    assert (clip[0] - clip[1]).abs().max() > 1e-3
