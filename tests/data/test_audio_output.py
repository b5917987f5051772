"""Audio files written: what a container keeps, rounding and clipping, and that nothing half-written stays."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest
import soundfile

from condgen.data import audio_output
from condgen.data.audio import Form, Reader, read
from condgen.data.audio_output import Writer
from condgen.errors import UserError

RATE = 16000


def form(subtype="PCM_16", channels=1, rate=RATE, frames=5000, **options):
    return Form(rate, channels, frames, subtype=subtype, **options)


def noise(frames=5000, channels=1, bits=16):
    full = 2 ** (bits - 1)
    return (np.random.default_rng(0).integers(-full, full, (frames, channels)) / full).astype(np.float32)


def write(path, like, *blocks):
    with Writer(path, like) as writer:
        for block in blocks:
            writer.write(block)
    return writer


@pytest.mark.parametrize(
    ("name", "subtype", "bits", "kept"),
    [
        ("a.wav", "PCM_U8", 8, "PCM_U8"),
        ("a.wav", "PCM_S8", 8, "PCM_U8"),
        ("a.wav", "PCM_16", 16, "PCM_16"),
        ("a.wav", "PCM_24", 24, "PCM_24"),
        ("a.WAV", "PCM_32", 24, "PCM_32"),
        ("a.wav", "FLOAT", 24, "FLOAT"),
        ("a.wav", "DOUBLE", 24, "DOUBLE"),
        ("a.wav", "VORBIS", 16, "PCM_16"),
        ("a.wav", "MPEG_LAYER_III", 16, "PCM_16"),
        ("a.wav", "ALAC_20", 20, "PCM_24"),
        ("a.wav", "IMA_ADPCM", 16, "PCM_16"),
        ("a.flac", "PCM_U8", 8, "PCM_S8"),
        ("a.flac", "PCM_16", 16, "PCM_16"),
        ("a.flac", "PCM_24", 24, "PCM_24"),
        ("a.flac", "FLOAT", 24, "PCM_24"),
        ("a.flac", "ULAW", 16, "PCM_16"),
    ],
)
def test_every_bit_is_kept(tmp_path, name, subtype, bits, kept):
    samples = noise(channels=2, bits=bits)
    write(tmp_path / name, form(subtype, 2), samples[:1234], samples[1234:])
    np.testing.assert_array_equal(read(tmp_path / name)[0], samples)
    info = soundfile.info(tmp_path / name)
    assert (info.subtype, info.samplerate, info.frames) == (kept, RATE, 5000)


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW"])
def test_compressed_wav_stays_so(tmp_path, subtype):
    tone = 0.5 * np.sin(np.arange(5050) / 20)[:, None]
    write(tmp_path / "a.wav", form(subtype), tone)
    assert soundfile.info(tmp_path / "a.wav").subtype == subtype
    assert np.abs(read(tmp_path / "a.wav")[0] - tone).max() < 0.05


@pytest.mark.parametrize(
    ("name", "subtype", "rate"),
    [
        ("a.ogg", "VORBIS", 44100),
        ("a.opus", "OPUS", 48000),
        ("a.opus", "OPUS", 16000),
        ("a.mp3", "MPEG_LAYER_III", 44100),
    ],
)
def test_lossy_containers_have_one_form_each(tmp_path, name, subtype, rate):
    tone = (0.5 * np.sin(np.arange(20000) / 20)[:, None] * [1, 0.5]).astype(np.float32)
    write(tmp_path / name, form("PCM_24", 2, rate), tone)
    made, made_rate = read(tmp_path / name)
    assert (made.shape, made_rate) == (tone.shape, rate)
    assert np.abs(made - tone)[2000:-2000].max() < 0.05
    assert soundfile.info(tmp_path / name).subtype == subtype


def test_samples_between_two_steps_are_rounded_to_the_nearest(tmp_path):
    steps = np.float32([-100.6, -0.4, 0.4, 0.6, 99.7])
    write(tmp_path / "a.wav", form(), steps[:, None] / 2**15)
    np.testing.assert_array_equal(soundfile.read(tmp_path / "a.wav", dtype="int16")[0], [-101, 0, 0, 1, 100])


@pytest.mark.parametrize(("subtype", "clipped"), [("PCM_16", 3), ("FLOAT", 0)])
def test_what_integers_cannot_hold_is_clipped_and_counted(tmp_path, subtype, clipped):
    loud = np.float32([[1.5, 0.5], [-1.0, 1.0], [-2.0, 1.001]])
    writer = write(tmp_path / "a.wav", form(subtype, 2), loud)
    assert writer.clipped == clipped
    wanted = loud.clip(-1, 1 - 2**-15) if clipped else loud
    np.testing.assert_array_equal(read(tmp_path / "a.wav")[0], wanted)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
def test_tags_and_the_wanted_form_are_kept(tmp_path, name):
    like = form(tags={"title": "Größe", "artist": "A. Singer"}, rate=8000)
    with Writer(tmp_path / name, like, sample_rate=44100, channels=2) as writer:
        writer.write(noise(20000, 2))
    with Reader(tmp_path / name) as reader:
        assert reader.form.tags.items() >= like.tags.items()
        assert (reader.form.sample_rate, reader.form.channels) == (44100, 2)


@pytest.mark.parametrize(
    ("name", "channels", "rate", "words"),
    [
        ("a.xyz", 1, RATE, "the ending must be one of .wav"),
        ("a", 1, RATE, "the ending must be one of .wav"),
        ("a.opus", 1, 44100, r"\.opus files cannot hold 44100 Hz with 1 channels; choose another ending"),
        ("a.mp3", 6, RATE, "cannot hold 16000 Hz with 6 channels"),
        ("a.flac", 9, RATE, "with 9 channels"),
        ("a.ogg", 2, 384_000, "cannot hold 384000 Hz"),
    ],
)
def test_what_a_container_cannot_hold_is_refused_before_the_work(tmp_path, name, channels, rate, words):
    with pytest.raises(UserError, match=words), Writer(tmp_path / name, form(channels=channels, rate=rate)):
        pytest.fail("the block must not begin")
    assert list(tmp_path.iterdir()) == []


def test_wav_that_could_grow_too_large_is_rf64_or_refused_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr(audio_output, "LARGEST_WAV", 20_000)
    samples = noise(20_000)
    write(tmp_path / "a.wav", form(frames=20_000), samples)
    assert (tmp_path / "a.wav").read_bytes()[:4] == b"RF64"
    np.testing.assert_array_equal(read(tmp_path / "a.wav")[0], samples)
    with pytest.raises(UserError, match="more than WAV holds"):  # a header that did not say how long the sound is
        write(tmp_path / "b.wav", form(frames=0), samples)
    assert not (tmp_path / "b.wav").exists()


def test_an_exception_leaves_the_old_file_and_no_other(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), Writer(tmp_path / "a.wav", form()) as writer:  # noqa: PT012
        writer.write(noise())
        raise KeyboardInterrupt
    with pytest.raises(ValueError, match="not finite"):
        write(tmp_path / "a.wav", form(), noise(), np.full((1, 1), np.nan))
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.wav", b"old")]


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.opus", "a.mp3"])
@pytest.mark.parametrize("room", [0.2, 0.999])  # of the file: no place is left early, or for the very end
def test_a_refusal_of_the_system_leaves_the_old_file_and_no_other(tmp_path, name, room):
    resource = pytest.importorskip("resource")
    samples = noise(60_000)
    write(tmp_path / name, form(), samples)
    size = (tmp_path / name).stat().st_size
    (tmp_path / name).write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(room * size), hard))
    try:
        with pytest.raises(UserError, match="cannot be written: File too large; choose another place"):
            write(tmp_path / name, form(), samples)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(name, b"old")]


def test_a_full_disk_is_called_so(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"a\.flac: cannot be written: the disk is full; free some space"):
        write(tmp_path / "a.flac", form(), noise())
    assert list(tmp_path.iterdir()) == []


def test_writing_into_no_folder_is_one_line(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        write(tmp_path / "missing" / "a.wav", form())
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written: Not a directory"):
        write(tmp_path / "file" / "a.wav", form())


def test_new_files_have_the_usual_permissions(tmp_path):
    write(tmp_path / "a.wav", form(), noise())
    (tmp_path / "b").touch()
    assert (tmp_path / "a.wav").stat().st_mode == (tmp_path / "b").stat().st_mode
