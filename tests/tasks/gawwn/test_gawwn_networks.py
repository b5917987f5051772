from dataclasses import replace

import pytest
import torch
from torch import nn

from condgen.conditioning.condition import Condition
from condgen.tasks.gawwn.box import BoxDiscriminator, BoxGenerator
from condgen.tasks.gawwn.completion import CompletionConfig, CompletionDiscriminator, CompletionGenerator
from condgen.tasks.gawwn.keypoints import KeypointDiscriminator, KeypointGenerator
from condgen.tasks.gawwn.layers import (
    Activation,
    DiscriminatorConfig,
    DiscriminatorNorm,
    GeneratorConfig,
    Upsampling,
    doubled,
    opened,
    spread_maps,
)

TEXT, KEYPOINTS = 6, 3
SMALL = GeneratorConfig(width=4, noise=5)
COMPACT = GeneratorConfig(width=8, noise=5, upsampling=Upsampling.NEAREST, place_maps=True)
JUDGE = DiscriminatorConfig(width=4, text_code=3)
COMPACT_JUDGE = DiscriminatorConfig(width=4, text_code=3, norm=DiscriminatorNorm.SPECTRAL, place_maps=True)
PEOPLE = GeneratorConfig(width=4, noise=5, local_residual=True)
PEOPLE_JUDGE = DiscriminatorConfig(width=4, text_code=3, activation=Activation.ELU, dropout=0.2)


def generators(config, size=32):
    return [BoxGenerator(config, TEXT, size), KeypointGenerator(config, TEXT, KEYPOINTS, size)]


def discriminators(config, size=32):
    return [BoxDiscriminator(config, TEXT, size), KeypointDiscriminator(config, TEXT, KEYPOINTS, size)]


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def condition(count=4):
    """Texts, a box in the left top quarter and keypoints there, the last of them not visible."""
    keypoints = torch.tensor([[0.1, 0.1, 1.0], [0.2, 0.3, 1.0], [0.0, 0.0, 0.0]])
    box = torch.tensor([0.0, 0.0, 0.25, 0.25])
    return Condition(
        vector=torch.randn(count, TEXT), box=box.expand(count, -1), keypoints=keypoints.expand(count, -1, -1)
    )


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("network", "arguments", "count"),
    [
        (BoxGenerator, (GeneratorConfig(), 1024, 128), 73_545_699),
        (BoxDiscriminator, (DiscriminatorConfig(), 1024, 128), 16_763_137),
        (KeypointGenerator, (GeneratorConfig(), 1024, 15, 128), 26_471_043),
        (KeypointDiscriminator, (DiscriminatorConfig(), 1024, 15, 128), 14_667_905),
        (CompletionGenerator, (CompletionConfig(), 1024, 15), 2_715_949),
        (CompletionDiscriminator, (CompletionConfig(), 1024, 15), 946_177),
    ],
)
def test_networks_have_as_many_parameters_as_the_authors(network, arguments, count):
    with torch.device("meta"):
        assert parameters(network(*arguments)) == count


@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize(("config", "judge"), [(SMALL, JUDGE), (COMPACT, COMPACT_JUDGE)], ids=["paper", "compact"])
def test_pictures_are_drawn_and_judged_at_every_size(size, config, judge):
    where = condition(2)
    for generator, discriminator in zip(generators(config, size), discriminators(judge, size), strict=True):
        image = generator(torch.randn(2, 5), where)
        assert image.shape == (2, 3, size, size)
        assert image.abs().max() <= 1
        logits = discriminator(image, where)
        assert logits.shape == (2,)
        logits.sum().backward()
        for network in (generator, discriminator):
            assert all(parameter.grad is not None for parameter in network.parameters())


def test_people_have_other_activations_dropout_and_a_block_more():
    generator = KeypointGenerator(PEOPLE, TEXT, 17, 64)
    assert isinstance(generator.local_in, nn.Linear)
    more = parameters(generator) - parameters(KeypointGenerator(SMALL, TEXT, 17, 64))
    block = (16 * 4 + 3 * 4) + (4 * 4 * 9 + 3 * 4) + (4 * 16 * 9 + 3 * 16)  # of 4 width channels, with biases and norms
    assert more == block - 2 * 16  # without the batch norm behind the linear layer
    judge = KeypointDiscriminator(PEOPLE_JUDGE, TEXT, 17, 64)
    kinds = [type(part) for part in judge.modules()]
    assert nn.ELU in kinds
    assert nn.LeakyReLU not in kinds
    assert [part.p for part in judge.modules() if isinstance(part, nn.Dropout)] == [0.2]
    with pytest.raises(ValueError, match="local_residual"):
        BoxGenerator(PEOPLE, TEXT, 64)


@torch.no_grad()
@pytest.mark.parametrize("config", [SMALL, COMPACT], ids=["paper", "compact"])
def test_local_features_stay_in_their_place(config):
    where, noise = condition(), torch.randn(4, 5)
    box, keypoints = (network.eval() for network in generators(config))
    for generator, local in ((box, box.local_path[-1][-1]), (keypoints, keypoints.local_in[1])):
        before = generator(noise, where)
        local.bias += 1  # of the last norm before the features are put into their place
        changed = (generator(noise, where) - before).abs().amax((0, 1))
        assert changed[:8, :8].min() > 0
        assert changed[24:, 24:].max() == 0  # out of reach of the convolutions behind


@torch.no_grad()
def test_without_visible_keypoints_there_are_no_local_features():
    generator = KeypointGenerator(SMALL, TEXT, KEYPOINTS, 32).eval()
    where, noise = replace(condition(), keypoints=torch.zeros(4, KEYPOINTS, 3)), torch.randn(4, 5)
    before = generator(noise, where)
    generator.local_in[1].bias += 1
    assert torch.equal(generator(noise, where), before)


@torch.no_grad()
def test_the_local_branch_judges_what_is_in_the_place():
    where, image = condition(), torch.randn(4, 3, 32, 32)
    elsewhere = image.clone()
    elsewhere[..., 20:, 20:] = 0
    for discriminator in discriminators(JUDGE):
        discriminator.eval()
        assert (discriminator(image, where) != discriminator(elsewhere, where)).all()
        discriminator.head.hidden[0].weight[:, 4:] = 0  # the global branch
        assert torch.equal(discriminator(image, where), discriminator(elsewhere, where))


@torch.no_grad()
@pytest.mark.parametrize("place_maps", [False, True])
def test_place_maps_tell_the_global_branch_of_the_place(place_maps):
    there, image = condition(), torch.randn(4, 3, 32, 32)
    elsewhere = replace(there, box=there.box + 0.3, keypoints=there.keypoints + torch.tensor([0.5, 0.4, 0.0]))
    for discriminator in discriminators(replace(JUDGE, place_maps=place_maps)):
        discriminator.eval()
        discriminator.head.hidden[0].weight[:, :4] = 0  # the local branch
        discriminator.text[0].weight.zero_()
        discriminator.text[0].bias.zero_()  # so that it does not matter where the text is
        differ = discriminator(image, there) != discriminator(image, elsewhere)
        assert differ.all() if place_maps else not differ.any()


@torch.no_grad()
@pytest.mark.parametrize("place_maps", [False, True])
def test_place_maps_tell_the_generator_of_the_place(place_maps):
    there = condition()
    config = replace(SMALL, place_maps=place_maps)
    box, keypoints = (network.eval() for network in generators(config))
    for linear in (box.text, box.local_noise, box.global_noise):
        linear.weight.zero_()
        linear.bias.zero_()
    elsewhere = replace(there, box=there.box + 0.3)
    within_the_cell = replace(there, keypoints=there.keypoints + torch.tensor([0.01, 0.01, 0.0]))
    for generator, other in ((box, elsewhere), (keypoints, within_the_cell)):
        noise = torch.randn(4, 5)
        assert torch.equal(generator(noise, there), generator(noise, other)) != place_maps


def test_spread_maps_share_a_keypoint_among_the_nearest_cells():
    keypoints = torch.tensor([[[0.375, 0.625, 1.0], [0.5, 0.625, 1.0], [0.45, 0.7, 1.0], [0.5, 0.5, 0.0]]])
    maps = spread_maps(keypoints, 4)[0]  # middles of cells: 0.125, 0.375, 0.625, 0.875
    middle, edge, between, absent = torch.zeros(4, 4, 4)
    middle[2, 1] = 1
    edge[2, 1:3] = 0.5
    between[2:, 1:3] = torch.tensor([[0.7 * 0.7, 0.7 * 0.3], [0.3 * 0.7, 0.3 * 0.3]])
    torch.testing.assert_close(maps, torch.stack([middle, edge, between, absent]))


@torch.no_grad()
@pytest.mark.parametrize("by_paste", [True, False])
def test_global_text_is_in_the_box_or_cropped(by_paste):
    seen = []
    discriminator = BoxDiscriminator(replace(JUDGE, global_text_by_paste=by_paste), TEXT, 32).eval()
    discriminator.global_text.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    where = condition()
    discriminator(torch.randn(4, 3, 32, 32), where)
    text = discriminator.text(where.vector)[:, :, None, None]
    torch.testing.assert_close(seen[0][:, :, :3, :3], text.expand(-1, -1, 3, 3))
    everywhere = text.expand(-1, -1, 11, 11)
    torch.testing.assert_close(seen[0][:, :, 5:, 5:], torch.zeros_like(everywhere) if by_paste else everywhere)


def test_the_trunk_runs_once_for_both_branches():
    for discriminator in discriminators(JUDGE):
        calls = []
        discriminator.trunk.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        discriminator(torch.randn(4, 3, 32, 32), condition())
        assert len(calls) == 1


def test_with_spectral_norm_pairs_may_be_judged_together():
    where, image = condition(), torch.randn(4, 3, 32, 32)
    judges = discriminators(COMPACT_JUDGE)
    completed = CompletionDiscriminator(CompletionConfig(width=4, norm=DiscriminatorNorm.SPECTRAL), TEXT, KEYPOINTS)
    for discriminator in (*judges, completed):
        assert not any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in discriminator.modules())
        for part in discriminator.modules():
            if isinstance(part, nn.Conv2d | nn.Linear):
                assert nn.utils.parametrize.is_parametrized(part, "weight")
    for discriminator in judges:
        discriminator.eval()
        apart = torch.cat([discriminator(image[rows], where[rows]) for rows in (slice(0, 1), slice(1, 4))])
        torch.testing.assert_close(discriminator(image, where), apart)


@torch.no_grad()
def test_opening_is_a_transposed_convolution():
    layer = opened(5, 7)[0]
    features = torch.randn(2, 5, 1, 1)
    torch.testing.assert_close(layer(features), nn.ConvTranspose2d.forward(layer, features))


@torch.no_grad()
@pytest.mark.parametrize(("form", "checkerboard"), [(Upsampling.NEAREST, False), (Upsampling.TRANSPOSED, True)])
def test_nearest_upsampling_makes_no_checkerboard(form, checkerboard):
    made = doubled(form, 3, 2)[:-2](torch.ones(1, 3, 6, 6))[..., 2:-2, 2:-2]
    assert made.shape == (1, 2, 8, 8)
    assert torch.allclose(made, made[..., :1, :1].expand_as(made)) != checkerboard


def test_first_weights_are_the_authors():
    generator = BoxGenerator(GeneratorConfig(width=16), TEXT, 32)
    convolution, norm = generator.text_map[0][0], generator.text_map[0][1]
    assert convolution.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert not convolution.bias.any()
    assert norm.weight.mean().item() == pytest.approx(1, abs=0.02)
    assert 0 < norm.weight.std() < 0.04
    assert generator.text.weight.abs().max() <= TEXT**-0.5  # of a linear layer: torch's, uniform
    assert generator.text.weight.std().item() == pytest.approx((3 * TEXT) ** -0.5, rel=0.15)


@torch.no_grad()
def test_bf16_gives_fp32_pictures_and_logits_close_to_those_of_fp32():
    where, noise = condition(), torch.randn(4, 5)
    for generator, discriminator in zip(generators(COMPACT), discriminators(COMPACT_JUDGE), strict=True):
        generator.eval()
        discriminator.eval()
        image = generator(noise, where)
        logits = discriminator(image, where)
        with torch.autocast("cpu", torch.bfloat16):
            image_bf16, logits_bf16 = generator(noise, where), discriminator(image, where)
        assert image_bf16.dtype == logits_bf16.dtype == torch.float32
        torch.testing.assert_close(image_bf16, image, atol=0.02, rtol=0)
        torch.testing.assert_close(logits_bf16, logits, atol=0.05, rtol=0)


def test_known_keypoints_stay_and_others_are_found():
    generator = CompletionGenerator(CompletionConfig(width=4, noise=5), TEXT, KEYPOINTS)
    text, noise, known = torch.randn(4, TEXT), torch.randn(4, 5), condition().keypoints
    with torch.autocast("cpu", torch.bfloat16):
        found = generator(noise, text, known)
    assert found.dtype == torch.float32
    assert torch.equal(found[:, :2], known[:, :2])
    assert ((found[:, 2] > 0) & (found[:, 2] < 1)).all()
    assert not torch.equal(found[0, 2], found[1, 2])
    everything = torch.cat([torch.rand(4, KEYPOINTS, 2), torch.ones(4, KEYPOINTS, 1)], dim=2)
    assert torch.equal(generator(noise, text, everything), everything)


def test_what_is_known_moves_the_rest():
    generator = CompletionGenerator(CompletionConfig(width=4, noise=5), TEXT, KEYPOINTS).eval()
    known = condition().keypoints.clone().requires_grad_()
    generator(torch.randn(4, 5), torch.randn(4, TEXT), known)[:, 2].sum().backward()
    assert known.grad[:, :2, :2].any()


@pytest.mark.parametrize("norm", DiscriminatorNorm)
def test_completions_are_judged_by_keypoints_and_text(norm):
    discriminator = CompletionDiscriminator(CompletionConfig(width=4, norm=norm), TEXT, KEYPOINTS)
    keypoints, text = torch.rand(4, KEYPOINTS, 3, requires_grad=True), torch.randn(4, TEXT, requires_grad=True)
    logits = discriminator(keypoints, text)
    assert logits.shape == (4,)
    (logits * torch.randn(4)).sum().backward()
    assert keypoints.grad.any()
    assert text.grad.any()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BoxGenerator(SMALL, TEXT, 48), "one of 32, 64, 128, got 48"),
        (lambda: KeypointDiscriminator(JUDGE, TEXT, 3, 256), "got 256"),
        (lambda: GeneratorConfig(width=6), "multiple of 4, got 6"),
        (lambda: GeneratorConfig(noise=0), "noise must be 1 or more"),
        (lambda: DiscriminatorConfig(dropout=1.0), "dropout in"),
        (lambda: CompletionConfig(noise=0), "got 128 and 0"),
    ],
)
def test_what_cannot_be_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
