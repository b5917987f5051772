from __future__ import annotations

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from condgen.tasks.segan.networks import (
    PAPER_CHANNELS,
    Discriminator,
    DiscriminatorHead,
    DiscriminatorNorm,
    Generator,
    InitialWeights,
    Padding,
    SkipMerge,
    StridedConv,
    TransposedConv,
)

SMALL = {"channels": [4, 6, 8], "kernel_size": 7, "noise_channels": 5}
PLUS_CHANNELS = (64, 128, 256, 512, 1024)
PLUS = {"channels": PLUS_CHANNELS, "stride": 4, "padding": Padding.REFLECT, "bias": False}


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_generator_has_the_published_number_of_parameters():
    """Z doubles the code and the skips all else, so the decoder has twice the encoder's weights: 3 times 31 a pair."""
    for options, channels, count in (
        ({}, PAPER_CHANNELS, 73_100_049),
        ({**PLUS, "learned_skips": True}, PLUS_CHANNELS, 64_767_616),
    ):
        weights = 3 * 31 * sum(before * after for before, after in pairwise((1, *channels)))
        slopes = sum(channels) + sum(channels[:-1])
        biases, factors = (slopes + 1, 0) if not options else (0, sum(channels[:-1]))
        with torch.device("meta"):
            assert parameters(Generator(**options)) == weights + slopes + biases + factors == count


def test_skips_that_are_added_halve_the_decoder_behind_its_first_layer():
    with torch.device("meta"):
        apart = parameters(Generator()) - parameters(Generator(skip_merge=SkipMerge.ADD))
    assert apart == 31 * sum(before * after for before, after in pairwise((1, *PAPER_CHANNELS[:-1])))


def test_discriminator_has_the_number_of_parameters_of_its_layers():
    with torch.device("meta"):
        paper, plus = Discriminator(), Discriminator(**PLUS, norm="batch", head=DiscriminatorHead.DENSE)
    convs = 31 * sum(before * after for before, after in pairwise((2, *PAPER_CHANNELS)))
    assert parameters(paper) == convs + 3 * sum(PAPER_CHANNELS) + (1024 + 1) + (8 + 1)  # bias, scale, shift; head
    convs = 31 * sum(before * after for before, after in pairwise((2, *PLUS_CHANNELS)))
    dense = (16 * 1024 + 1) * 256 + 256 + (256 + 1) * 128 + 128 + 128 + 1
    assert parameters(plus) == convs + 2 * sum(PLUS_CHANNELS) + dense


def random_layer(kind, kernel_size, stride, out_channels=4, **options):
    torch.manual_seed(0)
    layer = kind(3, out_channels, kernel_size, stride, bias=True, **options).double()
    for parameter in layer.parameters():
        parameter.data.normal_()
    return layer


def assert_same_with_gradients(layer, reference, signal, tolerance=1e-10):
    signal = signal.requires_grad_()
    made, wanted = layer(signal), reference(signal, layer.weight, layer.bias)
    assert made.shape == wanted.shape
    probe, inputs = torch.randn_like(wanted), (signal, layer.weight, layer.bias)
    mine, theirs = (torch.autograd.grad((out * probe).sum(), inputs) for out in (made, wanted))
    for one, other in zip((made, *mine), (wanted, *theirs), strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("padding", Padding)
@pytest.mark.parametrize("length", [12, 40])  # output samples: by matrix product, by convolution
@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("kernel_size", [31, 15, 16, 5])
def test_strided_convolution_is_that_of_torch(kernel_size, stride, length, padding):
    layer = random_layer(StridedConv, kernel_size, stride, padding=padding)
    mode, around = padding.replace("zeros", "constant"), (kernel_size // 2 - 1, kernel_size // 2)

    def reference(signal, weight, bias):
        return F.conv1d(F.pad(signal, around, mode), weight, bias, stride)

    assert_same_with_gradients(layer, reference, torch.randn(2, 3, length * stride, dtype=torch.double))


@pytest.mark.parametrize(("length", "out_channels"), [(1, 4), (12, 4), (40, 4), (40, 1)])
@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("kernel_size", [31, 15, 16, 5])
def test_transposed_convolution_is_that_of_torch(kernel_size, stride, length, out_channels):
    layer = random_layer(TransposedConv, kernel_size, stride, out_channels)
    by_product = length < 40 or out_channels == 1  # adds in fp32

    def reference(signal, weight, bias):
        whole = F.conv_transpose1d(signal, weight, bias, stride, padding=(kernel_size - stride) // 2)
        return whole[..., : length * stride]

    signal = torch.randn(2, 3, length, dtype=torch.double)
    assert_same_with_gradients(layer, reference, signal, tolerance=2e-5 if by_product else 1e-10)


@pytest.mark.parametrize("length", [48, 400])  # samples; short, long
@torch.no_grad()
def test_strided_convolution_reaches_14_samples_back_and_16_ahead(length):
    layer = StridedConv(1, 1, 31, 2, bias=False)
    layer.weight.copy_(torch.arange(1.0, 32).view(1, 1, 31))
    place, signal = 20, torch.zeros(1, 1, length)
    signal[0, 0, place] = 1
    wanted = [place - 2 * t + 14 + 1 if 0 <= place - 2 * t + 14 <= 30 else 0 for t in range(length // 2)]
    assert layer(signal).flatten().tolist() == wanted


@pytest.mark.parametrize(("length", "stride", "cut"), [(24, 2, 14), (200, 2, 14), (24, 4, 13), (200, 4, 13)])
@torch.no_grad()
def test_transposed_convolution_starts_14_or_13_samples_before(length, stride, cut):
    layer = TransposedConv(1, 2, 31, stride, bias=False)
    layer.weight.copy_(torch.arange(1.0, 32).view(1, 1, 31).expand(1, 2, 31))
    place, signal = 11, torch.zeros(1, 1, length)
    signal[0, 0, place] = 1
    taps = [n - stride * place + cut for n in range(stride * length)]
    assert layer(signal)[0, 1].tolist() == [tap + 1 if 0 <= tap <= 30 else 0 for tap in taps]


def seen_by(layer):
    """A list that the layer's next inputs go to."""
    inputs = []
    layer.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    return inputs


@torch.no_grad()
def shaken(network):
    torch.manual_seed(1)
    for parameter in network.parameters():
        parameter.uniform_(-0.3, 0.3)
    return network.eval()


@torch.no_grad()
def test_noise_comes_first_and_skips_come_last_taken_before_the_activation():
    generator = shaken(Generator(**SMALL, learned_skips=True))
    joined, noise = [seen_by(layer) for layer in generator.decoder], torch.randn(2, 5, 8)
    noisy = torch.randn(2, 1, 64)
    generator(noisy, noise)
    linear, features = [], noisy
    for conv, activation in zip(generator.encoder, generator.encoder_activations, strict=True):
        linear.append(conv(features))
        features = activation(linear[-1])
    assert torch.equal(joined[0][0], torch.cat([noise, features], dim=1))
    for number, skip in ((1, linear[1]), (2, linear[0])):
        made = generator.decoder_activations[number - 1](generator.decoder[number - 1](joined[number - 1][0]))
        factor = generator.skip_factors[number - 1]
        torch.testing.assert_close(joined[number][0], torch.cat([made, factor * skip], dim=1))


@torch.no_grad()
def test_added_skips_are_the_sum():
    generator = shaken(Generator(**SMALL, skip_merge=SkipMerge.ADD))
    inner, noisy = seen_by(generator.decoder[2]), torch.randn(2, 1, 64)
    outer, skip = seen_by(generator.decoder[1]), generator.encoder[0](noisy)
    generator(noisy)
    made = generator.decoder_activations[1](generator.decoder[1](outer[0]))
    torch.testing.assert_close(inner[0], made + skip)


@pytest.mark.parametrize("length", [8, 256, 808])
@torch.no_grad()
def test_generator_takes_any_multiple_of_its_reduction(length):
    generator = shaken(Generator(**SMALL))
    assert generator.reduction == 8
    assert not any(isinstance(module, nn.Linear) for module in generator.modules())
    made = generator(torch.randn(3, 1, length))
    assert (made.shape, made.dtype) == ((3, 1, length), torch.float32)
    assert made.abs().max() <= 1


@torch.no_grad()
def test_what_lies_far_apart_does_not_meet():
    """So that windows may be cut anywhere, and a batch holds strangers."""
    generator = shaken(Generator(**SMALL))
    noisy, noise = torch.randn(2, 1, 1024), torch.randn(2, 5, 128)
    whole = generator(noisy, noise)
    torch.testing.assert_close(whole[:, :, 200:300], generator(noisy[:, :, :512], noise[:, :, :64])[:, :, 200:300])
    torch.testing.assert_close(whole[1:], generator(noisy[1:], noise[1:]))


@torch.no_grad()
def test_noise_is_drawn_anew_unless_given_or_absent():
    generator, noisy = shaken(Generator(**SMALL)), torch.randn(1, 1, 64)
    assert not torch.equal(generator(noisy), generator(noisy))
    sure = shaken(Generator(**SMALL | {"noise_channels": 0}))
    assert torch.equal(sure(noisy), sure(noisy))


@pytest.mark.parametrize("padding", Padding)
def test_bf16_is_close_to_fp32_and_ends_in_fp32(padding):
    """Near zero the last layer's samples must be finer than bf16's 8 bits."""
    torch.manual_seed(0)
    generator = Generator(**SMALL, padding=padding, initial_weights=InitialWeights.HE)
    noisy, noise = torch.randn(2, 1, 512), torch.randn(2, 5, 64)
    exact = generator(noisy, noise)
    with torch.autocast("cpu", torch.bfloat16):
        made = generator(noisy, noise)
    assert made.dtype == torch.float32
    error = torch.linalg.vector_norm(made - exact) / torch.linalg.vector_norm(exact)
    assert 0 < error < 0.02
    assert not torch.equal(made, made.bfloat16().float())
    made.square().mean().backward()
    assert all(parameter.grad.dtype == torch.float32 for parameter in generator.parameters())


def test_initial_weights():
    torch.manual_seed(0)
    small = Generator([16, 32, 64], learned_skips=True)
    for conv in (*small.encoder[1:], *small.decoder):
        assert conv.weight.abs().max() <= 0.04
        assert conv.weight.std().item() == pytest.approx(0.0176, rel=0.05)  # of the normal cut at 2 deviations: 0.88
        assert not conv.bias.any()
    assert not any(slopes.weight.any() for slopes in (*small.encoder_activations, *small.decoder_activations))
    assert all(factor.eq(1).all() for factor in small.skip_factors)
    he = Generator([16, 32, 64], initial_weights=InitialWeights.HE)
    assert he.encoder[1].weight.std().item() == pytest.approx((2 / (16 * 31)) ** 0.5, rel=0.05)
    assert he.decoder[1].weight.std().item() == pytest.approx((2 * 2 / (64 * 31)) ** 0.5, rel=0.05)


@torch.no_grad()
def test_he_weights_keep_the_scale_of_features():
    torch.manual_seed(0)
    generator = Generator([32] * 5, noise_channels=32, initial_weights=InitialWeights.HE)
    inputs = [seen_by(layer) for layer in (*generator.encoder[1:], *generator.decoder)]
    generator(torch.randn(2, 1, 1024))
    assert all(0.4 < seen[0].square().mean() < 3 for seen in inputs)


DISCRIMINATOR = {"window": 64, "channels": [4, 6, 8], "kernel_size": 7, "reference_size": 3}


@pytest.mark.parametrize("head", DiscriminatorHead)
@pytest.mark.parametrize("norm", DiscriminatorNorm)
@torch.no_grad()
def test_discriminator_gives_one_logit_a_sample(norm, head):
    discriminator = Discriminator(**DISCRIMINATOR, norm=norm, head=head)
    if norm is DiscriminatorNorm.VIRTUAL_BATCH:
        discriminator.reference.keep(torch.randn(3, 2, 64))
    assert discriminator(torch.randn(5, 1, 64), torch.randn(5, 1, 64)).shape == (5, 1)


@torch.no_grad()
def test_discriminator_looks_at_sample_and_noisy():
    discriminator = shaken(Discriminator(**DISCRIMINATOR, norm=DiscriminatorNorm.SPECTRAL))
    sample, noisy = torch.randn(1, 1, 64), torch.randn(1, 1, 64)
    logits = [discriminator(*pair) for pair in ((sample, noisy), (noisy, sample), (sample, sample))]
    assert len({logit.item() for logit in logits}) == 3


@torch.no_grad()
def test_spectral_norm_judges_each_sample_for_itself_and_virtual_batch_norm_hardly_the_others():
    samples, noisy = torch.randn(4, 1, 64), torch.randn(4, 1, 64)
    alone = shaken(Discriminator(**DISCRIMINATOR, norm=DiscriminatorNorm.SPECTRAL))
    torch.testing.assert_close(alone(samples, noisy)[:1], alone(samples[:1], noisy[:1]))
    torch.manual_seed(0)
    virtual = Discriminator(**DISCRIMINATOR | {"reference_size": 64})
    with pytest.raises(RuntimeError, match="reference batch is empty"):
        virtual(samples, noisy)
    virtual.reference.keep(torch.randn(64, 2, 64))
    spread = virtual(samples, noisy).std()
    assert 0 < (virtual(samples, noisy)[:2] - virtual(samples[:2], noisy[:2])).abs().max() < 0.2 * spread


@torch.no_grad()
def test_phase_shift_rolls_what_a_layer_sees():
    options = DISCRIMINATOR | {"channels": [4], "norm": DiscriminatorNorm.SPECTRAL}
    still = shaken(Discriminator(**options))
    moving = Discriminator(**options, phase_shift=5).eval()
    moving.load_state_dict(still.state_dict())
    sample, noisy = torch.randn(2, 1, 64), torch.randn(2, 1, 64)
    rolled = {shift: still(sample.roll(shift, 2), noisy.roll(shift, 2)) for shift in range(-5, 6)}
    torch.manual_seed(0)
    drawn = set()
    for _ in range(60):
        logits = moving(sample, noisy)
        drawn |= {shift for shift, wanted in rolled.items() if torch.allclose(logits, wanted, atol=1e-6)}
    assert {-5, 5} <= drawn <= set(range(-5, 6))
    assert len(drawn) >= 10
