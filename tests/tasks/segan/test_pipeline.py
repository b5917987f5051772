"""Recordings through windows: with the network left out, what comes out is what went in, at every sample."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from condgen.config import Precision
from condgen.tasks.segan.networks import InitialWeights
from condgen.tasks.segan.pipeline import WINDOWS_AT_ONCE, Pipeline, _fade
from condgen.tasks.segan.task import Config, DiscriminatorConfig, GeneratorConfig, build_generator

WINDOW = 512
CONFIG = Config(
    window=WINDOW,
    generator=GeneratorConfig(channels=[4, 8, 8], kernel_size=7, noise_channels=8, initial_weights=InitialWeights.HE),
    discriminator=DiscriminatorConfig(channels=[4]),
)
RATES = (8000, 11025, 16000, 22050, 44100, 48000, 96000)

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    made = build_generator(CONFIG).eval()
    with torch.no_grad():  # loud enough to tell windows, noises and channels apart
        made.decoder[-1].weight.mul_(5)
        for conv in (*made.encoder, *made.decoder):
            conv.bias.normal_(std=0.02)
    return made


def pipeline(generator, **options) -> Pipeline:
    return Pipeline(generator, CONFIG, device="cpu", **{"precision": Precision.FLOAT32, **options})


def without_network(generator, **options) -> Pipeline:
    """All that is around the generator, and a generator that gives back what it gets."""
    made = pipeline(generator, **options)
    made._network = lambda signal, noise: signal
    return made


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, shape).astype(np.float32)


def in_blocks(frames: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Blocks in one piece of memory, as a recorder would hand them over."""
    memory = np.empty((size, frames.shape[1]), frames.dtype)
    for start in range(0, len(frames), size):
        part = frames[start : start + size]
        memory[: len(part)] = part
        yield memory[: len(part)]


@pytest.mark.parametrize("cross_fade", [True, False])
@pytest.mark.parametrize("channels", [1, 5])
@pytest.mark.parametrize("length", [1, 160, WINDOW - 1, WINDOW, WINDOW + 1, 5 * WINDOW, 40 * WINDOW + 77])
def test_every_sample_comes_back_in_its_place(generator, length, channels, cross_fade):
    signal = noise(channels, length)
    made = without_network(generator, cross_fade=cross_fade)(signal, 16000)
    np.testing.assert_allclose(made, signal, atol=1e-5, rtol=0)


@pytest.mark.parametrize("cross_fade", [True, False])
def test_windows_of_odd_length(cross_fade):
    layers = {"channels": [4, 4], "kernel_size": 5, "stride": 3}
    config = Config(window=243, generator=GeneratorConfig(**layers), discriminator=DiscriminatorConfig(**layers))
    enhance = Pipeline(build_generator(config), config, device="cpu", cross_fade=cross_fade)
    enhance._network = lambda signal, noise: signal
    np.testing.assert_allclose(enhance(noise(2000), 16000), noise(2000), atol=1e-5, rtol=0)


@pytest.mark.parametrize("length", [5, WINDOW // 2, WINDOW, 3 * WINDOW + 7])
def test_beyond_its_ends_a_recording_goes_on_backwards(generator, length):
    seen, enhance = [], without_network(generator)
    enhance._network = lambda signal, noise: seen.append(signal) or signal
    signal = noise(length) / 2  # within full scale behind the pre-emphasis too
    enhance(signal, 16000)
    windows = torch.cat(seen)[:, 0].numpy()
    emphasised = lfilter([1, -CONFIG.pre_emphasis], [1], signal.astype(np.float64))
    whole = np.pad(emphasised, (WINDOW // 2, 2 * WINDOW), mode="symmetric")
    for window, start in zip(windows, range(0, length, WINDOW // 2), strict=False):
        wanted = whole[start : start + WINDOW]
        np.testing.assert_allclose(window, wanted - wanted.mean(), atol=1e-5)


@pytest.mark.parametrize(("hop", "overlap"), [(8, 8), (8, 7), (8, 3), (8, 0)])
def test_cross_fades_sum_to_one(hop, overlap):
    fade = _fade(hop, overlap)
    total = np.zeros(10 * hop + overlap)
    for start in range(0, 10 * hop, hop):
        total[start : start + hop + overlap] += fade
    np.testing.assert_allclose(total[overlap : 10 * hop], 1, atol=1e-6)


def test_half_an_overlap_is_a_hann_window():
    np.testing.assert_allclose(_fade(8, 8), np.hanning(17)[:-1], atol=1e-6)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("length", [1, 2, 3, 79, 4099])
def test_as_many_frames_as_before_at_every_rate(generator, rate, length):
    made = without_network(generator)(noise(2, length), rate)
    assert made.shape == (2, length)


@pytest.mark.parametrize("rate", RATES)
def test_resampling_there_and_back_moves_nothing(generator, rate):
    """A tone that all rates can hold, up to the very last sample but for the filters' ringing at the ends."""
    time = np.arange(int(0.3 * rate) + 1) / rate
    tone = (0.5 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)
    made = without_network(generator)(tone, rate)
    edge = rate // 100
    np.testing.assert_allclose(made[edge:-edge], tone[edge:-edge], atol=1e-3)
    np.testing.assert_allclose(made, tone, atol=0.15)  # a sample off would be 0.35 at 8 kHz; a jump at the end 0.5


@pytest.mark.parametrize("rate", [16000, 44100])
def test_blocks_of_any_size_give_the_same_bits(generator, rate):
    frames, enhance = noise(70_001, 2), pipeline(generator)
    whole = enhance(frames.T, rate).T
    for size in (997, 65_536, 70_000):
        streamed = np.concatenate(list(enhance.stream(in_blocks(frames, size), rate, 2)))
        np.testing.assert_array_equal(streamed, whole)


def test_blocks_of_single_and_of_no_samples(generator):
    frames, enhance = noise(1200, 1), pipeline(generator)
    blocks = [part for one in in_blocks(frames, 1) for part in (one.copy(), np.zeros((0, 1)))]
    streamed = np.concatenate(list(enhance.stream(blocks, 16000, 1)))
    np.testing.assert_array_equal(streamed[:, 0], enhance(frames[:, 0], 16000))


@pytest.mark.parametrize("rate", [16000, 44100])
@pytest.mark.parametrize("blocks", [[], [np.zeros((0, 2), np.float32)]])
def test_a_stream_without_samples_gives_none(generator, rate, blocks):
    assert list(pipeline(generator).stream(blocks, rate, 2)) == []


def test_one_window_by_hand(generator):
    """Pre-emphasis, generator, de-emphasis: the paper's, with windows side by side."""
    signal, factor = noise(WINDOW), CONFIG.pre_emphasis
    emphasised = lfilter([1, -factor], [1], signal.astype(np.float64)).astype(np.float32)
    z = torch.randn((8, WINDOW // 8), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        mean = emphasised.mean()
        enhanced = generator(torch.from_numpy(emphasised - mean)[None, None], z[None])[0, 0].numpy() + mean
    wanted = lfilter([1], [1, -factor], enhanced.astype(np.float64))
    np.testing.assert_allclose(pipeline(generator, cross_fade=False)(signal, 16000), wanted, atol=1e-5)


def test_noise_differs_between_windows_and_not_between_calls(generator):
    signal, enhance = np.tile(noise(WINDOW), 3), pipeline(generator, cross_fade=False)
    first, torch_state = enhance(signal, 16000), torch.get_rng_state()
    np.testing.assert_array_equal(enhance(signal, 16000), first)
    assert torch.equal(torch.get_rng_state(), torch_state)
    windows = lfilter([1, -CONFIG.pre_emphasis], [1], first).reshape(3, WINDOW)[:, 1:]
    assert np.abs(windows[1] - windows[2]).max() > 0.01


def test_channels_are_enhanced_apart(generator):
    signal, enhance = noise(3, (WINDOWS_AT_ONCE + 3) * WINDOW), pipeline(generator)
    together = enhance(signal, 44100)
    for channel, made in zip(signal, together, strict=True):
        np.testing.assert_allclose(enhance(channel, 44100), made, atol=1e-4)
    assert np.abs(together[0] - together[1]).max() > 0.1


def test_what_is_louder_than_full_scale_keeps_its_level(generator):
    """The generator's tanh could not give it back."""
    seen = []

    def limited(signal, noise):
        seen.append(float(signal.abs().max()))
        return signal.clamp(-1, 1)

    signal, enhance = noise(10 * WINDOW), pipeline(generator)
    enhance._network = limited
    signal[4 * WINDOW :] *= 20
    np.testing.assert_allclose(enhance(signal, 16000), signal, atol=1e-4)
    assert max(seen) <= 1.0


def test_a_level_within_full_scale_is_not_changed(generator):
    seen, enhance = [], without_network(generator, cross_fade=False)
    enhance._network = lambda signal, noise: seen.append(float(signal.abs().max())) or signal
    tone = np.resize(np.float32([0.25, 0.25, -0.25, -0.25]), WINDOW)
    enhance(tone, 16000)
    assert seen == [pytest.approx(0.25 * 1.95, rel=0.02)]  # pre-emphasised


def test_a_constant_offset_changes_nothing_else(generator):
    signal, enhance = noise(20 * WINDOW), pipeline(generator)
    made, moved = enhance(signal, 16000), enhance(signal + np.float32(0.2), 16000)
    settled = slice(2 * WINDOW, -2 * WINDOW)  # the pre-emphasis answers the jumps at the ends
    np.testing.assert_allclose(moved[settled] - 0.2, made[settled], atol=1e-4)


@pytest.mark.parametrize("rate", [16000, 44100])
def test_digital_silence_stays_silence(generator, rate):
    enhance = pipeline(generator)
    assert enhance._network(torch.zeros(1, 1, WINDOW)).abs().max() > 0.01  # of itself it would hum
    assert not enhance(np.zeros(10 * WINDOW, np.float32), rate).any()


def test_a_pause_of_digital_silence_stays_silence(generator):
    signal = noise(30 * WINDOW)
    signal[10 * WINDOW : 20 * WINDOW] = 0
    made = pipeline(generator)(signal, 16000)
    pause = made[11 * WINDOW : 19 * WINDOW]
    assert np.abs(pause[1000:]).max() < 1e-9  # behind the decay of the de-emphasis
    assert np.abs(made[: 10 * WINDOW]).max() > 0.01


def test_bfloat16_is_close_and_the_last_layer_is_not_in_it(generator):
    signal = noise(4 * WINDOW)
    exact, quick = (pipeline(generator, precision=one) for one in (Precision.FLOAT32, Precision.BFLOAT16))
    wanted, made = exact(signal, 16000), quick(signal, 16000)
    error = np.square(made - wanted).mean() / np.square(wanted).mean()
    assert 0 < error < 1e-3
    assert {value.dtype for value in quick._network.decoder[-1].parameters()} == {torch.float32}
    assert {value.dtype for value in quick._network.encoder.parameters()} == {torch.bfloat16}


def test_the_given_generator_may_go_on_training(generator):
    before = pipeline(generator.train())(noise(700), 16000)
    assert generator.training
    assert all(value.dtype == torch.float32 and value.requires_grad for value in generator.parameters())
    generator.eval()
    np.testing.assert_array_equal(pipeline(generator)(noise(700), 16000), before)


def test_memory_does_not_grow_with_the_length(generator):
    """As Python sees it: everything but the network's inside."""

    def peak(minutes: int) -> int:
        blocks = (np.zeros((48_000, 1), np.float32) for _ in range(60 * minutes))
        tracemalloc.start()
        for _ in enhance.stream(blocks, 48_000, 1):
            pass
        made = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return made

    enhance = without_network(generator)
    short, long = peak(1), peak(4)
    assert long < 1.1 * short
    assert long < 20 * 2**20
