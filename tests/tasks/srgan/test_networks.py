import pytest
import torch

from condgen.tasks.srgan.networks import Activation, Discriminator, DiscriminatorHead, Generator, interpolated

MSRRESNET = {
    "batch_norm": False,
    "block_activation": Activation.RELU,
    "upsample_activation": Activation.LEAKY_RELU,
    "edge_kernel": 3,
    "long_skip": False,
    "refine": True,
    "body_end": False,
    "add_interpolated": True,
}


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("options", "count"),
    [({}, 1_549_462), (MSRRESNET, 1_517_571), ({"residual_blocks": 5, "tanh_output": True}, 734_219)],
    ids=["paper", "MSRResNet", "leftthomas"],
)
def test_generator_has_the_published_number_of_parameters(options, count):
    with torch.device("meta"):
        assert parameters(Generator(**options)) == count


def test_discriminator_has_the_published_number_of_parameters():
    with torch.device("meta"):
        assert parameters(Discriminator(crop=96)) == 23_565_505


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("options", [{}, MSRRESNET], ids=["paper", "MSRResNet"])
@torch.no_grad()
def test_output_is_the_input_times_the_scale(scale, options):
    generator = Generator(scale, residual_blocks=1, channels=4, **options)
    assert generator(torch.rand(2, 3, 7, 5)).shape == (2, 3, 7 * scale, 5 * scale)


@torch.no_grad()
def test_untrained_upsampling_makes_no_checkerboard():
    stage = Generator(residual_blocks=1, channels=4).upsample[0]
    blocks = stage(torch.rand(1, 4, 6, 6)).unfold(2, 2, 2).unfold(3, 2, 2)
    torch.testing.assert_close(blocks, blocks[..., :1, :1].expand_as(blocks))


@torch.no_grad()
def test_what_the_output_options_do():
    low = torch.rand(1, 3, 6, 6)
    added = Generator(residual_blocks=1, channels=4, **MSRRESNET)
    added.tail.weight.zero_()
    added.tail.bias.zero_()
    torch.testing.assert_close(added(low), interpolated(low, 4))
    assert interpolated(torch.zeros(1, 3, 2, 2), 2).eq(-1).all()
    assert interpolated(torch.ones(1, 3, 2, 2), 2).eq(1).all()
    bounded, free = (Generator(residual_blocks=1, channels=4, tanh_output=tanh).eval() for tanh in (True, False))
    bounded.load_state_dict(free.state_dict())
    torch.testing.assert_close(bounded(low), free(low).tanh())


@pytest.mark.parametrize("head", DiscriminatorHead)
@torch.no_grad()
def test_discriminator_gives_one_logit_a_sample(head):
    discriminator = Discriminator(crop=40, channels=4, head=head)
    assert discriminator(torch.rand(3, 3, 40, 40)).shape == (3, 1)


@torch.no_grad()
def test_pooled_head_takes_any_size():
    discriminator = Discriminator(channels=4, head=DiscriminatorHead.POOLED)
    for height, width in ((16, 16), (96, 96), (33, 70)):
        assert discriminator(torch.rand(2, 3, height, width)).shape == (2, 1)


@torch.no_grad()
def test_feature_maps_are_the_eight_activations():
    discriminator = Discriminator(crop=32, channels=4).eval()
    sample = torch.rand(2, 3, 32, 32)
    maps = discriminator.feature_maps(sample)
    widths_and_sides = [(4, 32), (4, 16), (8, 16), (8, 8), (16, 8), (16, 4), (32, 4), (32, 2)]
    assert [(one.shape[1], one.shape[2]) for one in maps] == widths_and_sides
    assert torch.equal(maps[-1], discriminator.features(sample))
    assert torch.equal(discriminator.judge(maps[-1]), discriminator(sample))
