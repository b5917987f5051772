"""The gated generator: its size, that it starts as the identity nearly, and that a level changes nothing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from condgen.config import Precision
from condgen.tasks.segan.gated import SILENCE, GatedGenerator
from condgen.tasks.segan.networks import InitialWeights, Padding, SkipMerge
from condgen.tasks.segan.pipeline import Pipeline
from condgen.tasks.segan.task import Config, DiscriminatorConfig, GeneratorConfig, build_generator

GATED = {"gated": True, "noise_channels": 0, "skip_merge": SkipMerge.ADD, "add_input": True}
SMALL = {"channels": [4, 8], "kernel_size": 8, "stride": 4}


def signal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)) / 4


def test_number_of_parameters_in_closed_form():
    """Strided layers k a b without biases, batch norms 2 a, gates 2 a (a + 1); the last layer has no norm."""
    channels = [1, 48, 96, 192, 256, 256]
    strided = 2 * 8 * sum(a * b for a, b in pairwise(channels))
    norms = 2 * sum(channels[1:]) + 2 * sum(channels[1:-1])
    gates = 2 * sum(2 * a * (a + 1) for a in channels[1:])
    made = GatedGenerator(channels[1:])
    assert sum(parameter.numel() for parameter in made.parameters()) == strided + norms + gates == 2_928_512


@pytest.mark.parametrize(("kernel_size", "stride"), [(8, 4), (4, 2), (7, 3), (4, 4)])
def test_any_multiple_of_the_reduction_comes_back_in_its_length(kernel_size, stride):
    made = GatedGenerator([4, 8], kernel_size=kernel_size, stride=stride)
    assert made.reduction == stride**2
    for windows in (2, 7):
        assert made(signal(2, 1, windows * made.reduction)).shape == (2, 1, windows * made.reduction)


def test_it_starts_close_to_its_input():
    torch.manual_seed(0)
    noisy = signal(4, 1, 1024)
    change = GatedGenerator([8, 16])(noisy) - noisy
    assert 0 < change.square().mean() < 0.01 * noisy.square().mean()


@pytest.mark.parametrize("gain", [1e-2, 0.1, 7.0])
def test_a_recording_that_is_louder_comes_out_louder(gain):
    made = GatedGenerator([4, 8]).eval()
    torch.testing.assert_close(made(gain * signal(2, 1, 512)), gain * made(signal(2, 1, 512)), rtol=1e-3, atol=1e-5)


def test_silence_is_not_raised_without_end():
    made = GatedGenerator([4, 8]).eval()
    assert made(torch.zeros(1, 1, 512)).abs().max() < 100 * SILENCE
    made(torch.zeros(1, 1, 512)).sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in made.parameters())


def test_bf16_ends_in_fp32_and_is_close():
    made = GatedGenerator([8, 16]).eval()
    with torch.autocast("cpu", torch.bfloat16):
        half = made(signal(2, 1, 1024))
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, made(signal(2, 1, 1024)), atol=5e-3, rtol=0)


def test_a_config_builds_it_and_the_pipeline_runs_it_in_bf16():
    judge = DiscriminatorConfig(channels=[4])
    config = Config(window=512, generator=GeneratorConfig(**GATED, **SMALL), discriminator=judge)
    generator = build_generator(config)
    assert isinstance(generator, GatedGenerator)
    speech = signal(2000).numpy()
    half, full = (
        Pipeline(generator, config, device="cpu", precision=precision)(speech, 16000)
        for precision in (Precision.BFLOAT16, Precision.FLOAT32)
    )
    np.testing.assert_allclose(half, full, atol=2e-2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"noise_channels": 16}, "noise_channels=0, got 16"),
        ({"skip_merge": SkipMerge.CONCATENATE}, "skip_merge=add, got concatenate"),
        ({"add_input": False}, "add_input=true, got False"),
        ({"learned_skips": True}, "learned_skips=false"),
        ({"bias": False}, "bias=true"),
        ({"padding": Padding.REFLECT}, "padding=zeros"),
        ({"initial_weights": InitialWeights.HE}, "initial_weights=small"),
        ({"kernel_size": 7}, "even, got 7 and 4"),
    ],
)
def test_options_that_gated_layers_do_not_have(change, words):
    with pytest.raises(ValueError, match=words):
        GeneratorConfig(**{**GATED, **SMALL, **change})
