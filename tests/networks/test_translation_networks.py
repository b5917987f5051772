"""Generators and discriminators: sizes, patches, scales, and which crops they can take."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from condgen.networks.blocks import Norm, Upsampling
from condgen.networks.patch_discriminator import MultiScaleDiscriminator, PatchDiscriminator
from condgen.networks.translation import (
    Architecture,
    DiscriminatorConfig,
    GeneratorConfig,
    build_discriminator,
    build_generator,
    is_independent_of_batch,
    logits_of,
    matched_features,
    refuse_crop,
    smallest_side,
)

UNET = GeneratorConfig(architecture=Architecture.UNET, norm=Norm.BATCH, dropout=True)


def count(build, *arguments):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in build(*arguments).parameters())


@pytest.mark.parametrize(
    ("build", "arguments", "expected"),
    [
        (build_generator, (GeneratorConfig(), 3, 3), 11_378_179),
        (build_generator, (UNET, 3, 3), 54_413_955),
        (build_discriminator, (DiscriminatorConfig(), 3), 2_764_737),
        (build_discriminator, (DiscriminatorConfig(norm=Norm.BATCH), 6), 2_768_705),
    ],
)
def test_parameters_of_the_papers_networks(build, arguments, expected):
    assert count(build, *arguments) == expected


@pytest.mark.parametrize(("layers", "patch"), [(0, 1), (1, 16), (2, 34), (3, 70), (4, 142)])
def test_patch_that_a_logit_sees(layers, patch):
    """Pixels that change the logit in the middle when they change; 70 in the paper."""
    torch.manual_seed(0)
    side = 256
    judge = PatchDiscriminator(1, channels=2, layers=layers, norm=Norm.NONE).double().requires_grad_(False)
    sample = torch.randn(1, 1, side, side, dtype=torch.double, requires_grad=True)
    logits = judge(sample)
    middle = logits.shape[-1] // 2
    logits[0, 0, middle, middle].backward()
    rows, columns = sample.grad[0, 0].nonzero().unbind(1)
    first = rows.min().item(), columns.min().item()
    assert (rows.max().item() - first[0] + 1, columns.max().item() - first[1] + 1) == (patch, patch)
    with torch.no_grad():
        for row, seen in ((first[0], True), (first[0] - 1, False)):
            changed = sample.detach().clone()
            changed[0, 0, row] += 1
            assert (judge(changed)[0, 0, middle, middle] != logits[0, 0, middle, middle]).item() is seen


@pytest.mark.parametrize(("side", "patches"), [(256, 30), (128, 14)])
def test_patches_of_a_picture(side, patches):
    assert PatchDiscriminator(3, channels=1)(torch.zeros(1, 3, side, side)).shape == (1, 1, patches, patches)


@pytest.mark.parametrize("levels", [5, 8])
def test_u_net_ends_in_one_pixel(levels):
    generator = build_generator(GeneratorConfig(architecture=Architecture.UNET, channels=1, levels=levels), 3, 1)
    seen = []
    generator.down[-1].register_forward_hook(lambda _, __, output: seen.append(output.shape))
    side = 2**levels
    assert generator(torch.zeros(1, 3, side, side)).shape == (1, 1, side, side)
    assert seen == [(1, 8, 1, 1)]
    assert generator.multiple == side


def test_u_net_drops_next_to_the_innermost_level():
    """Three of eight levels, from the second innermost outwards."""
    with torch.device("meta"):
        dropped = [any(isinstance(part, nn.Dropout) for part in level) for level in build_generator(UNET, 3, 3).up]
    assert dropped == [False, False, False, False, True, True, True, False]


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize("architecture", Architecture)
@pytest.mark.parametrize("norm", Norm)
@pytest.mark.parametrize("form", Upsampling)
@torch.no_grad()
def test_every_generator_keeps_the_size(dimensions, architecture, norm, form):
    config = GeneratorConfig(
        architecture=architecture, channels=2, blocks=1, levels=3, norm=norm, upsampling=form, dimensions=dimensions
    )
    size = (16, 24)[:dimensions]
    made = build_generator(config, 3, 2)(torch.rand(2, 3, *size) * 2 - 1)
    assert made.shape == (2, 2, *size)
    assert 0 < made.abs().max() <= 1


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize("norm", Norm)
@pytest.mark.parametrize("scales", [1, 2])
@pytest.mark.parametrize("spectral_norm", [False, True])
@torch.no_grad()
def test_every_discriminator_judges_with_its_condition(dimensions, norm, scales, spectral_norm):
    config = DiscriminatorConfig(channels=2, layers=1, norm=norm, scales=scales, spectral_norm=spectral_norm)
    judge = build_discriminator(config, 5, dimensions)
    sample, condition = torch.rand(2, 3, *(16, 24)[:dimensions]), torch.rand(2, 2, *(16, 24)[:dimensions])
    logits = judge(sample, condition)
    first = logits if scales == 1 else logits[0]
    assert first.shape == (2, 1, *(6, 10)[:dimensions])  # 16 / 2 - 2
    whole = judge.train(False)(torch.cat([condition, sample], 1))
    torch.testing.assert_close(judge(sample, condition), whole)  # the condition is in front


@torch.no_grad()
def test_scales_judge_halved_pictures():
    torch.manual_seed(0)
    judge = MultiScaleDiscriminator(3, input_channels=3, channels=2, layers=1)
    sample, condition = torch.rand(1, 2, 32, 32), torch.rand(1, 1, 32, 32)
    maps, logits = judge.feature_maps(sample, condition), judge(sample, condition)
    assert [len(of_scale) for of_scale in maps] == [3, 3, 3]
    for scale, (of_scale, own) in enumerate(zip(judge.scales, logits, strict=True)):
        torch.testing.assert_close(of_scale(sample, condition), own)
        torch.testing.assert_close(maps[scale][-1], own)
        sample, condition = (F.avg_pool2d(one, 3, 2, 1, count_include_pad=False) for one in (sample, condition))
    assert all(torch.equal(one, other) for one, other in zip(logits_of(maps), logits, strict=True))
    assert torch.equal(logits_of(maps[0]), logits[0])


def test_matched_features_leave_the_logits_out():
    """Mean absolute distances of the maps are 1 and 3, which are added up, over two scales too."""
    zero = [torch.zeros(1, 2, 4), torch.zeros(1, 3, 2), torch.zeros(1, 1, 1)]
    other = [torch.ones(1, 2, 4), torch.full((1, 3, 2), 3.0), torch.full((1, 1, 1), 100.0)]
    assert matched_features(zero, other) == 4
    assert matched_features([zero, zero], [other, other]) == 8


@pytest.mark.parametrize("norm", Norm)
def test_samples_share_a_batch_where_no_batch_norm_mixes_them(norm):
    torch.manual_seed(0)
    generator = build_generator(GeneratorConfig(channels=2, blocks=1, norm=norm), 1, 1)
    sample = torch.rand(3, 1, 16, 16)
    together, alone = generator(sample)[:1], generator(sample[:1])
    assert is_independent_of_batch(generator) == torch.allclose(together, alone, rtol=1e-3, atol=1e-6)
    assert is_independent_of_batch(generator) == (norm is not Norm.BATCH)


def runs(network, *shape):
    """Whether the network takes a sample of that shape, in training, where norms are strict."""
    try:
        with torch.no_grad():
            network.train()(torch.zeros(shape))
    except (RuntimeError, ValueError):
        return False
    return True


@pytest.mark.parametrize("layers", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("norm", [Norm.INSTANCE, Norm.BATCH])
def test_smallest_side_of_one_scale(layers, norm):
    config = DiscriminatorConfig(channels=1, layers=layers, norm=norm)
    judge, side = build_discriminator(config, 1), smallest_side(config)
    assert runs(judge, 1, 1, side, side)
    assert not runs(judge, 1, 1, side - 1, side - 1)


@pytest.mark.parametrize("layers", [0, 1, 3])
@pytest.mark.parametrize("scales", [2, 3])
def test_smallest_side_of_several_scales(layers, scales):
    config = DiscriminatorConfig(channels=1, layers=layers, scales=scales)
    judge, side = build_discriminator(config, 1), smallest_side(config)
    assert runs(judge, 1, 1, side, side)
    assert not runs(judge, 1, 1, side // 2, side // 2)


def is_allowed(crop, generator, discriminator):
    try:
        refuse_crop(crop, generator, discriminator)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    "generator",
    [
        GeneratorConfig(channels=1, blocks=1),
        GeneratorConfig(architecture=Architecture.UNET, channels=1, levels=3),
        GeneratorConfig(architecture=Architecture.UNET, channels=1, levels=5),
    ],
    ids=["resnet", "unet8", "unet32"],
)
@pytest.mark.parametrize("layers", [0, 2, 3])
@torch.no_grad()
def test_crops_that_are_allowed_run(generator, layers):
    """All of 1 to 64 pixels; of those refused, none from 16 on would run and come out in its size."""
    config = DiscriminatorConfig(channels=1, layers=layers)
    network, judge = build_generator(generator, 1, 1), build_discriminator(config, 1)
    allowed = [crop for crop in range(1, 65) if is_allowed(crop, generator, config)]
    for crop in range(1, 65):
        shape = (1, 1, crop, crop)
        good = runs(judge, *shape) and runs(network, *shape) and network(torch.zeros(shape)).shape == shape
        assert good if crop in allowed else not good or crop < 16
    assert 64 in allowed


@pytest.mark.parametrize(
    ("crop", "generator", "says"),
    [
        (254, GeneratorConfig(), "model.crop 254 must be a multiple of 4"),
        (128, UNET, "model.crop 128 must be a multiple of 256 for this generator, or take fewer generator.levels"),
        (20, GeneratorConfig(), "model.crop 20 is too small for this discriminator: 24 or more"),
        (0, GeneratorConfig(), "model.crop 0 must be"),
    ],
)
def test_crops_that_are_refused_say_why(crop, generator, says):
    with pytest.raises(ValueError, match=says):
        refuse_crop(crop, generator, DiscriminatorConfig())


@pytest.mark.parametrize(
    ("config", "options", "says"),
    [
        (GeneratorConfig, {"channels": 0}, "channels must be 1 or more"),
        (GeneratorConfig, {"blocks": -1}, "blocks 0 or more"),
        (GeneratorConfig, {"levels": 1}, "levels must be 2 or more"),
        (GeneratorConfig, {"dimensions": 3}, "dimensions must be 1 or 2"),
        (DiscriminatorConfig, {"channels": 0}, "got 0, 1 and 3"),
        (DiscriminatorConfig, {"layers": -1}, "layers 0 or more"),
        (DiscriminatorConfig, {"scales": 0}, "scales must be 1 or more"),
    ],
)
def test_sizes_that_make_no_network_are_refused(config, options, says):
    with pytest.raises(ValueError, match=says):
        config(**options)
