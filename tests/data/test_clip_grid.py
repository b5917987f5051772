"""Grids of clips: every pixel at its place, in every frame."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from condgen.data.clip_grid import clip_grid, clips_to_uint8

CLIPS = np.random.default_rng(0).integers(0, 255, (3, 4, 16, 24, 3), dtype=np.uint8)


def test_a_clip_is_quantised_frame_by_frame():
    values = torch.tensor([-2.0, -1.0, 0.0, 1.0, 1.5, 0.5]).reshape(1, 3, 2, 1, 1)  # colours in order, 2 frames each
    assert clips_to_uint8(values).tolist() == [[[[[0, 128, 255]]], [[[0, 255, 191]]]]]


def test_all_clips_run_together():
    frames = list(clip_grid(CLIPS, 2, scale=2))
    assert [frame.shape for frame in frames] == [(4 + 2 * 36, 4 + 2 * 52, 3)] * 4
    for number, frame in enumerate(frames):
        for clip, (x, y) in zip(CLIPS, [(4, 4), (56, 4), (4, 40)], strict=True):
            np.testing.assert_array_equal(frame[y : y + 32 : 2, x : x + 48 : 2], clip[number])
        assert (frame[40:, 56:] == 255).all(), "the last row has one clip"


def test_captions_are_broken_into_lines_under_their_clips():
    short, long = (next(clip_grid(CLIPS, 3, captions=[text] * 3, scale=3)) for text in ("red", "red blue green " * 9))
    (line,) = {short.shape[0] - next(clip_grid(CLIPS, 3, scale=3)).shape[0]}
    assert 10 < line < 20
    assert long.shape == (short.shape[0] + 9 * line, short.shape[1], 3), "ten lines at most, and no wider"
    assert (long[4 + 48 :, 4 : 4 + 72] < 128).any()
    np.testing.assert_array_equal(long[4:52:3, 4:76:3], CLIPS[0, 0])


def test_a_short_caption_beside_a_long_one_stays_at_its_clip():
    frame = next(clip_grid(CLIPS[:2], 2, captions=["red", "red blue green yellow"], scale=3))
    np.testing.assert_array_equal(frame[4:52:3, 4:76:3], CLIPS[0, 0])
    np.testing.assert_array_equal(frame[4:52:3, 80:152:3], CLIPS[1, 0])


@pytest.mark.parametrize(
    ("clips", "options", "says"),
    [
        ([], {"columns": 1}, "a grid needs clips"),
        (CLIPS, {"columns": 0}, "a grid needs clips"),
        (CLIPS, {"columns": 1, "scale": 0}, "a grid needs clips"),
        ([CLIPS[0], CLIPS[1][:2]], {"columns": 1}, "several shapes"),
        (CLIPS, {"columns": 1, "captions": ["one"]}, "1 captions for 3 clips"),
    ],
)
def test_misfits_are_refused_before_the_first_frame(clips, options, says):
    with pytest.raises(ValueError, match=says):
        clip_grid(clips, **options)
