from __future__ import annotations

import pytest
import torch
from torch import nn

from condgen.networks.blocks import SLOPE, Norm
from condgen.networks.clips import ClipConvolution
from condgen.networks.two_stream import Trunk, TwoStream, refuse_other_sizes, still_stream


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def small(**options) -> TwoStream:
    torch.manual_seed(0)
    return TwoStream(**{"inputs": 5, "width": 2, "frames": 16, "size": 16, **options})


def test_parameter_counts_of_the_published_code():
    with torch.device("meta"):
        streams = TwoStream()
    assert parameters(streams.still) == 3_577_667
    assert parameters(streams.moving) == 12_667_716
    assert parameters(streams) == 16_245_383


def test_a_clip_is_foreground_where_the_mask_is_and_background_elsewhere():
    scene = small()(torch.randn(2, 5))
    clip, foreground, mask, background = scene
    assert clip.shape == foreground.shape == (2, 3, 16, 16, 16)
    assert mask.shape == (2, 1, 16, 16, 16)
    assert background.shape == (2, 3, 16, 16)
    assert clip.abs().max() <= 1
    assert 0 <= mask.min() <= mask.max() <= 1
    for frame in (0, 15):
        expected = mask[:, :, frame] * foreground[:, :, frame] + (1 - mask[:, :, frame]) * background
        torch.testing.assert_close(clip[:, :, frame], expected)


@pytest.mark.parametrize("shown", [0, 1])
def test_each_stream_can_be_seen_alone(shown):
    """The last of the four heads is the mask's; at +-50 its sigmoid is 1 and 0."""
    streams = small()
    nn.init.zeros_(streams.moving[-1].weight)
    with torch.no_grad():
        streams.moving[-1].bias.copy_(torch.tensor([0.5, 0.0, -0.5, 100.0 * shown - 50]))
    scene = streams(torch.randn(2, 5))
    if shown:
        colour = torch.tanh(torch.tensor([0.5, 0.0, -0.5]))[None, :, None, None, None]
        torch.testing.assert_close(scene.clip, colour.expand_as(scene.clip))
    else:  # the same picture in every frame
        torch.testing.assert_close(scene.clip, scene.background[:, :, None].expand_as(scene.clip))
        assert scene.background.std() > 0


@pytest.mark.parametrize(("frames", "size"), [(32, 16), (16, 32)])
def test_frames_and_sizes_that_are_multiples(frames, size):
    scene = small(frames=frames, size=size)(torch.randn(2, 5))
    assert scene.clip.shape == (2, 3, frames, size, size)
    trunk = Trunk(3, width=2)
    assert trunk(scene.clip).shape == (2, 16, frames // 16, size // 16, size // 16)


@pytest.mark.parametrize("frames", [16, 32])
def test_gradients_in_half_precision_are_those_in_full(frames):
    torch.manual_seed(0)
    trunk, streams = Trunk(3, width=4, norm=Norm.NONE), small(frames=frames, width=4)
    for weights in streams.parameters():
        nn.init.normal_(weights, std=0.2)  # fresh ones leave almost nothing
    code, gradients = torch.randn(3, 5), []
    for half in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = trunk(streams(code).clip).float().square().sum()
        parameters = [weights for weights in (*trunk.parameters(), *streams.parameters()) if weights.ndim == 5]
        gradients.append(torch.autograd.grad(loss, parameters))
    for full, half in zip(*gradients, strict=True):
        assert (half - full).norm() < 0.3 * full.norm()  # undefined ones miss by 0.8 and more


def test_features_of_a_picture_start_both_streams():
    trunk = Trunk(2, width=2, rectified=True)
    streams = small(inputs=trunk.channels, size=32, from_code=False)
    scene = streams(trunk(torch.randn(2, 3, 32, 32)))
    assert scene.clip.shape == (2, 3, 16, 32, 32)
    assert streams.moving[0].kernel_size == (1, 1, 1)
    assert parameters(small(inputs=16, from_code=False).still) < parameters(small(inputs=16).still)


def test_a_still_stream_makes_a_picture():
    assert still_stream(5, width=2, size=32)(torch.randn(2, 5, 1, 1)).shape == (2, 3, 32, 32)


@pytest.mark.parametrize("rectified", [True, False])
def test_layers_of_a_trunk(rectified):
    trunk = Trunk(3, width=2, rectified=rectified)
    kinds = [type(layer) for layer in trunk.layers]
    activation = nn.ReLU if rectified else nn.LeakyReLU
    assert kinds == [ClipConvolution, activation, *[ClipConvolution, nn.BatchNorm3d, activation] * 3]
    assert all(layer.eps == 1e-3 for layer in trunk.layers if isinstance(layer, nn.BatchNorm3d))
    assert Trunk(2, width=2).layers[3].eps == 1e-5
    assert [layer.out_channels for layer in trunk.layers if isinstance(layer, nn.Conv3d)] == [2, 4, 8, 16]
    if not rectified:
        assert trunk.layers[1].negative_slope == SLOPE


def test_initial_weights_depend_on_the_norm():
    """N(0, 0.01) as published; else the deviation that keeps the signal's size behind a leaky ReLU."""
    torch.manual_seed(0)
    for norm, expected in ((Norm.BATCH, 0.01), (Norm.NONE, (2 / (1 + SLOPE**2) / (64 * 16)) ** 0.5)):
        weight = Trunk(2, width=64, norm=norm).layers[2].weight
        assert weight.std().item() == pytest.approx(expected, rel=0.02)
    assert TwoStream(64, width=8).moving[0].weight.std().item() == pytest.approx(0.01, rel=0.02)


@pytest.mark.parametrize(("frames", "size"), [(8, 64), (24, 64), (16, 40), (16, 0)])
def test_other_frames_and_sizes_are_refused(frames, size):
    with pytest.raises(ValueError, match="must be a multiple of 16"):
        refuse_other_sizes(frames, size)
