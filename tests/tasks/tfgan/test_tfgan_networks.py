from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from condgen.tasks.tfgan.config import (
    Config,
    build_clip_discriminator,
    build_filters,
    build_frame_discriminator,
    build_generator,
    build_towers,
)
from condgen.tasks.tfgan.discriminators import HALF, Average, Window, clip_discriminator, frame_discriminator
from condgen.tasks.tfgan.networks import ClipNoise, Generator, Residual
from condgen.tasks.tfgan.text_towers import FilterHeads, Read, TextTower, Told
from condgen.text.word_vectors import WordVectors


def count(*modules: torch.nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def test_published_numbers_of_parameters():
    config = Config()
    with torch.device("meta"):
        towers = build_towers(config, WordVectors())
        filters = build_filters(config, towers)
        assert count(build_generator(config)) == 2_695_235
        assert count(build_frame_discriminator(config)) == 1_540_801
        assert count(build_clip_discriminator(config)) == 4_123_009
    assert count(towers.content, filters.content) == 73_651_456
    assert count(towers.motion, filters.motion) == 217_933_056


def test_published_shapes_on_the_way():
    """Of tensors without content: what the tables of the paper's code say."""
    config, sizes = Config(), {}
    with torch.device("meta"):
        frames, clips = build_frame_discriminator(config), build_clip_discriminator(config)
        for name, judge in (("frames", frames), ("clips", clips)):
            for number, stage in enumerate(judge.stages):
                for part in ("convolution", "read"):
                    key = (name, number, part)
                    getattr(stage, part).register_forward_hook(
                        lambda _, arguments, out, key=key: sizes.update(
                            {key: (*arguments[0].shape[2:], *out.shape[1:])}
                        )
                    )
        vector = torch.empty(2, 256)
        assert frames(torch.empty(8, 3, 64, 64), Told(vector, (torch.empty(2, 32, 32, 5, 5),) * 2)).shape == (8,)
        bank = torch.empty(2, 32, 32, 3, 5, 5)
        assert clips(torch.empty(2, 3, 16, 64, 64), Told(vector, (bank, bank))).shape == (2,)
    assert sizes == {
        ("frames", 0, "convolution"): (8, 8, 32, 8, 8),
        ("frames", 0, "read"): (2, 2, 128, 1, 1),
        ("frames", 1, "convolution"): (4, 4, 32, 4, 4),
        ("frames", 1, "read"): (2, 2, 128, 1, 1),
        ("clips", 0, "convolution"): (4, 8, 8, 32, 4, 8, 8),
        ("clips", 0, "read"): (1, 2, 2, 128, 1, 1, 1),
        ("clips", 1, "convolution"): (3, 4, 4, 32, 3, 4, 4),
        ("clips", 1, "read"): (1, 2, 2, 128, 1, 1, 1),
    }


@pytest.mark.parametrize("frames", [4, 8, 16])
@pytest.mark.parametrize("size", [32, 64, 128])
def test_other_sizes_and_lengths_come_to_one_logit(frames, size):
    with torch.device("meta"):
        for channels in (2, 0):
            bank = (torch.empty(1, 2, 2, 3, 3, 3),) * (2 if channels else 0)
            judge = clip_discriminator(size=size, frames=frames, width=1, filter_channels=channels, kernel=3)
            assert judge(torch.empty(1, 3, frames, size, size), Told(torch.empty(1, 256), bank)).shape == (1,)
            bank = tuple(one[:, :, :, 0] for one in bank)
            judge = frame_discriminator(size=size, width=1, filter_channels=channels, kernel=3)
            assert judge(torch.empty(2, 3, size, size), Told(torch.empty(1, 256), bank)).shape == (2,)


def test_a_frame_is_judged_by_its_own_clips_sentence():
    torch.manual_seed(0)
    judge = frame_discriminator(size=32, width=2, sentence_width=3, filter_channels=2, kernel=3, outputs=4)
    told = Told(torch.randn(2, 3), (torch.randn(2, 2, 2, 3, 3), torch.randn(2, 2, 2, 3, 3)))
    frames = torch.randn(6, 3, 32, 32)  # three of each clip
    one_by_one = [judge(frames[row : row + 1], told[torch.tensor([row // 3])]) for row in range(6)]
    torch.testing.assert_close(judge(frames, told), torch.cat(one_by_one), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("time", [HALF, Window(2, 2), Window(1, 1), Window(4, 4)])
def test_averages_are_torchs(time):
    clips = torch.randn(2, 3, 5, 8, 8)
    window = [(own, side, side) for own, side in zip(time, HALF, strict=True)]
    expected = F.avg_pool3d(clips, *window)
    torch.testing.assert_close(Average(HALF, time)(clips), expected)
    laid_out = clips.contiguous(memory_format=torch.channels_last_3d)
    torch.testing.assert_close(Average(HALF, time)(laid_out), expected)


def test_a_doubling_block_is_upsampling_and_then_the_block():
    torch.manual_seed(0)
    block = Residual(2, 4, 3, doubled=True)
    features = torch.randn(2, 4, 5, 5)
    large = F.interpolate(features, scale_factor=2)
    expected = F.conv2d(large, block.shortcut.weight) + block.convolution(F.leaky_relu(large, 0.2))
    torch.testing.assert_close(block(features), expected)


def test_frames_depend_on_their_codes_alone_and_not_on_how_many_there_are():
    torch.manual_seed(0)
    generator = Generator(3, 5, noise_channels=4, width=2, size=32)
    noise, content, motion = torch.randn(2, (2 + 6) * 4), torch.randn(2, 3), torch.randn(2, 5)
    long = generator(ClipNoise.split(noise, 4), content, motion)
    assert long.shape == (2, 3, 6, 32, 32)
    short = generator(ClipNoise.split(noise[:, : 5 * 4], 4), content, motion)
    torch.testing.assert_close(short, long[:, :, :3], rtol=1e-4, atol=1e-5)
    codes = generator.frame_codes(ClipNoise.split(noise, 4), content, motion)
    assert torch.equal(codes[:, 0, :7], codes[:, 5, :7])  # z_c and the content stay
    assert not torch.equal(codes[:, 0, 7:], codes[:, 5, 7:])


def test_banks_are_half_phrase_and_half_sentence():
    """Each head makes half of the filters of both stages."""
    heads = FilterHeads(3, 2, channels=4, kernel=(5, 5))
    phrase, sentence = torch.randn(2, 3), torch.randn(2, 2)
    first, second = heads(Read(phrase, sentence))
    assert first.shape == second.shape == (2, 4, 4, 5, 5)
    other = heads(Read(phrase, sentence + 1))
    for bank, changed in zip((first, second), other, strict=True):
        assert torch.equal(bank[:, :2], changed[:, :2])
        assert not torch.equal(bank[:, 2:], changed[:, 2:])
    all_of_phrase = heads.from_phrase.linear(phrase).unflatten(1, (4, 4, 5, 5))
    torch.testing.assert_close(torch.cat([first[:, :2], second[:, :2]], dim=1), all_of_phrase)


@pytest.mark.parametrize("steps", [14, 16, 21])
def test_towers_read_sequences_of_any_length(steps):
    tower = TextTower(6, (4, 5, 3), steps)
    states = torch.randn(2, 9, 6)
    read = tower(states)
    assert read.sentence.shape == (2, 3)
    assert read.phrase.shape == (2, tower.phrase_width)
    padded = tower(F.pad(states, (0, 0, 0, 30)))
    assert torch.equal(padded.sentence, read.sentence)
    assert tower.phrase_width == {14: 5 * 4, 16: 5 * 5, 21: 5 * 7}[steps]
