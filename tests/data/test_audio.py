"""Audio files read: every kind, nothing lost, nothing cut in silence; and the streaming resampler."""

from __future__ import annotations

import os
import struct
import tracemalloc

import numpy as np
import pytest
import soundfile

from condgen.data.audio import Reader, Resampler, length, read
from condgen.data.media import Media, look_at
from condgen.errors import UserError

RATE = 16000


def noise(frames=5000, channels=1, seed=0):
    """Of 16 bits, so that files of 16 bits and more hold it exactly."""
    values = np.random.default_rng(seed).integers(-8000, 8000, (frames, channels))
    return (values / 2**15).astype(np.float32)


def stored(path, samples, rate=RATE, subtype="PCM_16", **options):
    soundfile.write(path, samples, rate, subtype=subtype, **options)
    return path


@pytest.mark.parametrize(
    ("name", "subtype"),
    [
        ("a.wav", "PCM_16"),
        ("a.wav", "PCM_24"),
        ("a.wav", "FLOAT"),
        ("a.wav", "DOUBLE"),
        ("a.flac", "PCM_16"),
        ("a.flac", "PCM_24"),
        ("a.aiff", "PCM_16"),
    ],
)
def test_lossless_files_are_read_exactly(tmp_path, name, subtype):
    samples = noise(channels=2)
    stored(tmp_path / name, samples, 44100, subtype)
    made, rate = read(tmp_path / name)
    assert (rate, made.dtype) == (44100, np.float32)
    np.testing.assert_array_equal(made, samples)
    with Reader(tmp_path / name) as reader:
        form = reader.form
    assert (form.sample_rate, form.channels, form.frames, form.subtype) == (44100, 2, 5000, subtype)


@pytest.mark.parametrize(
    ("name", "subtype", "options"),
    [
        ("a.ogg", "VORBIS", {}),
        ("a.opus", "OPUS", {"format": "OGG"}),
        ("a.mp3", "MPEG_LAYER_III", {}),
        ("a.wav", "ULAW", {}),
        ("a.wav", "PCM_U8", {}),
    ],
)
def test_lossy_files_keep_length_and_sound(tmp_path, name, subtype, options):
    time = np.arange(20000) / RATE
    tone = (0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)[:, None]
    stored(tmp_path / name, tone, subtype=subtype, **options)
    made, _ = read(tmp_path / name)
    assert made.shape == tone.shape
    assert np.abs(made - tone)[2000:-2000].max() < 0.05
    assert length(tmp_path / name) == 20000


def test_many_channels_and_a_mean_of_them(tmp_path):
    samples = noise(100, 32)
    stored(tmp_path / "a.wav", samples)
    np.testing.assert_array_equal(read(tmp_path / "a.wav")[0], samples)
    np.testing.assert_allclose(read(tmp_path / "a.wav", mono=True)[0], samples.mean(axis=1, keepdims=True), atol=1e-6)


def test_blocks_are_the_whole_file_in_pieces_of_constant_memory(tmp_path):
    samples = noise(2_000_000)
    stored(tmp_path / "a.flac", samples)
    tracemalloc.start()
    with Reader(tmp_path / "a.flac") as reader:
        done = 0
        for block in reader.blocks(10_000):
            np.testing.assert_array_equal(block, samples[done : done + len(block)])
            done += len(block)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert done == len(samples)
    assert peak < samples.nbytes / 10


@pytest.mark.parametrize("name", ["ü ß.wav", "in\udce4.wav"])
def test_names_in_any_encoding(tmp_path, name):
    try:
        (tmp_path / name).touch()
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    stored(tmp_path / "a.wav", noise())
    (tmp_path / "a.wav").rename(tmp_path / name)
    assert len(read(tmp_path / name)[0]) == 5000


def half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damaged(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 50] = bytes(range(50))
    path.write_bytes(content)


BAD = {
    "missing": ("a.wav", lambda path: path.unlink(), "there is no such file"),
    "empty": ("a.wav", lambda path: path.write_bytes(b""), "is empty"),
    "text": ("a.wav", lambda path: path.write_text("<html>not found</html>"), "is no audio"),
    "zeros": ("a.wav", lambda path: path.write_bytes(bytes(1000)), "is no audio"),
    "header only": ("a.wav", lambda path: path.write_bytes(path.read_bytes()[:20]), "is damaged or cut short"),
    "no samples": ("a.wav", lambda path: stored(path, noise(0)), "holds no sound"),
    "half wav": ("a.wav", half, "is cut short, 4978 of the 10000 bytes"),
    "half aiff": ("a.aiff", half, "is cut short"),
    "half flac": ("a.flac", half, "is damaged or cut short"),
    "half ogg": ("a.ogg", half, "is cut short|is damaged or cut short"),
    "half opus": ("a.opus", half, "is cut short"),
    "damaged flac": ("a.flac", damaged, "is damaged or cut short"),
}


@pytest.mark.parametrize(("name", "spoil", "words"), BAD.values(), ids=BAD)
def test_a_bad_file_is_one_line_with_its_name_and_a_fix(tmp_path, name, spoil, words):
    subtype, options = {"a.ogg": ("VORBIS", {}), "a.opus": ("OPUS", {"format": "OGG"})}.get(name, ("PCM_16", {}))
    frames = 5000 if name == "a.wav" else 50_000
    path = stored(tmp_path / name, noise(frames), subtype=subtype, **options)
    spoil(path)
    with pytest.raises(UserError, match=words) as told:
        read(path)
    assert str(told.value).startswith(f"{path}: ")
    assert "\n" not in str(told.value)
    assert "; " in str(told.value) or name == "a.wav"


def test_folders_and_devices_are_no_files(tmp_path):
    with pytest.raises(UserError, match="is a folder"):
        Reader(tmp_path)
    with pytest.raises(UserError, match="is a pipe or a device"):
        Reader(os.devnull)


def test_what_the_system_refuses_is_one_line(tmp_path):
    path = tmp_path / "a.wav"
    path.symlink_to(path)
    with pytest.raises(UserError, match=r"a\.wav: cannot be read \(.*symbolic links\); check"):
        Reader(path)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFF000, 0x80000000])
def test_streams_that_state_no_length_are_read_to_the_end(tmp_path, size):
    """As ffmpeg, sox and arecord write into a pipe."""
    path = stored(tmp_path / "a.wav", samples := noise())
    content = bytearray(path.read_bytes())
    content[4:8] = struct.pack("<I", min(size + 36, 0xFFFFFFFF))
    content[40:44] = struct.pack("<I", size)
    path.write_bytes(content)
    np.testing.assert_array_equal(read(path)[0], samples)


def test_the_length_of_a_long_wav_is_read_from_its_own_chunk(tmp_path):
    path = stored(tmp_path / "a.wav", samples := noise(), format="RF64")
    np.testing.assert_array_equal(read(path)[0], samples)
    assert path.read_bytes()[:4] == b"RF64"
    half(path)
    with pytest.raises(UserError, match="of the 10000 bytes"):
        read(path)


def test_chunks_before_the_sound_are_passed_over(tmp_path):
    path = stored(tmp_path / "a.wav", noise())
    content = path.read_bytes()
    odd = b"junk" + struct.pack("<I", 3) + b"abc\0"
    path.write_bytes(content[:12] + odd + content[12:-100])
    with pytest.raises(UserError, match="9900 of the 10000 bytes"):
        read(path)


def test_samples_that_are_not_finite_are_counted_and_placed(tmp_path):
    samples = noise(50_000, 2)
    samples[24_000, 1] = np.nan
    samples[40_000] = np.inf
    stored(tmp_path / "a.wav", samples, subtype="FLOAT")
    with Reader(tmp_path / "a.wav") as reader, pytest.raises(UserError, match=r"3 samples .* the first at 1\.500 s"):
        list(reader.blocks(1000))


def test_integers_stored_as_floating_point_are_refused(tmp_path):
    stored(tmp_path / "a.wav", noise() * 2**15, subtype="FLOAT")
    with pytest.raises(UserError, match="where full scale is 1"):
        read(tmp_path / "a.wav")
    stored(tmp_path / "a.wav", noise() * 8, subtype="FLOAT")
    assert np.abs(read(tmp_path / "a.wav")[0]).max() > 1


@pytest.mark.parametrize(("subtype", "container"), [("VORBIS", "OGG"), ("OPUS", "OGG"), ("PCM_16", "FLAC")])
@pytest.mark.parametrize("part", [0.3, 0.7, 0.99, 0.9995])
def test_a_cut_file_is_refused_wherever_it_ends(tmp_path, capfd, subtype, container, part):
    path = stored(tmp_path / "a", noise(100_000), subtype=subtype, format=container)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(UserError, match=r"a: is (damaged or )?cut short.*; copy or download it again"):
        read(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_stream_may_lack_the_mark_of_its_end_or_have_something_behind(tmp_path, subtype):
    path = stored(tmp_path / "a", noise(100_000), subtype=subtype, format="OGG")
    content = path.read_bytes()
    path.write_bytes(content + bytes(100))
    assert len(read(path)[0]) == 100_000
    path.write_bytes(content[: content.rindex(b"OggS")])
    assert 80_000 < len(read(path)[0]) < 100_000
    path.write_bytes(content[: content.rindex(b"OggS")] + bytes(100))
    with pytest.raises(UserError, match="its stream has no end"):
        read(path)


@pytest.mark.parametrize(
    ("before", "after"), [(44100, 16000), (16000, 44100), (48000, 16000), (8000, 16000), (22050, 16000), (16000, 16000)]
)
@pytest.mark.parametrize("frames", [0, 1, 10, 12_347])
def test_a_resampled_stream_has_the_length_and_the_sound_of_the_whole(before, after, frames):
    signal = noise(frames, 2)
    whole = Resampler(before, after, 2).push(signal, last=True)
    stream = Resampler(before, after, 2)
    pieces = [stream.push(signal[start : start + 777]) for start in range(0, frames, 777)]
    pieces.append(stream.push(signal[:0], last=True))
    joined = np.concatenate(pieces)
    assert joined.dtype == np.float32
    assert joined.shape == whole.shape == ((2 * frames * after + before) // (2 * before), 2)
    np.testing.assert_allclose(joined, whole, atol=1e-6)


def test_a_resampled_tone_stays_in_place():
    def tone(rate):
        return np.sin(2 * np.pi * 1000 * np.arange(rate) / rate).astype(np.float32)[:, None]

    made = Resampler(44100, 16000, 1).push(tone(44100), last=True)
    assert np.abs(made - tone(16000))[200:-200].max() < 1e-3


def test_a_file_is_resampled_when_a_rate_is_asked_for(tmp_path):
    stored(tmp_path / "a.wav", noise(48001), 48000)
    made, rate = read(tmp_path / "a.wav", 16000)
    assert (made.shape, rate) == ((16000, 1), 16000)


def test_a_header_that_states_too_little_is_refused(tmp_path):
    """Libsndfile would read the stated part and say nothing."""
    path = tmp_path / "a.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 8000), 16000)
    content = bytearray(path.read_bytes())
    content[40:44] = (4000).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.wav: holds 12000 bytes behind the sound that its header states; copy"):
        read(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.wav")
    with pytest.raises(UserError, match=r"a\.wav: is a pipe or a device; write it to a file first"):
        read(tmp_path / "a.wav")
    assert look_at(tmp_path / "a.wav", Media.AUDIO).problems[0].text == "a pipe or a device"
