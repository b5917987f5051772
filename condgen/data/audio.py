"""Audio files to arrays, whole or in blocks of constant memory (back: audio_output); sample rates changed on the way.

Samples are float32 of shape (frames, channels) in [-1, 1]; a frame is one sample of each channel. Floating-point files
may exceed the range a little. Files are recognised by their content, not their names, and are never cut in silence: a
file that holds less than its header promises is refused in one line, as are samples that are not finite.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from condgen.data import mp3
from condgen.data.files import opened
from condgen.errors import UserError

BLOCK = 65536  # frames of a block: 256 kB a channel, large enough that the calls cost nothing
LOUDEST = 64.0  # of full scale, 36 dB over: what lies above is not in [-1, 1], e.g. integers stored as floating point

_UNKNOWN_FRAMES = 2**62  # libsndfile gives 2**63 - 1 where a header states no length
_STREAM_BYTES = 0x7FFF0000  # and above: what recorders and converters write that cannot come back to the header
_OGG_PAGE = 65307  # bytes of the largest


@dataclass(frozen=True)
class Form:
    """What a file is besides its samples, and what one made from it should keep."""

    sample_rate: int  # Hz
    channels: int
    frames: int  # as the header says; 0: it does not say
    container: str = "WAV"  # this and the next by libsndfile's names
    subtype: str = "PCM_16"
    tags: dict[str, str] = field(default_factory=dict)  # title, artist, ...


class Reader:
    """An open audio file, read once from its beginning to its end.

    Args:
        path: of a regular file.

    Raises:
        UserError: missing, unreadable, empty, no audio, damaged, or shorter than its header says.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self._file = opened(self.path, "an audio file")
        try:
            with _decoding(self.path):
                _refuse_missing_bytes(self._file)
                _refuse_cut_ogg(self._file)
                source = mp3.checked(self._file) or self._file.fileno()  # not its name, which may not be UTF-8
                self._sound = _Forward(source, closefd=False)
                self.form = _form(self._sound)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._sound.close()
        self._file.close()

    def blocks(self, frames: int = BLOCK) -> Iterator[np.ndarray]:
        """The samples in order, float32 (frames, channels); the last block may be shorter.

        Raises:
            UserError: the file is damaged, cut short or without samples, or samples are not finite or no audio.
        """
        done = 0
        with _decoding(self.path):
            while len(block := self._sound.read(frames, dtype="float32", always_2d=True)):
                self._refuse_bad_samples(block, done)
                done += len(block)
                yield block
            self._refuse_cut_short(done)

    def _refuse_bad_samples(self, block: np.ndarray, done: int) -> None:
        if np.abs(block).max() <= LOUDEST:  # false for NaN
            return
        finite = np.isfinite(block)
        if finite.all():
            raise UserError(f"has samples of {np.abs(block).max():.0f} where full scale is 1; divide by its full scale")
        first = (done + int(np.argmin(finite.all(axis=1)))) / self.form.sample_rate
        count = finite.size - np.count_nonzero(finite)
        while len(block := self._sound.read(BLOCK, dtype="float32", always_2d=True)):
            count += block.size - np.count_nonzero(np.isfinite(block))
        raise UserError(
            f"has {count} samples that are not finite (NaN or infinite), the first at {first:.3f} s; "
            "repair or export it again"
        )

    def _refuse_cut_short(self, done: int) -> None:
        if not done:
            raise UserError("holds no sound, 0 samples; record or export it again")
        if done < self.form.frames:
            raise UserError(f"is damaged or cut short, {done} of {self.form.frames} samples; copy or download it again")


def read(path: Path | str, sample_rate: int | None = None, mono: bool = False) -> tuple[np.ndarray, int]:
    """Read a whole file.

    Args:
        path: of the file.
        sample_rate: in Hz, to which it is resampled (soxr HQ); None: as it is.
        mono: mix the channels by their mean.

    Returns:
        float32 (frames, channels) and the sample rate.

    Raises:
        UserError: as `Reader` and `Reader.blocks`.
    """
    with Reader(path) as reader:
        samples = np.concatenate(list(reader.blocks()))
        rate = reader.form.sample_rate
    if mono and samples.shape[1] > 1:
        samples = samples.mean(axis=1, keepdims=True)
    if sample_rate in (None, rate):
        return samples, rate
    return Resampler(rate, sample_rate, samples.shape[1]).push(samples, last=True), sample_rate


def length(path: Path | str) -> int:
    """How many frames a file has: by its header, or counted where that does not say.

    Raises:
        UserError: as `read`.
    """
    with Reader(path) as reader:
        return reader.form.frames or sum(map(len, reader.blocks()))


class Resampler:
    """Blocks at one sample rate to blocks at another (soxr HQ), in memory that does not grow with their number.

    In all, N frames give N to_rate / from_rate frames, rounded to the nearest (half up), and every sound stays in its
    place. The blocks given back are cut otherwise than those that came in, and may be empty.
    """

    def __init__(self, from_rate: int, to_rate: int, channels: int):
        self._from, self._to, self._channels = from_rate, to_rate, channels
        self._taken = self._given = 0
        self._stream = None
        if from_rate != to_rate:
            self._stream = soxr.ResampleStream(from_rate, to_rate, channels, dtype="float32", quality=soxr.HQ)

    def push(self, block: np.ndarray, last: bool = False) -> np.ndarray:
        """float32 (frames, channels) -> what is ready, float32 (frames, channels); with `last`, all that remains."""
        if self._stream is None:
            return block
        self._taken += len(block)
        made = self._stream.resample_chunk(np.ascontiguousarray(block, np.float32), last=last)
        if last:  # soxr may round to the other side, and gives nothing at all for less than a sample
            wanted = (2 * self._taken * self._to + self._from) // (2 * self._from) - self._given
            made = np.pad(made[:wanted], ((0, max(0, wanted - len(made))), (0, 0)))
        self._given += len(made)
        return made


class _Forward(soundfile.SoundFile):
    """Never sought in: soundfile would do so after each read, which costs time and breaks the frames of MP3 apart."""

    def seekable(self) -> bool:
        return False


@contextmanager
def _decoding(path: Path) -> Iterator[None]:
    """Whatever goes wrong inside becomes one line that names the file."""
    try:
        yield
    except UserError as problem:
        raise UserError(f"{path}: {problem}") from None
    except soundfile.LibsndfileError as problem:
        if problem.error_string.startswith("Format not recognised"):
            text = mp3.NO_AUDIO
        else:
            reason = problem.error_string.removeprefix("Error : ").rstrip(".")
            text = f"is damaged or cut short ({reason}); copy or download it again"
        raise UserError(f"{path}: {text}") from None


def _form(sound: soundfile.SoundFile) -> Form:
    frames = sound.frames if sound.frames < _UNKNOWN_FRAMES else 0
    tags = {name: text for name, text in sound.copy_metadata().items() if text}
    return Form(sound.samplerate, sound.channels, frames, sound.format, sound.subtype, tags)


def _refuse_missing_bytes(file: BinaryIO) -> None:
    """Of a WAV or AIFF file, libsndfile takes what is there and says nothing. Afterwards the file is rewound."""
    promised, there = _sound_bytes(file)
    if there < promised:
        raise UserError(
            f"is cut short, {there} of the {promised} bytes of sound that its header promises; "
            "copy or download it again"
        )
    file.seek(0)


def _refuse_cut_ogg(file: BinaryIO) -> None:
    """The last page (RFC 3533, section 6) is whole, and last by its flag if anything is behind it. Rewound as above.

    Libsndfile takes what is there. The flag alone is not asked for: some writers never set it.
    """
    is_ogg = file.read(4) == b"OggS"
    file.seek(max(0, os.fstat(file.fileno()).st_size - 2 * _OGG_PAGE))
    tail = file.read() if is_ogg else b""
    file.seek(0)
    page = tail[max(0, tail.rfind(b"OggS")) :].ljust(27, b"\xff")
    end = 27 + page[26]
    end += sum(page[27:end])
    if is_ogg and (not page.startswith(b"OggS") or end > len(page) or (end < len(page) and not page[5] & 4)):
        raise UserError("is cut short, its stream has no end; copy or download it again")


def _refuse_sound_behind(file: BinaryIO, end: int, order: str, size: int) -> None:
    """Behind the sound lies nothing, or another chunk; else a header that states too little would cut it in silence."""
    if end + 8 > size:
        return
    file.seek(end)
    name, length = struct.unpack(f"{order}4sI", file.read(8))
    if not (name.isascii() and name.decode("ascii", "replace").isprintable() and end + length <= size):
        raise UserError(
            f"holds {size - end} bytes behind the sound that its header states; copy it again, or mend the header"
        )


def _sound_bytes(file: BinaryIO) -> tuple[int, int]:
    """Bytes of sound that a RIFF, RF64 or AIFF header promises, and that can be there; 0 where it says nothing."""
    size = os.fstat(file.fileno()).st_size
    magic = file.read(12)
    order = {b"RIFF": "<", b"RF64": "<", b"RIFX": ">", b"FORM": ">"}.get(magic[:4])
    position, long_size = 12, 2**64 - 1
    while order and position + 8 <= size:
        file.seek(position)
        name, promised = struct.unpack(f"{order}4sI", file.read(8))
        position += 8
        if name == b"ds64":  # the size of the sound where 32 bits do not hold it
            long_size = struct.unpack("<8xQ", file.read(16).ljust(16, b"\0"))[0]
        elif name in (b"data", b"SSND"):
            if magic.startswith(b"RF64") and promised == 2**32 - 1:
                return (long_size if long_size < 2**63 else 0), size - position
            promised = promised if promised < _STREAM_BYTES else 0
            _refuse_sound_behind(file, position + promised + promised % 2, order, size if promised else 0)
            return promised, size - position
        position += promised + promised % 2
    return 0, 0
