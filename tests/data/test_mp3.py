"""MP3 files: all frames are read, and nothing but frames; what is not whole is refused, with nothing else on stderr."""

from __future__ import annotations

import struct
from functools import cache

import numpy as np
import pytest
import soundfile

from condgen.data.audio import Reader, length, read
from condgen.data.mp3 import checked
from condgen.errors import UserError

DELAY = 529  # samples: the decoder's own, taken off where the encoder's is not stated


@cache
def encoded(folder, rate=16000, channels=1, mode="CONSTANT", seconds=3.0):
    """A second of noise and then a tone, so that frames of variable size begin large."""
    time = np.arange(int(seconds * rate)) / rate
    hiss = 0.3 * np.random.default_rng(0).standard_normal(len(time)) * (time < 1)
    path = folder / "a.mp3"
    sound = np.stack([hiss + 0.3 * np.sin(2 * np.pi * 440 * time)] * channels, axis=1).clip(-1, 1)
    soundfile.write(path, sound, rate, subtype="MPEG_LAYER_III", bitrate_mode=mode, compression_level=0.3)
    return path.read_bytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("encoded")


@pytest.fixture(params=["CONSTANT", "VARIABLE"])
def content(request, folder):
    return encoded(folder, mode=request.param)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.mp3"


def info(content):
    return max(content.find(b"Xing", 0, 60), content.find(b"Info", 0, 60))


def first_frame(content):
    """Bytes of it; the second begins with the same sync word."""
    return content.index(content[:2], info(content))


def without_info(content):
    return content[first_frame(content) :]


def ape(size=1000):
    def end(flags):
        return struct.pack("<8sIIII8x", b"APETAGEX", 2000, size + 32, 1, flags)

    return end(0xA0000000) + bytes(size) + end(0x80000000)


ID3V1 = b"TAG" + b"A Title".ljust(125, b"\0")
LYRICS_1 = b"LYRICSBEGIN" + bytes(100) + b"LYRICSEND"
LYRICS_2 = b"LYRICSBEGIN" + bytes(100) + b"000111LYRICS200"


@pytest.mark.parametrize(
    ("rate", "channels", "mode"),
    [
        (8000, 1, "CONSTANT"),
        (16000, 1, "VARIABLE"),
        (24000, 2, "CONSTANT"),
        (44100, 1, "VARIABLE"),
        (48000, 2, "AVERAGE"),
    ],
)
def test_a_good_file_goes_to_the_decoder_as_it_is(folder, path, rate, channels, mode):
    content = encoded(folder, rate, channels, mode)
    path.write_bytes(content)
    with open(path, "rb", buffering=0) as file:
        assert checked(file).read() == content
    made, made_rate = read(path)
    np.testing.assert_allclose(made, soundfile.read(path, dtype="float32", always_2d=True)[0], atol=1e-6)
    assert (made.shape, made_rate) == ((3 * rate, channels), rate)


@pytest.mark.parametrize("tags", [[ape()], [ape(10**6)], [ID3V1], [LYRICS_1, ID3V1], [LYRICS_2, ID3V1], [ape(), ID3V1]])
def test_tags_at_the_end_are_no_sound(content, path, capfd, tags):
    path.write_bytes(content)
    whole = read(path)[0]
    path.write_bytes(content + b"".join(tags))
    np.testing.assert_array_equal(read(path)[0], whole)
    with Reader(path) as reader:
        assert reader.form.tags.get("title") == ("A Title" if ID3V1 in tags else None)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("part", [0.01, 0.3, 0.7, 0.99])
@pytest.mark.parametrize("behind", [b"", ape(), ID3V1], ids=["", "ape", "id3v1"])
def test_a_cut_file_is_refused(content, path, capfd, part, behind):
    path.write_bytes(content[: int(part * len(content))] + behind)
    with pytest.raises(UserError, match=r"a\.mp3: is cut short, \d+ of the \d+ MPEG frames .*; copy or download"):
        read(path)
    assert capfd.readouterr().err == ""


def test_one_frame_that_lacks_is_noticed(folder, path):
    content = encoded(folder)
    size = first_frame(content)
    count = len(content) // size - 1  # all of one size, at this rate
    path.write_bytes(content[:-size])
    with pytest.raises(UserError, match=f"{count - 1} of the {count} MPEG frames"):
        length(path)


@pytest.mark.parametrize("part", [0.3, 0.7, 0.99])
def test_a_cut_file_that_states_no_length_is_known_by_its_last_frame(content, path, capfd, part):
    bare = without_info(content)
    path.write_bytes(bare[: int(part * len(bare))])
    with pytest.raises(UserError, match=r"is cut short, its last frame, at \d\.\d\d s, is not all there; copy"):
        read(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("size", [500, 5000])
@pytest.mark.parametrize("change", ["zeros", "lost"])
@pytest.mark.parametrize("has_info", [True, False])
@pytest.mark.parametrize("place", [0.5, 0.96])
def test_damage_in_the_middle_is_refused(folder, path, capfd, size, change, has_info, place):
    content = encoded(folder, seconds=12.0)
    content = content if has_info else without_info(content)
    start = content.index(content[:2], int(place * len(content))) - 100  # so that a header is hit
    path.write_bytes(content[:start] + bytes(size if change == "zeros" else 0) + content[start + size :])
    with pytest.raises(UserError, match=r"a\.mp3: is damaged at \d+\.\d\d s; copy or download it again"):
        read(path)
    assert capfd.readouterr().err == ""


def test_a_file_that_states_no_length_is_read_to_the_end(content, path, capfd):
    """Libsndfile alone guesses it from the bit rate of the first frame, which is high here, and reads no further."""
    path.write_bytes(content)
    with Reader(path) as reader:
        frames = reader.form.frames
    path.write_bytes(without_info(content))
    made = read(path)[0]
    assert len(made) == length(path) >= frames
    assert (len(made) + DELAY) % 576 == 0
    assert capfd.readouterr().err == ""


def test_one_frame_behind_a_gap_at_the_end_is_noticed(folder, path):
    content = without_info(encoded(folder, seconds=12.0))
    size = len(content) - content.rindex(content[:2])
    path.write_bytes(content[: -3 * size] + bytes(2 * size) + content[-size:])
    with pytest.raises(UserError, match="is damaged at"):
        read(path)


def test_a_length_that_was_never_filled_in_counts_for_nothing(content, path):
    path.write_bytes(without_info(content))
    wanted = read(path)[0]
    changed = bytearray(content)
    changed[info(content) + 8 : info(content) + 16] = bytes(8)
    path.write_bytes(changed)
    np.testing.assert_array_equal(read(path)[0], wanted)


def test_a_tag_out_of_its_place_does_not_hide_the_length(content, path):
    path.write_bytes(without_info(content))
    wanted = read(path)[0]
    at, end = info(content), first_frame(content)
    path.write_bytes(content[:at] + bytes(2) + content[at : end - 2] + content[end:])
    np.testing.assert_array_equal(read(path)[0], wanted)


def test_a_count_that_includes_the_tag_is_taken(content, path, capfd):
    path.write_bytes(content)
    wanted = read(path)[0]
    changed = bytearray(content)
    at = info(content) + 8
    changed[at : at + 4] = struct.pack(">I", struct.unpack(">I", content[at : at + 4])[0] + 1)
    path.write_bytes(changed)
    np.testing.assert_array_equal(read(path)[0], wanted)
    assert capfd.readouterr().err == ""


def test_files_in_one_another_are_refused_and_not_cut(content, path):
    path.write_bytes(content + content)
    with pytest.raises(UserError, match=r"holds \d+ MPEG frames where its header states \d+; convert"):
        read(path)


@pytest.mark.parametrize("has_info", [True, False])
def test_a_little_of_anything_behind_the_frames_is_passed_over(content, path, has_info):
    content = content if has_info else without_info(content)
    path.write_bytes(content)
    whole = read(path)[0]
    path.write_bytes(content + bytes(len(content) // 30))
    np.testing.assert_array_equal(read(path)[0], whole)
    path.write_bytes(content + bytes(len(content) // 3))
    if has_info:
        np.testing.assert_array_equal(read(path)[0], whole)
    else:
        with pytest.raises(UserError, match="is damaged at"):
            read(path)


@pytest.mark.parametrize(
    "content",
    [
        "text".encode("utf-16"),
        (b"\xff\xfd\x80\x00" + bytes(414)) * 9,  # layer II
        (b"\xff\xfb\x00\x00" + bytes(414)) * 9,  # free bit rate
        b"ID3\4\0\0\0\0\0\7" + bytes(20),
        b"\xff\xfb",
    ],
    ids=["text", "layer 2", "free", "only a tag", "two bytes"],
)
def test_what_only_begins_like_one_is_no_audio(path, capfd, content):
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"is no audio, is damaged|is damaged or cut short"):
        read(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg"])
def test_other_files_are_left_alone(tmp_path, ending):
    soundfile.write(tmp_path / "a", np.zeros(1000), 16000, format=ending)
    with open(tmp_path / "a", "rb", buffering=0) as file:
        assert checked(file) is None
        assert file.tell() == 0
