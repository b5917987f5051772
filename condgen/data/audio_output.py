"""Arrays to audio files in blocks, container by the name's ending, keeping what `condgen.data.audio` has read."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from condgen.data.audio import Form
from condgen.data.files import reason
from condgen.errors import UserError

LARGEST_WAV = 2**32 - 2**20  # bytes: sizes in WAV have 32 bits, and the header and the tags need some, too


@dataclass(frozen=True)
class _Container:
    name: str  # by libsndfile's names, as are the subtypes
    lossy: str = ""  # its only subtype, if it is a lossy one
    linear: tuple[tuple[int, str], ...] = ()  # bits of a sample and the subtype that holds them
    others: tuple[str, ...] = ()  # further subtypes that are kept; not those whose blocks would change the length
    compression: float = 0.0  # of the lossy ones, from 0, the best, to 1
    largest_rate: int = 2**31 - 1


_CONTAINERS = {
    ".wav": _Container(
        "WAV",
        linear=((8, "PCM_U8"), (16, "PCM_16"), (24, "PCM_24"), (32, "PCM_32")),
        others=("FLOAT", "DOUBLE", "ULAW", "ALAW"),
    ),
    ".flac": _Container("FLAC", linear=((8, "PCM_S8"), (16, "PCM_16"), (24, "PCM_24"))),
    ".ogg": _Container("OGG", lossy="VORBIS", compression=0.2, largest_rate=200_000),  # above, libvorbis crashes
    ".opus": _Container("OGG", lossy="OPUS", compression=0.5),
    ".mp3": _Container("MP3", lossy="MPEG_LAYER_III", compression=0.2),
}
WRITABLE = tuple(_CONTAINERS)
"""The name endings that `Writer` knows, in lower case."""

_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64}
_BITS |= {"ALAC_20": 20, "ALAC_24": 24, "ALAC_32": 32, "DWVW_24": 24}
_USUAL_BITS = 16  # of all others: compressed ones, which have no depth of their own


class Writer:
    """An audio file in the making; it appears under its name, whole, when the `with` block ends without an exception.

    The sample format of `like` is kept where the container has it, else the next that loses no bits is taken (FLAC has
    24 at most). Lossy containers have one each. Integers are rounded. WAV that could grow beyond 4 GiB becomes RF64.
    Tags that the container has no place for are dropped, as are cue points and pictures.

    Args:
        path: ends in one of `WRITABLE`; an existing file is replaced.
        like: form of the file that this one is made from.
        sample_rate: in Hz; None: that of `like`.
        channels: None: those of `like`.

    Raises:
        UserError: the ending is unknown, the container does not hold this rate or so many channels, the folder is
            missing or not writable, or the disk is full; what was at `path` then stays.
    """

    def __init__(self, path: Path | str, like: Form, *, sample_rate: int | None = None, channels: int | None = None):
        self.path = Path(path)
        self.clipped = 0  # samples beyond [-1, 1], cut to it: nothing else fits into integers
        self._like = like
        self._rate = sample_rate or like.sample_rate
        self._channels = channels or like.channels
        try:
            self._container = _CONTAINERS[self.path.suffix.lower()]
        except KeyError:
            raise UserError(f"{self.path}: the ending must be one of {' '.join(WRITABLE)}") from None
        self._name, self.subtype = _format(self._container, like, self._rate, self._channels)

    def __enter__(self) -> Writer:
        temporary = self.path.with_name(f".{secrets.token_hex(6)}.part")
        with contextlib.ExitStack() as stack:
            with self._told():
                self._file = open(temporary, "x+b", buffering=0)
            stack.callback(_discard, temporary, self._file)
            self._sound = self._opened()
            self._temporary, self._cleanup = temporary, stack.pop_all()
        return self

    def write(self, block: np.ndarray) -> None:
        """Append float samples (frames, channels), nominally in [-1, 1].

        Raises:
            UserError: the disk is full, or a WAV that was not expected to grows beyond 4 GiB.
            ValueError: samples are not finite.
        """
        if not np.isfinite(block).all():
            raise ValueError("samples that are not finite cannot be written")
        with self._told():
            self._sound.write(self._encoded(block))
        if self._name.startswith("WAV") and os.fstat(self._file.fileno()).st_size > LARGEST_WAV:
            raise UserError(f"{self.path}: grows beyond 4 GiB, more than WAV holds; choose .flac")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._cleanup:
            if kind is not None:
                with contextlib.suppress(soundfile.SoundFileError):
                    self._sound.close()
                return
            with self._told():
                self._sound.close()
                if refusal := _refusal(self._file):  # libsndfile does not tell of the last bytes
                    raise refusal
                os.fsync(self._file.fileno())
                self._file.close()
                self._temporary.replace(self.path)

    def _opened(self) -> soundfile.SoundFile:
        quality = {"compression_level": self._container.compression} if self._container.lossy else {}
        refusal = UserError(
            f"{self.path}: {self.path.suffix} files cannot hold {self._rate} Hz with {self._channels} channels; "
            "choose another ending, .wav holds all"
        )
        if self._rate > self._container.largest_rate:
            raise refusal
        try:
            sound = soundfile.SoundFile(
                self._file.fileno(),
                "w",
                samplerate=self._rate,
                channels=self._channels,
                format=self._name,
                subtype=self.subtype,
                closefd=False,
                **quality,
            )
        except soundfile.SoundFileError:
            raise refusal from None
        for name, text in self._like.tags.items():
            with contextlib.suppress(soundfile.SoundFileError):
                setattr(sound, name, text)
        return sound

    def _encoded(self, block: np.ndarray) -> np.ndarray:
        """As libsndfile stores it without a change: its own conversion from floating point rounds down."""
        if self._container.lossy or self.subtype in ("FLOAT", "DOUBLE"):
            return block
        self.clipped += int(np.count_nonzero(np.abs(block) > 1))
        bits = min(_BITS.get(self.subtype, _USUAL_BITS), 32)
        full = 2.0 ** (bits - 1)
        whole = np.rint(block * full, dtype=np.float64).clip(-full, full - 1).astype(np.int32)
        return whole << (32 - bits)  # libsndfile takes the upper bits

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What the system refuses becomes one line."""
        try:
            yield
        except FileNotFoundError:
            raise UserError(f"{self.path}: there is no folder {self.path.parent}; create it first") from None
        except (soundfile.SoundFileError, AssertionError) as problem:  # which do not say what the system said
            raise UserError(f"{self.path}: cannot be written: {reason(_refusal(self._file) or problem)}") from None
        except OSError as problem:
            raise UserError(f"{self.path}: cannot be written: {reason(problem)}") from None


def _format(container: _Container, like: Form, rate: int, channels: int) -> tuple[str, str]:
    """Container and subtype, by libsndfile's names."""
    if container.lossy:
        return container.name, container.lossy
    bits = _BITS.get(like.subtype, _USUAL_BITS)
    subtype = next((name for held, name in container.linear if held >= bits), container.linear[-1][1])
    if like.subtype in container.others:
        subtype = like.subtype
    if container.name != "WAV":
        return container.name, subtype
    expected = like.frames * rate / like.sample_rate * channels * _BITS.get(subtype, _USUAL_BITS) / 8
    if expected > LARGEST_WAV:
        return "RF64", subtype
    return "WAVEX" if like.container == "WAVEX" else "WAV", subtype


def _refusal(file: BinaryIO) -> OSError | None:
    """What the system said, which libsndfile keeps to itself: bytes of our own, soon taken back, are refused, too."""
    end = file.seek(0, os.SEEK_END)
    try:
        if file.write(bytes(2**16)) < 2**16:
            file.write(b"\0")
        os.fsync(file.fileno())
    except OSError as problem:
        return problem
    finally:
        file.truncate(end)
    return None


def _discard(temporary: Path, file: BinaryIO) -> None:
    file.close()
    with contextlib.suppress(OSError):  # renamed by then, if all went well
        temporary.unlink()
