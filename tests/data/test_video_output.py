"""Videos that are written are read back: as many frames, without loss where the kind of file can, and atomically."""

from __future__ import annotations

import errno
import os
import resource
import signal
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from condgen.data.video import count_frames, open_video
from condgen.data.video_output import WRITABLE, refuse_unwritable, write_video
from condgen.errors import UserError

EXACT = ("a.png", "a.gif", "folder")


def square_on_blue(count=10, height=32, width=32):
    """A red square that moves to the right."""
    frames = np.zeros((count, height, width, 3), np.uint8)
    frames[:] = (40, 90, 200)
    for number, frame in enumerate(frames):
        frame[8:20, 2 + number : 14 + number] = (220, 30, 40)
    return frames


def smooth(count=8, side=32):
    """Of many more than 256 colours."""
    across, down = np.meshgrid(*2 * [np.linspace(0, 255, side)])
    return np.stack([np.stack([across, down, np.full_like(down, 30 * number)], 2) for number in range(count)]).astype(
        np.uint8
    )


def read(path):
    with open_video(path) as video:
        return np.stack(list(video)), video.frames_per_second


@pytest.mark.parametrize("name", EXACT)
def test_round_trip_without_loss(tmp_path, name):
    frames = square_on_blue()
    write_video(tmp_path / name, frames, frames_per_second=25)
    np.testing.assert_array_equal(read(tmp_path / name)[0], frames)


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "A.MP4"])
def test_compressed_round_trip_keeps_frames_rate_and_colours(tmp_path, name):
    frames = square_on_blue()
    write_video(tmp_path / name, iter(frames), frames_per_second=Fraction(30000, 1001))
    back, rate = read(tmp_path / name)
    assert rate == Fraction(30000, 1001)
    assert back.shape == frames.shape
    for number in range(10):
        np.testing.assert_allclose(back[number, 14, 7 + number].astype(int), (220, 30, 40), atol=8)
        np.testing.assert_allclose(back[number, 28, 28].astype(int), (40, 90, 200), atol=8)


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "a.png", "folder"])
@pytest.mark.parametrize("count", [1, 7])
def test_frames_that_are_all_the_same_are_all_written(tmp_path, name, count):
    write_video(tmp_path / name, square_on_blue(1).repeat(count, axis=0), frames_per_second=8)
    assert count_frames(tmp_path / name) == count


def test_odd_sides_are_kept_but_in_mp4_made_even(tmp_path):
    frames = square_on_blue(3, 31, 33)
    for name, shape in (("a.mp4", (32, 34)), ("a.webm", (31, 33)), ("a.gif", (31, 33)), ("folder", (31, 33))):
        write_video(tmp_path / name, frames, frames_per_second=5)
        back = read(tmp_path / name)[0]
        assert back.shape[1:3] == shape
        np.testing.assert_allclose(back[:, -1, -1].astype(int), [(40, 90, 200)] * 3, atol=8)


def test_gif_of_many_colours_looks_like_the_clip(tmp_path):
    frames = smooth()
    write_video(tmp_path / "a.gif", frames, frames_per_second=10)
    back, rate = read(tmp_path / "a.gif")
    assert rate == 10
    assert np.abs(back.astype(int) - frames).mean() < 12

    def seen(clip):  # what an eye sees of dithering
        return clip.reshape(8, 8, 4, 8, 4, 3).mean(axis=(2, 4))

    assert np.abs(seen(back) - seen(frames)).mean() < 4
    with Image.open(tmp_path / "a.gif") as image:
        assert image.info["loop"] == 0  # for ever


def test_gif_keeps_a_rate_that_hundredths_of_a_second_cannot_express(tmp_path):
    write_video(tmp_path / "a.gif", square_on_blue(12), frames_per_second=30)
    assert read(tmp_path / "a.gif")[1] == pytest.approx(30, rel=0.02)


def test_film_strip_lies_from_top_to_bottom(tmp_path):
    frames = smooth()
    write_video(tmp_path / "a.png", frames, frames_per_second=10)
    with Image.open(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(np.asarray(image), frames.reshape(-1, 32, 3))


def test_folder_has_numbered_pictures_and_replaces_an_earlier_one(tmp_path):
    write_video(tmp_path / "folder", square_on_blue(4), frames_per_second=10)
    write_video(tmp_path / "folder", smooth(2), frames_per_second=10)
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == ["00001.png", "00002.png"]
    np.testing.assert_array_equal(read(tmp_path / "folder")[0], smooth(2))
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_folder_that_holds_other_things_is_left_alone(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/me.png").write_text("mine")
    with pytest.raises(UserError, match="photos: is a folder that holds other things"):
        write_video(tmp_path / "photos", square_on_blue(), frames_per_second=10)
    assert (tmp_path / "photos/me.png").read_text() == "mine"


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "a.png", "folder"])
def test_what_breaks_off_leaves_the_old_and_nothing_half_made(tmp_path, name):
    write_video(tmp_path / name, square_on_blue(3), frames_per_second=10)

    def frames():
        yield from square_on_blue(2)
        raise UserError("no more")

    with pytest.raises(UserError, match="no more"):
        write_video(tmp_path / name, frames(), frames_per_second=10)
    assert count_frames(tmp_path / name) == 3
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a.png", "folder"])
def test_what_the_system_refuses_is_one_line(tmp_path, name):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(UserError, match="cannot be written: File too large; choose another place") as caught:
            write_video(tmp_path / name, smooth(), frames_per_second=10)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_called_so(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"a\.webm: cannot be written: the disk is full; free some space"):
        write_video(tmp_path / "a.webm", square_on_blue(2), frames_per_second=10)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a.png", "folder"])
def test_no_write_permission_is_one_line(tmp_path, name, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(UserError, match=f"{name}: cannot be written: Permission denied; choose another place"):
        write_video(tmp_path / name, square_on_blue(2), frames_per_second=10)


@pytest.mark.parametrize(
    ("name", "rate", "text"),
    [
        ("a.xyz", 10, r"a\.xyz: the ending must be one of \.mp4 \.webm \.gif \.png; or none"),
        ("a.mp4", 0, "a.mp4: 0 frames a second; choose 0.01 to 1000$"),
        ("a.mp4", float("nan"), "nan frames a second"),
        ("a.gif", 60, "60 frames a second; choose 0.01 to 50, or write .mp4$"),
        ("missing/a.mp4", 10, "there is no folder .*missing; create it first"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_work(tmp_path, name, rate, text):
    def frames():
        raise AssertionError("frames were asked for")
        yield

    with pytest.raises(UserError, match=text):
        refuse_unwritable(tmp_path / name, frames_per_second=rate)
    with pytest.raises(UserError, match=text):
        write_video(tmp_path / name, frames(), frames_per_second=rate)


def test_film_strip_needs_squares(tmp_path):
    with pytest.raises(UserError, match="frames of 33x31 make no film strip, whose frames are squares"):
        write_video(tmp_path / "a.png", square_on_blue(2, 31, 33), frames_per_second=10)


def test_frames_are_checked(tmp_path):
    for frames in ([], [np.zeros((4, 4, 3))], [np.zeros((4, 4), np.uint8)], [*square_on_blue(1), *smooth(1, side=16)]):
        with pytest.raises(ValueError, match=r"a video needs a frame|frames are uint8"):
            write_video(tmp_path / "a.mp4", frames, frames_per_second=10)
    assert list(tmp_path.iterdir()) == []


def test_every_ending_is_one_that_is_read():
    from condgen.data.media import SUFFIXES, Media

    assert set(WRITABLE) <= SUFFIXES[Media.VIDEO]
