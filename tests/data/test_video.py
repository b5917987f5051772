"""Videos are read frame by frame, exactly as many as are shown, whatever their headers say; bad ones in one line."""

from __future__ import annotations

import struct
import tracemalloc
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from condgen.data.media import Media, look_at
from condgen.data.video import count_frames, open_video, read_clip
from condgen.errors import UserError

CORNERS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)


def numbered(count=10, height=32, width=32):
    """Frames of grey 20 * number, told apart also after lossy coding; the last column is white."""
    frames = np.empty((count, height, width, 3), np.uint8)
    frames[:] = 20 * np.arange(count, dtype=np.uint8)[:, None, None, None]
    frames[:, :, -1] = 255
    return frames


def noise(count=30, height=64, width=64):
    first = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.stack([np.roll(first, number, 1) for number in range(count)])


def coded(path, frames, codec="libx264", pixels="yuv420p", *, times=None, turned=0, container=None, **options):
    """A file by PyAV itself; times in ms."""
    with av.open(path, "w", container_options=container or {}) as output:
        stream = output.add_stream(codec, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pixels
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        if turned:
            stream.set_display_rotation(turned)
        for number, pixels_of_frame in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels_of_frame, format="rgb24")
            if times:
                frame.pts, frame.time_base = times[number], Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def lossless(path, frames, pixels="bgr0", **options):
    return coded(path, frames, "ffv1", pixels, **options)


def read(path):
    with open_video(path) as video:
        return np.stack(list(video))


def numbers(frames):
    return [round(float(frame[8:24, 8:24].mean()) / 20) for frame in frames]


def refusal(path, read=read):
    with pytest.raises(UserError) as caught:
        read(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [("a.mp4", "libx264", {"bf": "2"}), ("a.webm", "libvpx-vp9", {}), ("a.mkv", "libx264", {}), ("a.avi", "mpeg4", {})],
)
def test_every_frame_comes_also_those_that_the_decoder_holds_back(tmp_path, name, codec, options):
    path = coded(tmp_path / name, numbered(), codec, **options)
    with open_video(path) as video:
        assert video.size == (32, 32)
        assert video.frames_per_second == 25
        assert numbers(video) == list(range(10))
        assert not video.pace.is_variable
    assert count_frames(path) == 10


def test_lossless_video_is_read_exactly_also_with_odd_sides_and_a_strange_name(tmp_path):
    frames = noise(3, 31, 33)
    path = lossless(tmp_path / "file:a#1 ä.mkv", frames)
    np.testing.assert_array_equal(read(path), frames)
    with open_video(path) as video:
        np.testing.assert_array_equal(list(video.frames(start=1, stride=2)), frames[1::2])


def test_grey_video_is_read_as_rgb(tmp_path):
    frames = numbered(3)
    np.testing.assert_array_equal(read(lossless(tmp_path / "a.mkv", frames, "gray")), frames)


def test_header_with_a_wrong_number_of_frames_changes_nothing(tmp_path):
    path = coded(tmp_path / "a.avi", numbered(), "mpeg4")
    content = bytearray(path.read_bytes())
    place = content.index(b"strh") + 8 + 32  # length of the stream in frames
    assert struct.unpack_from("<I", content, place) == (10,)
    struct.pack_into("<I", content, place, 99)
    path.write_bytes(content)
    with open_video(path) as video:
        assert video.stated_frames == 99
        assert video.count() == 10
    (note,) = look_at(path, Media.VIDEO).problems
    assert (note.text, note.is_error) == ("10 frames, its header says 99", False)


def test_variable_frame_rate_gives_each_frame_once(tmp_path):
    path = coded(tmp_path / "a.mkv", numbered(6), times=[0, 40, 80, 400, 440, 1000])
    with open_video(path) as video:
        assert numbers(video) == list(range(6))
        assert video.pace.is_variable
        assert (video.pace.shortest, video.pace.longest) == (Fraction(40, 1000), Fraction(560, 1000))


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_film_of_a_turned_phone_is_upright(tmp_path, turned):
    frames = np.kron(CORNERS, np.ones((16, 32, 1), np.uint8))[None].repeat(2, axis=0)
    path = coded(tmp_path / "a.mp4", frames, crf="5", turned=turned)
    expected = np.rot90(frames[0], turned // 90)
    with open_video(path) as video:
        frame = next(iter(video))
        assert video.size == frame.shape[1::-1] == expected.shape[1::-1]
    places = np.ix_([4, -5], [4, -5])
    np.testing.assert_allclose(frame[places].astype(int), expected[places], atol=6)


def test_mirrored_film_is_turned_back(tmp_path):
    frames = np.kron(CORNERS, np.ones((16, 16, 1), np.uint8))[None]
    path = coded(tmp_path / "a.mp4", frames, crf="5")
    content = bytearray(path.read_bytes())
    struct.pack_into(">i", content, content.index(b"tkhd") + 4 + 40, -(2**16))  # a step to the right leads to the left
    path.write_bytes(content)
    places = np.ix_([4, -5], [4, -5])
    np.testing.assert_allclose(read(path)[0][places].astype(int), frames[0, :, ::-1][places], atol=6)


CUT = [
    ("a.mp4", "libx264", "yuv420p", {"container": {"movflags": "+faststart"}}),
    ("a.mov", "mjpeg", "yuvj420p", {}),
    ("a.webm", "libvpx-vp9", "yuv420p", {}),
    ("a.avi", "mpeg4", "yuv420p", {}),
]


@pytest.mark.parametrize(("name", "codec", "pixels", "options"), CUT)
def test_cut_file_is_refused(tmp_path, name, codec, pixels, options):
    path = coded(tmp_path / name, noise(), codec, pixels, **options)
    content = path.read_bytes()
    for share in (0.05, 0.6, 0.99):
        path.write_bytes(content[: int(share * len(content))])
        assert "cut short" in refusal(path) or "is no video, is damaged" in refusal(path)


def test_file_damaged_in_the_middle_is_refused(tmp_path):
    for name in ("a.mp4", "a.mkv"):
        path = coded(tmp_path / name, noise())
        content = bytearray(path.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 2000] = bytes(2000)
        path.write_bytes(content)
        assert "is damaged" in refusal(path)


def test_cut_gif_and_cut_strip_are_refused(tmp_path):
    frames = [Image.fromarray(frame) for frame in noise(4, 16, 16)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    Image.fromarray(np.concatenate(noise(4))).save(tmp_path / "a.png")
    for name in ("a.gif", "a.png"):
        path = tmp_path / name
        content = path.read_bytes()
        for share in (0.4, 0.8):
            path.write_bytes(content[: int(share * len(content))])
            assert "is damaged or cut short" in refusal(path)


def only_sound(path):
    with av.open(path, "w") as output:
        stream = output.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        output.mux(stream.encode(frame))
        output.mux(stream.encode())


def unknown_compression(path):
    coded(path, numbered(2))
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))


def playlist(path):
    """FFmpeg would follow it to other files and addresses."""
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{path.parent}/b.mp4\n")


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_text("words " * 500), "is no video"),
        (
            lambda path: path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{path.parent}/b.mp4\n"),
            "no video",
        ),
        (only_sound, "holds no video stream"),
        (unknown_compression, "is compressed in a way that is not known"),
        (lambda path: path.write_bytes(b"GIF89a" + bytes(7) + b";"), "holds no frames"),
        (lambda path: None, "there is no such file"),
    ],
    ids=["empty", "text", "playlist", "sound", "unknown compression", "empty GIF", "missing"],
)
def test_what_is_no_video_is_refused(tmp_path, make, text):
    coded(tmp_path / "b.mp4", numbered(2))
    make(tmp_path / "a.mp4")
    assert text in refusal(tmp_path / "a.mp4")


def test_clip_takes_frames_a_stride_apart(tmp_path):
    frames = noise(9, 16, 16)
    path = lossless(tmp_path / "a.mkv", frames)
    np.testing.assert_array_equal(read_clip(path, size=16, count=3, start=2, stride=3), frames[2::3])
    with pytest.raises(UserError, match=r"a\.mkv: has fewer than 11 frames"):
        read_clip(path, size=16, count=4, start=1, stride=3)


def test_clip_is_scaled_by_its_short_side_and_cropped_in_the_middle(tmp_path):
    frame = noise(1, 16, 48)[0]
    for pixels, way in ((frame, (slice(None), slice(16, 32))), (np.rot90(frame), (slice(16, 32), slice(None)))):
        path = lossless(tmp_path / "a.mkv", pixels[None])
        np.testing.assert_array_equal(read_clip(path, size=16, count=1)[0], pixels[way])
        half = np.asarray(Image.fromarray(pixels).resize((pixels.shape[1] // 2, pixels.shape[0] // 2)))
        crop = tuple(slice(8, 16) if axis.start else axis for axis in way)
        np.testing.assert_array_equal(read_clip(path, size=8, count=1)[0], half[crop])


def test_video_is_read_once(tmp_path):
    with open_video(lossless(tmp_path / "a.mkv", noise(2, 16, 16))) as video:
        assert len(list(video)) == 2
        with pytest.raises(RuntimeError, match="open it again"):
            next(iter(video))


def test_memory_does_not_grow_with_the_number_of_frames(tmp_path):
    frame = noise(1)[0]
    path = coded(tmp_path / "a.avi", np.broadcast_to(frame, (200, *frame.shape)), "mjpeg", "yuvj420p")
    with open_video(path) as video:
        frames = iter(video)
        next(frames)
        tracemalloc.start()
        count = 1 + sum(1 for _ in frames)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert count == 200
    assert peak < 10 * frame.nbytes
