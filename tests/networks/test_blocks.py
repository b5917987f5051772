import pytest
import torch
from torch import nn

from condgen.networks.blocks import (
    InstanceNorm,
    LinearUpsampling,
    Norm,
    Padding,
    Upsampling,
    convolution,
    initialise,
    mirrored_convolution,
    normalisation,
    upsampling,
)

INSTANCE_NORMS = {1: nn.InstanceNorm1d, 2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}
REFLECTIONS = {1: nn.ReflectionPad1d, 2: nn.ReflectionPad2d, 3: nn.ReflectionPad3d}
CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
SIZES = (5, 6, 4)


def features(dimensions, samples=3, channels=4, *, dtype=torch.float32):
    """Each channel of each sample with a mean and a deviation of its own."""
    torch.manual_seed(0)
    drawn = torch.randn(samples, channels, *SIZES[:dimensions])
    level, width = torch.rand(2, samples, channels, *[1] * dimensions)
    return (4 * level - 2 + (0.2 + width) * drawn).to(dtype)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("samples", [1, 3])
def test_instance_norm_is_torchs_in_value_and_gradient(dimensions, samples):
    reference = INSTANCE_NORMS[dimensions](4)
    given, weight = features(dimensions, samples), torch.randn(samples, 4, *SIZES[:dimensions])
    made = []
    for norm in (InstanceNorm(), reference):
        own = given.clone().requires_grad_()
        output = norm(own)
        (output * weight).sum().backward()
        made.append((output.detach(), own.grad))
    torch.testing.assert_close(made[0], made[1], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(InstanceNorm()(given), made[1][0], rtol=1e-5, atol=1e-5)  # another way inside


@pytest.mark.parametrize("asks", [False, True])
def test_instance_norm_keeps_dtype_and_layout(asks):
    given = features(2, dtype=torch.bfloat16).to(memory_format=torch.channels_last).requires_grad_(asks)
    output = InstanceNorm()(given)
    assert output.dtype == torch.bfloat16
    assert output.is_contiguous(memory_format=torch.channels_last)
    expected = nn.InstanceNorm2d(4)(given.detach().float())
    torch.testing.assert_close(output.detach().float(), expected, rtol=0, atol=0.02)  # 8 bits of values up to 3


def test_instance_norm_of_a_known_channel():
    """1, 2, 3, 4 has mean 2.5 and variance 1.25."""
    output = InstanceNorm()(torch.tensor([[[1.0, 2.0, 3.0, 4.0]]]))
    expected = torch.tensor([[[-1.5, -0.5, 0.5, 1.5]]]) / (1.25 + 1e-5) ** 0.5
    torch.testing.assert_close(output, expected)


def test_instance_norm_refuses_a_single_value():
    with pytest.raises(ValueError, match=r"more than one value a channel, got \(2, 3, 1, 1\)"):
        InstanceNorm()(torch.zeros(2, 3, 1, 1))


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("width", [1, 3])
def test_padding_mirrors_as_torchs(dimensions, width):
    given = features(dimensions)
    assert torch.equal(Padding(width)(given), REFLECTIONS[dimensions](width)(given))


def test_padding_of_known_values():
    assert Padding(2)(torch.tensor([[[1.0, 2.0, 3.0]]])).tolist() == [[[3, 2, 1, 2, 3, 2, 1]]]


def test_linear_upsampling_of_known_values():
    """The new values lie a quarter of the way from the old ones."""
    assert LinearUpsampling()(torch.tensor([[[0.0, 1.0]]])).tolist() == [[[0, 0.25, 0.75, 1]]]


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("kernel", [3, 4])
@pytest.mark.parametrize("form", Upsampling)
def test_upsampling_doubles_every_size(dimensions, kernel, form):
    layers = nn.Sequential(*upsampling(form, dimensions, 4, 2, kernel=kernel, norm=Norm.INSTANCE))
    assert layers(features(dimensions)).shape == (3, 2, *(2 * size for size in SIZES[:dimensions]))


@pytest.mark.parametrize("dimensions", [1, 2])
def test_resize_form_leaves_a_constant_without_checkerboard(dimensions):
    """Every value is the constant times the sum of the weights, plus the bias; not so of a transposed convolution."""
    torch.manual_seed(0)
    constant = torch.full((1, 1, *SIZES[:dimensions]), 0.7)
    resize = upsampling(Upsampling.RESIZE, dimensions, 1, 1, kernel=3, norm=Norm.NONE)
    expected = 0.7 * resize[-1].weight.sum() + resize[-1].bias
    made = nn.Sequential(*resize)(constant)
    torch.testing.assert_close(made, expected.expand_as(made))
    transposed = nn.Sequential(*upsampling(Upsampling.TRANSPOSED, dimensions, 1, 1, kernel=3, norm=Norm.NONE))
    inside = transposed(constant)[(..., *[slice(2, -2)] * dimensions)]
    assert inside.std() > 0.05


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_mirrored_convolution_keeps_the_size(dimensions):
    layers = nn.Sequential(*mirrored_convolution(dimensions, 4, 2, 7, norm=Norm.NONE))
    own, given = CONVOLUTIONS[dimensions](4, 2, 7), features(dimensions)
    own.load_state_dict(layers[1].state_dict())
    torch.testing.assert_close(layers(given), own(REFLECTIONS[dimensions](3)(given)))
    assert layers(given).shape[2:] == given.shape[2:]


@pytest.mark.parametrize("norm", Norm)
def test_only_before_a_batch_norm_there_is_no_bias(norm):
    assert (convolution(2, 4, 4, 3, norm=norm).bias is None) == (norm is Norm.BATCH)
    (layer,) = upsampling(Upsampling.TRANSPOSED, 2, 4, 4, kernel=4, norm=norm)
    assert (layer.bias is None) == (norm is Norm.BATCH)


def test_normalisation_as_layers():
    assert normalisation(Norm.NONE, 2, 4) == []
    assert [type(part) for part in normalisation(Norm.INSTANCE, 2, 4)] == [InstanceNorm]
    (batch,) = normalisation(Norm.BATCH, 1, 4)
    assert isinstance(batch, nn.BatchNorm1d)
    assert batch.num_features == 4


def test_initial_weights():
    """N(0, 0.02) of convolutions, N(1, 0.02) of norms, 0 of biases; a deviation of n draws is off by 1 / sqrt(2 n)."""
    torch.manual_seed(0)
    parts = nn.Sequential(
        nn.Conv2d(64, 64, 4), nn.ConvTranspose1d(64, 64, 4), nn.BatchNorm2d(4096), nn.Conv3d(64, 64, 3)
    )
    initialise(parts)
    for part, mean in zip(parts, (0, 0, 1, 0), strict=True):
        assert part.weight.mean().item() == pytest.approx(mean, abs=0.0015)
        assert part.weight.std().item() == pytest.approx(0.02, rel=0.05)
        assert not part.bias.any()
    initialise(parts, deviation=0.5)
    assert parts[0].weight.std().item() == pytest.approx(0.5, rel=0.05)
