"""Film strips and folders of pictures are clips."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from condgen.data.video import count_frames, open_video
from condgen.errors import UserError


def noise(count, side):
    first = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return np.stack([np.roll(first, number, 1) for number in range(count)])


def read(path):
    with open_video(path) as video:
        return np.stack(list(video))


@pytest.mark.parametrize("axis", [0, 1], ids=["down", "across"])
def test_film_strip_is_a_clip(tmp_path, axis):
    frames = noise(5, 16)
    Image.fromarray(np.concatenate(frames, axis=axis)).save(tmp_path / "strip.png")
    np.testing.assert_array_equal(read(tmp_path / "strip.png"), frames)
    assert count_frames(tmp_path / "strip.png") == 5
    with open_video(tmp_path / "strip.png") as video:
        assert (video.size, video.frames_per_second) == ((16, 16), None)


def test_grey_jpeg_strip_and_square_picture_are_clips(tmp_path):
    Image.fromarray(np.repeat(np.array([[0, 100, 200]], np.uint8), 16, axis=1).repeat(16, axis=0)).save(
        tmp_path / "a.jpg"
    )
    np.testing.assert_allclose(read(tmp_path / "a.jpg").mean(axis=(1, 2, 3)), [0, 100, 200], atol=2)
    Image.new("RGB", (16, 16)).save(tmp_path / "b.png")
    assert count_frames(tmp_path / "b.png") == 1


def test_picture_that_is_no_film_strip_is_refused_by_its_sides(tmp_path):
    Image.new("RGB", (16, 40)).save(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"a\.png: is a picture of 16x40 pixels, no film strip"):
        count_frames(tmp_path / "a.png")


def test_folder_of_frames_is_read_in_natural_order_and_only_as_far_as_needed(tmp_path):
    for number in (10, 9, 1, 2):
        Image.new("RGB", (6, 4), (number, 0, 0)).save(tmp_path / f"frame{number}.png")
    (tmp_path / "frame9.png").write_bytes(b"damaged")
    (tmp_path / "notes.txt").write_text("no frame")
    (tmp_path / ".frame0.png").write_bytes(b"hidden")
    with open_video(tmp_path) as video:
        assert video.size == (6, 4)
        assert [int(frame[0, 0, 0]) for frame in video.frames(start=1, stride=2)] == [2, 10]
    with pytest.raises(UserError, match=r"^[^:]*frame9\.png: is no image"):
        read(tmp_path)


def test_folder_with_other_sizes_or_without_pictures_is_refused(tmp_path):
    folder = tmp_path / "clip"
    folder.mkdir()
    with pytest.raises(UserError, match="clip: is a folder without pictures"):
        read(folder)
    Image.new("RGB", (6, 4)).save(folder / "1.png")
    Image.new("RGB", (4, 6)).save(folder / "2.png")
    with pytest.raises(UserError, match=r"2\.png: is 4x6, 1\.png is 6x4; frames of a clip are of one size"):
        read(folder)
