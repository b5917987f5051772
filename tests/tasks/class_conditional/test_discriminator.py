from __future__ import annotations

import pytest
import torch

from condgen.conditioning.condition import Condition
from condgen.conditioning.encoders import one_hot
from condgen.tasks.class_conditional import example
from condgen.tasks.class_conditional.config import (
    CodesConfig,
    Config,
    DiscriminatorConfig,
    GeneratorConfig,
    build_discriminator,
    build_generator,
)
from condgen.tasks.class_conditional.discriminator import Judging, take_apart
from condgen.tasks.class_conditional.networks import STEPS, DiscriminatorNorm, Generator, Trunk

LABELS = torch.tensor([0, 1, 1])


def condition(config) -> Condition:
    return Condition(vector=one_hot(LABELS, 2)) if config.conditional else Condition()


@pytest.mark.parametrize(("name", "config"), example.configs().items())
def test_every_form_gives_one_judgement_a_picture(name, config):
    torch.manual_seed(0)
    discriminator = build_discriminator(config)
    pictures = torch.rand(3, 1, 28, 28) * 2 - 1
    if discriminator.reference is not None:
        discriminator.reference.keep_first(pictures)
    judged = discriminator(pictures, condition(config))
    assert judged.logits.shape in ((3, 1), (3,))
    assert {one.shape[0] for one in judged.features} == {3}
    assert len(judged.features) == 2 + bool(config.discriminator.hidden)
    with_classes = config.discriminator.judging in (Judging.AUXILIARY_CLASSIFIER, Judging.CLASSES_AND_FAKE)
    assert (judged.class_logits is not None) == with_classes
    assert (judged.code is not None) == (config.codes.space is not None)


@pytest.mark.parametrize("judging", [Judging.CONCAT, Judging.PROJECTION])
def test_the_label_changes_the_judgement(judging):
    torch.manual_seed(0)
    discriminator = build_discriminator(example.config(judging=judging)).eval()
    picture = torch.rand(1, 1, 28, 28).repeat(2, 1, 1, 1)
    first, second = discriminator(picture, Condition(vector=torch.eye(2))).logits
    assert (first - second).abs() > 1e-6


def test_the_logit_of_classes_and_fake_is_that_of_a_softmax_with_a_fake_class_of_logit_0():
    discriminator = build_discriminator(example.config(judging=Judging.CLASSES_AND_FAKE)).eval()
    judged = discriminator(torch.rand(3, 1, 28, 28), Condition())
    with_fake = torch.cat([judged.class_logits, torch.zeros(3, 1)], dim=1).softmax(1)
    torch.testing.assert_close(judged.logits.sigmoid()[:, 0], 1 - with_fake[:, -1])


def test_taken_apart_and_judged_apart_are_the_same():
    torch.manual_seed(0)
    config = example.config(judging=Judging.AUXILIARY_CLASSIFIER, norm=DiscriminatorNorm.NONE)
    discriminator = build_discriminator(config)
    real, fake, labels = torch.rand(3, 1, 28, 28), torch.rand(3, 1, 28, 28), condition(config)
    joined = take_apart(discriminator(torch.cat([real, fake]), Condition.join([labels, labels])), 3)
    for judged, pictures in zip(joined, (real, fake), strict=True):
        alone = discriminator(pictures, labels)
        torch.testing.assert_close(judged.logits, alone.logits)
        torch.testing.assert_close(judged.class_logits, alone.class_logits)
        torch.testing.assert_close(judged.features[-1], alone.features[-1])


def test_spectral_norm_reaches_every_weight_of_the_discriminator():
    torch.manual_seed(0)
    config = example.config(judging=Judging.PROJECTION, norm=DiscriminatorNorm.SPECTRAL)
    discriminator = build_discriminator(config).train()
    for _ in range(50):
        discriminator(torch.rand(2, 1, 28, 28), Condition(vector=torch.eye(2)))
    weights = [part.weight for part in discriminator.modules() if hasattr(part, "parametrizations")]
    assert len(weights) == 4  # two convolutions, the label's map and the unconditional one
    for weight in weights:
        assert torch.linalg.matrix_norm(weight.flatten(1), 2).item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("size", STEPS)
def test_sizes(size, residual):
    generator = Generator(size, 3, noise_channels=5, width=4, residual=residual)
    made = generator(torch.randn(2, 5), Condition())
    assert made.shape == (2, 3, size, size)
    assert made.abs().max() <= 1
    trunk = Trunk(size, 3, width=4, residual=residual)
    assert trunk(made)[-1].shape == (2, trunk.channels, trunk.size, trunk.size)


def test_number_of_parameters_of_a_plain_generator_of_28_pixels():
    """Start (Z + K) 2w 49, norm 4w; up 2w w 16, norm 2w; last w 16 + 1."""
    noise, classes, width = 64, 10, 32
    config = example.config(judging=Judging.CONCAT)
    made = Generator(28, 1, noise_channels=noise, classes=classes, width=width)
    wanted = (noise + classes) * 2 * width * 49 + 4 * width + 2 * width * width * 16 + 2 * width + width * 16 + 1
    assert sum(parameter.numel() for parameter in made.parameters()) == wanted
    assert build_generator(config).noise_channels == config.generator.noise_channels


def test_number_of_parameters_of_the_networks_of_infogan_for_digits():
    """Chen et al., 2016, appendix C.1: dense layers of 1024, 64 and 128 channels, 128 in Q."""
    config = Config(
        generator=GeneratorConfig(noise_channels=62, width=64, hidden=1024),
        discriminator=DiscriminatorConfig(width=64, hidden=1024),
        codes=CodesConfig(categorical=[10], continuous=2),
    )
    dense = 74 * 1024 + 2 * 1024 + 1024 * 128 * 49 + 2 * 128
    assert _count(build_generator(config)) == dense + 128 * 64 * 16 + 2 * 64 + 64 * 16 + 1
    convolutions = 64 * 16 + 64 + 64 * 128 * 16 + 128 + 2 * 128
    heads = (1024 + 1) + 1024 * 128 + 2 * 128 + (128 + 1) * 12
    assert _count(build_discriminator(config)) == convolutions + (128 * 49 + 1) * 1024 + 2 * 1024 + heads


@pytest.mark.parametrize("norm", DiscriminatorNorm)
def test_the_dense_layer_sees_the_whole_picture(norm):
    trunk = Trunk(28, 1, width=4, hidden=6, norm=norm, reference_size=1).train()
    pictures = torch.randn(3, 1, 28, 28, requires_grad=True)
    last = trunk(pictures)[-1]
    assert last.shape == (3, 6, 1, 1) == (3, trunk.channels, trunk.size, trunk.size)
    last[2].sum().backward()
    assert (pictures.grad[2] != 0).float().mean() > 0.99


def _count(module):
    return sum(parameter.numel() for parameter in module.parameters())
