from __future__ import annotations

import pytest
import torch
from torch import nn

from condgen.conditioning.condition import Condition
from condgen.tasks.gan_cls.networks import Bottleneck, Discriminator, Generator, first_trunk
from condgen.tasks.gan_cls.second_stage import SecondGenerator, second_trunk


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def on_meta(make):
    with torch.device("meta"):
        return make()


def test_parameter_counts_of_the_published_code():
    assert parameters(on_meta(Generator)) == 18_909_699
    assert parameters(on_meta(lambda: Generator(width=196))) == 41_107_551
    assert parameters(on_meta(lambda: Discriminator(*first_trunk()))) == 4_032_321
    coco = on_meta(lambda: Discriminator(*first_trunk(196), text_norm=False))
    assert parameters(coco) == 36_190_301


def test_the_second_stage_is_the_papers():
    """512 channels of 16x16 before the four residual blocks; 32 times the width at 4x4, then 8 times."""
    generator = on_meta(SecondGenerator)
    joined = generator.draw[0]
    assert (joined.in_channels, joined.out_channels) == (512 + 128, 512)
    assert parameters(generator) == 26_296_067
    trunk, channels = on_meta(second_trunk)
    assert channels == 512
    assert max(layer.out_channels for layer in trunk if isinstance(layer, nn.Conv2d)) == 32 * 64


@pytest.mark.parametrize("augmented", [False, True])
def test_a_sentence_and_noise_to_64_pixels(augmented):
    generator = Generator(6, noise_channels=4, text_code=3, width=4, augmented=augmented)
    drawn = generator(torch.randn(2, 4), Condition(vector=torch.randn(2, 6)))
    assert drawn.image.shape == (2, 3, 64, 64)
    assert drawn.image.abs().max() <= 1
    assert (drawn.divergence > 0) == augmented


def test_both_the_sentence_and_the_noise_are_heard():
    torch.manual_seed(0)
    generator = Generator(6, noise_channels=4, text_code=3, width=4).eval()
    noise, vector = torch.randn(1, 4), torch.randn(1, 6)
    image = generator(noise, Condition(vector=vector)).image
    assert not torch.allclose(image, generator(noise, Condition(vector=-vector)).image)
    assert not torch.allclose(image, generator(-noise, Condition(vector=vector)).image)


def test_logits_of_both_discriminators():
    for (trunk, channels), size in ((first_trunk(4), 64), (second_trunk(2), 256)):
        discriminator = Discriminator(trunk, channels, 6, text_code=3)
        images, condition = torch.randn(2, 3, size, size), Condition(vector=torch.randn(2, 6))
        assert trunk(images).shape == (2, channels, 4, 4)
        assert discriminator(images, condition).shape == (2,)


def test_the_third_activation_and_the_text_norm_are_options():
    kinds = {
        on: [type(layer) for layer in first_trunk(4, third_activation=on)[0] if isinstance(layer, nn.LeakyReLU)]
        for on in (True, False)
    }
    assert len(kinds[True]) == len(kinds[False]) + 1
    for on in (True, False):
        text = Discriminator(*first_trunk(4), 6, text_code=3, text_norm=on).judge.text
        assert any(isinstance(layer, nn.BatchNorm1d) for layer in text) == on


def test_the_second_stage_reads_picture_and_sentence():
    torch.manual_seed(0)
    generator = SecondGenerator(6, text_code=3, width=4, blocks=1)  # fresh running statistics would shrink all to 0
    generator.text.eval()  # nothing drawn
    image, vector = torch.randn(1, 3, 64, 64), torch.randn(1, 6)
    drawn = generator(image, Condition(vector=vector)).image
    assert drawn.shape == (1, 3, 256, 256)
    assert not torch.allclose(drawn, generator(-image, Condition(vector=vector)).image)
    assert not torch.allclose(drawn, generator(image, Condition(vector=-vector)).image)


def test_a_bottleneck_adds_to_what_it_is_given():
    block = Bottleneck(4, 2, nn.ReLU())
    for layer in block.layers:
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.zeros_(layer.weight)
    features = torch.randn(2, 4, 5, 5)
    assert torch.equal(block(features), features.relu())
