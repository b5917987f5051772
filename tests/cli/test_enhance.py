"""`condgen enhance` from end to end, with a small model of random weights: the issue is what users throw at it."""

from __future__ import annotations

import errno
import io
import os
import re
import signal
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from condgen import cli
from condgen.data import audio
from condgen.data.audio_output import Writer
from condgen.runtime import model_folder
from condgen.tasks.segan.networks import InitialWeights
from condgen.tasks.segan.task import Config, DiscriminatorConfig, GeneratorConfig, build_generator
from condgen.tasks.srgan.task import Config as SRGANConfig

SPEED = re.compile(r"\d+\.\d s of audio in \d+\.\d s: real-time factor \d+\.\d{3} \([\d.e+]+ times as fast\)")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    generator = GeneratorConfig(channels=[4, 8], kernel_size=7, noise_channels=4, initial_weights=InitialWeights.HE)
    config = Config(window=1024, generator=generator, discriminator=DiscriminatorConfig(channels=[4]))
    tensors = {f"generator.{name}": tensor for name, tensor in build_generator(config).state_dict().items()}
    path = tmp_path_factory.mktemp("models") / "small"
    model_folder.write(path, "segan", config, tensors, {}, "card")
    return path


@pytest.fixture
def condgen(model, monkeypatch, capsys, tmp_path):
    """Runs the verb in `tmp_path`; returns the exit code and the lines on stderr but those on progress and speed."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, list[str]]:
        monkeypatch.setattr(sys, "argv", ["condgen", "enhance", "--model", str(model), "--device", "cpu", *arguments])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        lines = capsys.readouterr().err.splitlines()
        call.speed = [line for line in lines if SPEED.fullmatch(line)]
        others = [line for line in lines if not line.startswith("[") and line not in call.speed]
        return int(stop.value.code or 0), others

    return call


def noise(seconds: float, rate: int, channels: int = 1) -> np.ndarray:
    """Low enough that no lossy format goes over full scale, and not a whole number of blocks or windows."""
    return np.random.default_rng(0).uniform(-0.3, 0.3, (int(seconds * rate), channels)).astype(np.float32)


def save(path: Path, samples: np.ndarray, rate: int, subtype: str | None = None, **tags: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    container = "OGG" if path.suffix == ".opus" else None
    with soundfile.SoundFile(path, "w", rate, samples.shape[1], subtype, format=container) as sound:
        for name, text in tags.items():
            setattr(sound, name, text)
        sound.write(samples)


def form(path: Path) -> tuple[int, int, str]:
    info = soundfile.info(path)
    return info.samplerate, info.channels, info.subtype


GOOD = {  # name in, name out, rate, channels, subtype in, subtype out
    "telephone.wav": ("telephone.wav", 8000, 1, "ULAW", "ULAW"),
    "studio.wav": ("studio.wav", 96000, 2, "PCM_24", "PCM_24"),
    "deep/er/float.wav": ("deep/er/float.wav", 44100, 5, "FLOAT", "FLOAT"),
    "deep/old.wav": ("deep/old.wav", 11025, 1, "PCM_U8", "PCM_U8"),
    "song.flac": ("song.flac", 44100, 2, "PCM_24", "PCM_24"),
    "UPPER.WAV": ("UPPER.WAV", 16000, 1, "PCM_16", "PCM_16"),
    "voice.mp3": ("voice.mp3", 44100, 2, "MPEG_LAYER_III", "MPEG_LAYER_III"),
    "voice.ogg": ("voice.ogg", 22050, 1, "VORBIS", "VORBIS"),
    "voice.opus": ("voice.opus", 48000, 1, "OPUS", "OPUS"),
    "mac.aiff": ("mac.wav", 48000, 2, "PCM_16", "PCM_16"),
}


def save_liar(path: Path) -> None:
    save(path, noise(1, 16000), 16000)
    path.write_bytes(path.read_bytes()[:20000])


BAD = {
    "empty.wav": (lambda path: path.touch(), "is empty (0 bytes)"),
    "text.wav": (lambda path: path.write_text("these are words"), "is no audio"),
    "no_samples.wav": (lambda path: save(path, noise(0, 16000), 16000), "holds no sound"),
    "liar.wav": (save_liar, "of the 32000 bytes of sound that its header promises"),
    "nan.wav": (lambda path: save(path, np.full((90_000, 1), np.nan), 16000, "FLOAT"), "has 90000 samples that are"),
    "inf.wav": (
        lambda path: save(path, np.concatenate([noise(5, 16000), [[np.inf]]]), 16000, "FLOAT"),
        "has 1 samples that are not finite (NaN or infinite), the first at 5.000 s",
    ),
    "integers.wav": (lambda path: save(path, 20000 * noise(1, 16000), 16000, "FLOAT"), "where full scale is 1"),
}


@pytest.fixture
def pile(tmp_path) -> Path:
    """A folder with everything: recordings to be enhanced, some that cannot be, and other files."""
    for name, (_, rate, channels, subtype, _) in GOOD.items():
        save(tmp_path / "pile" / name, noise(0.7, rate, channels), rate, subtype)
    for name, (make, _) in BAD.items():
        (tmp_path / "pile" / "bad").mkdir(exist_ok=True)
        make(tmp_path / "pile" / "bad" / name)
    (tmp_path / "pile" / "notes.txt").write_text("read me")
    Image.new("RGB", (3, 3)).save(tmp_path / "pile" / "cover.jpg")
    save(tmp_path / "pile" / ".hidden.wav", noise(0.1, 8000), 8000)
    return tmp_path / "pile"


def test_everything_that_users_have(condgen, pile):
    code, lines = condgen("pile", "missing.wav", "-o", "made/here")
    assert code == 1
    assert lines[-1] == f"{len(GOOD)} done, 0 skipped (already there), {len(BAD) + 1} failed"
    told = {line.split(":")[0]: line for line in lines[:-1]}
    assert len(told) == len(lines) - 1
    assert told.keys() == {"missing.wav", *(f"pile/bad/{name}" for name in BAD)}
    for name, (_, words) in BAD.items():
        assert words in told[f"pile/bad/{name}"]
    made = {path.relative_to("made/here").as_posix(): path for path in Path("made/here").rglob("*") if path.is_file()}
    assert made.keys() == {out for out, *_ in GOOD.values()}
    for name, (out, rate, channels, _, subtype) in GOOD.items():
        assert form(made[out]) == (rate, channels, subtype)
        before, after = audio.read(pile / name)[0], audio.read(made[out])[0]
        assert len(after) == len(before)
        assert np.abs(after).max() > 1e-3
    assert len(condgen.speed) == 1
    assert condgen.speed[0].startswith(f"{0.7 * len(GOOD):.1f} s of audio in")


def test_skip_existing_resumes_a_folder(condgen, pile):
    for name in BAD:
        (pile / "bad" / name).unlink()
    assert condgen("pile", "-o", "out")[0] == 0
    Path("out/studio.wav").unlink()
    code, lines = condgen("pile", "-o", "out", "--skip-existing")
    assert (code, lines) == (0, [f"1 done, {len(GOOD) - 1} skipped (already there), 0 failed"])
    assert condgen("pile", "-o", "out", "--skip-existing")[0] == 0
    assert condgen.speed == []


@pytest.mark.parametrize("name", ["empty.wav", "text.wav", "liar.wav", "nan.wav", "inf.wav"])
def test_a_bad_file_is_one_line_and_leaves_nothing(condgen, tmp_path, name):
    BAD[name][0](tmp_path / name)
    code, lines = condgen(name, "-o", "out/made.wav")
    assert (code, lines[1:]) == (1, ["0 done, 0 skipped (already there), 1 failed"])
    assert lines[0].startswith(f"{name}: ")
    assert BAD[name][1] in lines[0]
    assert list(Path("out").iterdir()) == []


@pytest.mark.parametrize("length", [1, 160, 1024])
def test_short_clips(condgen, tmp_path, length):
    save(tmp_path / "clip.wav", noise(1, 16000)[:length], 16000)
    assert condgen("clip.wav", "-o", "made.wav") == (0, [])
    assert len(audio.read("made.wav")[0]) == length


def test_silence_stays_silence_and_a_constant_is_finite(condgen, tmp_path):
    save(tmp_path / "silence.wav", np.zeros((50_000, 2)), 48000, "FLOAT")
    save(tmp_path / "constant.wav", np.full((50_000, 1), 0.5), 16000, "FLOAT")
    assert condgen("silence.wav", "constant.wav", "-o", "made")[0] == 0
    assert not audio.read("made/silence.wav")[0].any()
    assert np.abs(audio.read("made/constant.wav")[0]).max() < 20


@pytest.mark.parametrize(
    ("source", "target", "subtype"),
    [
        ("PCM_24", "made.flac", "PCM_24"),
        ("FLOAT", "made.flac", "PCM_24"),
        ("DOUBLE", "made.wav", "DOUBLE"),
        ("PCM_16", "made.mp3", "MPEG_LAYER_III"),
        ("PCM_16", "made.ogg", "VORBIS"),
    ],
)
def test_into_other_formats(condgen, tmp_path, source, target, subtype):
    save(tmp_path / "in.wav", noise(0.5, 44100, 2), 44100, source)
    assert condgen("in.wav", "-o", target) == (0, [])
    assert form(Path(target)) == (44100, 2, subtype)
    assert len(audio.read(target)[0]) == 22050


def test_tags_are_kept(condgen, tmp_path):
    save(tmp_path / "in.flac", noise(0.5, 16000), 16000, title="Première", artist="A. N. Other")
    for target in ("made.flac", "made.ogg", "made.wav"):
        assert condgen("in.flac", "-o", target) == (0, [])
        with audio.Reader(target) as reader:
            assert reader.form.tags["title"] == "Première"
            assert reader.form.tags["artist"] == "A. N. Other"


def test_an_ending_that_cannot_hold_the_rate_is_refused(condgen, tmp_path):
    save(tmp_path / "in.wav", noise(0.5, 44100), 44100)
    code, lines = condgen("in.wav", "-o", "made.opus")
    assert code == 1
    assert lines[0].startswith("made.opus: .opus files cannot hold 44100 Hz with 1 channels; choose another ending")
    assert os.listdir(tmp_path) == ["in.wav"]
    code, lines = condgen("in.wav", "-o", "made.xyz")
    assert code == 1
    assert "the ending must be one of .flac .mp3 .ogg .opus .wav" in lines[0]


def test_a_model_of_another_task_is_one_line(condgen, tmp_path):
    save(tmp_path / "a.wav", noise(0.1, 16000), 16000)
    model_folder.write(tmp_path / "other", "srgan", SRGANConfig(), {"x": torch.zeros(1)}, {}, "card")
    code, lines = condgen("a.wav", "-o", "b.wav", "--model", "other")
    words = "condgen: model other is of task srgan; `condgen models` lists those of task segan"
    assert (code, lines) == (1, [words])
    assert not Path("b.wav").exists()


def test_a_full_disk_costs_the_file_and_nothing_else(condgen, tmp_path, monkeypatch):
    for name in ("a.wav", "b.ogg", "c.flac"):
        save(tmp_path / name, noise(0.1, 16000), 16000)
    sync, calls = os.fsync, []

    def full_at_first(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) <= 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full_at_first)
    code, lines = condgen("a.wav", "b.ogg", "c.flac", "-o", "out")
    assert code == 1
    assert lines == [
        "out/a.wav: cannot be written: the disk is full; free some space",
        "out/b.ogg: cannot be written: the disk is full; free some space",
        "1 done, 0 skipped (already there), 2 failed",
    ]
    assert os.listdir("out") == ["c.flac"]


@pytest.mark.parametrize(("number", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_stopped_in_the_middle_nothing_is_left(condgen, tmp_path, monkeypatch, number, code):
    save(tmp_path / "in.wav", noise(20, 16000), 16000)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "made.wav").write_text("from before")
    if signal.getsignal(getattr(signal, number)) is signal.SIG_IGN:  # the tests themselves run under nohup
        signal.signal(getattr(signal, number), signal.SIG_DFL)
    write, before = Writer.write, signal.getsignal(getattr(signal, number))

    def write_and_stop(writer: Writer, block: np.ndarray) -> None:
        write(writer, block)
        assert len(os.listdir("out")) == 2
        os.kill(os.getpid(), getattr(signal, number))

    monkeypatch.setattr(Writer, "write", write_and_stop)
    assert condgen("in.wav", "-o", "out/made.wav")[0] == code
    assert os.listdir("out") == ["made.wav"]
    assert Path("out/made.wav").read_text() == "from before"
    assert signal.getsignal(getattr(signal, number)) is before


def test_through_pipes(model, tmp_path):
    """As recorders write it into a pipe: with a length that is not known."""
    samples = noise(1.5, 22050, 2)
    save(tmp_path / "in.wav", samples, 22050, "PCM_24")
    content = bytearray((tmp_path / "in.wav").read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = struct.pack("<I", 0xFFFFFFFF)
    command = [sys.executable, "-m", "condgen", "enhance", "-", "-o", "-", "--model", str(model), "--device", "cpu"]
    done = subprocess.run(command, input=bytes(content), capture_output=True, check=False)
    assert (done.returncode, bool(SPEED.fullmatch(done.stderr.decode().strip()))) == (0, True)
    made = soundfile.SoundFile(io.BytesIO(done.stdout))
    assert (made.format[:3], made.subtype, made.samplerate, made.channels) == ("WAV", "PCM_24", 22050, 2)
    assert made.frames == len(samples)


def test_a_bad_file_from_a_pipe_is_one_line(condgen, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"these are words")))
    code, lines = condgen("-", "-o", "made.wav")
    assert (code, len(lines)) == (1, 1)
    assert lines[0].startswith("stdin: is no audio")
    assert not Path("made.wav").exists()


def test_python_gives_what_the_command_gives(condgen, model, tmp_path):
    from condgen import load

    samples = noise(1.3, 44100, 2)
    save(tmp_path / "a.wav", samples, 44100, "FLOAT")
    assert condgen("a.wav", "-o", "b.wav") == (0, [])
    made = load(str(model), device="cpu")(samples.T, 44100)
    np.testing.assert_array_equal(made.T, audio.read("b.wav")[0])
