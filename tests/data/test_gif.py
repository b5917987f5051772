"""GIFs are read as whole frames, and written in one palette for the clip."""

from __future__ import annotations

import numpy as np
from PIL import Image

from condgen.data.gif import quantised
from condgen.data.video import open_video


def noise(count, side):
    first = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return np.stack([np.roll(first, number, 1) for number in range(count)])


def read(path):
    with open_video(path) as video:
        return np.stack(list(video))


def test_gif_of_changed_parts_gives_whole_frames(tmp_path):
    frames = np.full((3, 6, 8, 3), (200, 0, 0), np.uint8)
    for number, frame in enumerate(frames):
        frame[2:4, number : number + 2] = (0, 0, 200)
    first, *others = map(Image.fromarray, frames)
    first.save(tmp_path / "a.gif", save_all=True, append_images=others, duration=[30, 30, 40])
    np.testing.assert_array_equal(read(tmp_path / "a.gif"), frames)
    with open_video(tmp_path / "a.gif") as video:
        assert (video.size, video.frames_per_second, video.stated_frames) == ((8, 6), 30, 3)
        assert not video.pace.is_variable  # it is rounded to hundredths of a second


def test_gif_is_white_where_it_is_transparent(tmp_path):
    drawn = np.zeros((3, 6, 8, 4), np.uint8)
    for number, frame in enumerate(drawn):
        frame[2:4, number : number + 2] = (0, 0, 200, 255)
    first, *others = map(Image.fromarray, drawn)
    first.save(tmp_path / "a.gif", save_all=True, append_images=others, duration=40, disposal=2)
    np.testing.assert_array_equal(read(tmp_path / "a.gif"), np.where(drawn[..., 3:], drawn[..., :3], 255))


def test_gif_whose_delays_say_nothing_has_the_rate_of_browsers(tmp_path):
    first, *others = map(Image.fromarray, noise(4, 8))
    first.save(tmp_path / "a.gif", save_all=True, append_images=others, duration=0)
    with open_video(tmp_path / "a.gif") as video:
        assert (video.frames_per_second, video.count()) == (10, 4)


def test_palette_of_few_colours_is_exact_and_of_many_close():
    few = noise(4, 8) // 128 * 255  # 8 colours
    indices, palette = quantised(list(few))
    np.testing.assert_array_equal(palette[indices], few)
    shades = np.arange(512).reshape(2, 16, 16, 1)
    many = np.concatenate([shades // 2, 255 - shades // 2, shades % 2 * 255], axis=3).astype(np.uint8)
    indices, palette = quantised(list(many))
    assert indices.shape == (2, 16, 16)
    assert palette.shape == (256, 3)
    assert abs(palette[indices].astype(int) - many).mean() < 4
