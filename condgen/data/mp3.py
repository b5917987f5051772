"""MP3 files made fit for decoding: damage is found here, where libmpg123 would warn on stderr, guess and go on.

One pass over the headers of all frames (ISO/IEC 11172-3, 2.4.2.3; 13818-3) tells what is there. The decoder is then
given the frames behind a tag that states their true count, so that it reads every one, and nothing else.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from condgen.errors import UserError

NO_AUDIO = "is no audio, is damaged, or of a kind that is not read; convert it to WAV or FLAC"

_BITRATES = {  # kbit/s of layer III by version bits: MPEG 2.5, 2, 1; 0 where the size of a frame does not follow
    0: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
}
_RATES = {0: (11025, 12000, 8000), 2: (22050, 24000, 16000), 3: (44100, 48000, 32000)}  # Hz
_SAME = 0xFFFE0C00  # bits of a header that all frames of a file share: sync word, version, layer, sample rate

_JUNK = 0.05  # of a file's bytes, behind the last frame: unknown tags, padding
_TAIL = 6000  # bytes: more than the longest Lyrics3 version 1
_INFO_ROOM = 120  # bytes from the tag of Xing to the end of its frame, or libmpg123 does not take it for one
_ID3V1 = 128  # bytes
_GAP = 2**24  # bytes: no further is looked for frames behind one


@dataclass(frozen=True)
class _Kind:
    """What all frames of a file have in common.

    Raises:
        ValueError: the header (32 bits) is not one of layer III.
    """

    header: int

    def __post_init__(self):
        if not (self._version in _RATES and self.header >> 17 & 3 == 1 and self.header >> 10 & 3 < 3):
            raise ValueError(f"{self.header:#x} is no header of an MP3 frame")

    @property
    def _version(self) -> int:
        return self.header >> 19 & 3

    @property
    def rate(self) -> int:
        """Hz."""
        return _RATES[self._version][self.header >> 10 & 3]

    @property
    def samples(self) -> int:
        """Of a frame, in each channel."""
        return 1152 if self._version == 3 else 576

    @property
    def sizes(self) -> Sequence[int]:
        """Bytes of an unpadded frame by the four bits of its bit rate; 0: there is none."""
        return [self.samples // 8 * 1000 * bitrate // self.rate for bitrate in _BITRATES[self._version]]

    @property
    def info(self) -> int:
        """Where in a frame the tag of Xing has to begin: behind the header and the side information."""
        mono = self.header >> 6 & 3 == 3
        return 4 + ((17 if mono else 32) if self._version == 3 else (9 if mono else 17))

    def info_frame(self) -> bytes:
        """A frame with a tag yet to be filled in."""
        header = self.header & 0xFFFF0DFF | 0x00019000  # neither checksum nor padding, a middling bit rate
        frame = struct.pack(">I", header).ljust(self.info, b"\0") + b"Info" + struct.pack(">I", 3)
        return frame.ljust(self.sizes[header >> 12 & 15], b"\0")


@dataclass(frozen=True)
class _Frames:
    """The frames of a file, side by side from `start` to `end`."""

    kind: _Kind
    start: int  # bytes, as the next
    end: int
    count: int
    first: bytes
    rest: int  # bytes up to the tags at the end of the file
    broken: bool  # a frame begins at `end` that is not all there

    @property
    def info(self) -> int:
        """Where in the first frame the tag of Xing or LAME does begin; -1: there is none."""
        return max(self.first.find(name, 13, 46) for name in (b"Xing", b"Info"))

    @property
    def audible(self) -> int:
        return max(0, self.count - (self.info >= 0))  # a tag's frame may be cut itself

    @property
    def info_is_read(self) -> bool:
        """Whether libmpg123 will know the tag."""
        is_in_place = self.info == self.kind.info and not any(self.first[6 : self.info])
        return is_in_place and self.stated()[0] > 0 and len(self.first) >= self.info + _INFO_ROOM

    @property
    def seconds(self) -> float:
        return self.audible * self.kind.samples / self.kind.rate

    def stated(self) -> tuple[int, int]:
        """Frames and bytes by the tag; 0: it does not say."""
        if self.info < 0:
            return 0, 0
        flags, frames, size = struct.unpack(">4xIII", self.first[self.info :].ljust(16, b"\0")[:16])
        return frames * (flags & 1), size * (flags & 3 == 3)


class _Spliced(io.RawIOBase):
    """Parts of files (file, offset, length) as one file."""

    def __init__(self, parts: Sequence[tuple[BinaryIO, int, int]]):
        self._parts = parts
        self._size = sum(length for _, _, length in parts)
        self._position = 0

    def readinto(self, buffer: memoryview) -> int:
        into = memoryview(buffer).cast("B")
        before = done = 0
        for file, offset, length in self._parts:
            inside = self._position - before
            before += length
            if 0 <= inside < length and done < len(into):
                file.seek(offset + inside)
                got = file.readinto(into[done : done + length - inside])
                done, self._position = done + got, self._position + got
        return done

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence])
        return self._position

    def tell(self) -> int:
        return self._position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def checked(file: BinaryIO) -> BinaryIO | None:
    """What libsndfile should decode instead of this file, if it is an MP3; reads from `file`, which must stay open.

    Args:
        file: unbuffered; it is rewound.

    Returns:
        None: the file is no MP3.

    Raises:
        UserError: damaged, cut short, or with frames behind the number that its tag states.
    """
    buffered = io.BufferedReader(file, 2**16)
    try:
        size = buffered.seek(0, io.SEEK_END)
        start = _behind_id3v2(buffered)
        head = _header(buffered, start)
        if head >> 21 != 0x7FF or not head >> 17 & 3:  # no sync word, or AAC
            return None
        frames = _walk(buffered, start, _before_tags(buffered, size))
        _refuse_damage(buffered, frames, size)
        buffered.seek(max(0, size - _ID3V1))
        return _spliced(file, frames, buffered.read())
    finally:
        buffered.detach().seek(0)


def _header(file: BinaryIO, position: int) -> int:
    file.seek(position)
    return int.from_bytes(file.read(4).ljust(4, b"\0"), "big")


def _behind_id3v2(file: BinaryIO) -> int:
    position = 0
    while True:
        file.seek(position)
        tag = file.read(10)
        if len(tag) < 10 or not tag.startswith(b"ID3"):
            return position
        size = sum(byte << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0), strict=True))
        position += 10 + size + (10 if tag[5] & 16 else 0)  # and a footer


def _before_tags(file: BinaryIO, end: int) -> int:
    """Where the tags at the end of a file begin."""
    while True:
        file.seek(max(0, end - _TAIL))
        length = _tag_length(file.read(min(end, _TAIL)))
        if not 0 < length <= end:
            return end
        end -= length


def _tag_length(tail: bytes) -> int:
    """Bytes of the tag that ends here: ID3v1, APE, Lyrics3 version 2 or 1; 0: none."""
    if tail[-_ID3V1:].startswith(b"TAG"):
        return _ID3V1
    if tail[-32:].startswith(b"APETAGEX"):
        size, flags = struct.unpack("<12xI4xI8x", tail[-32:])
        return size + (32 if flags >> 31 else 0)  # a header, too
    if tail.endswith(b"LYRICS200") and tail[-15:-9].isdigit():
        return int(tail[-15:-9]) + 15
    if tail.endswith(b"LYRICSEND") and b"LYRICSBEGIN" in tail:
        return len(tail) - tail.rindex(b"LYRICSBEGIN")
    return 0


def _walk(file: BinaryIO, start: int, end: int) -> _Frames:
    try:
        kind = _Kind(_header(file, start))
    except ValueError:
        raise UserError(NO_AUDIO) from None
    sizes, position, count, broken = kind.sizes, start, 0, False
    first_size = _size(kind, sizes, kind.header)
    while size := _size(kind, sizes, _header(file, position)):
        if broken := position + size > end:
            break
        position += size
        count += 1
    file.seek(start)
    return _Frames(kind, start, position, count, file.read(first_size), end - position, broken)


def _size(kind: _Kind, sizes: Sequence[int], header: int) -> int:
    """Bytes of the frame with this header; 0: it is no frame of this file."""
    size = 0 if (header ^ kind.header) & _SAME else sizes[header >> 12 & 15]
    return size and size + (header >> 9 & 1)


def _refuse_damage(file: BinaryIO, frames: _Frames, size: int) -> None:
    stated, stated_bytes = frames.stated()
    missing = stated - frames.audible
    if missing == 1 and frames.end - frames.start >= stated_bytes:
        missing = 0  # some writers, e.g. mp3splt, count the frame of the tag
    if not stated and frames.count < 2 and frames.rest:
        raise UserError(NO_AUDIO)
    if (not stated and not frames.broken and frames.rest > _JUNK * size) or _goes_on(file, frames):
        raise UserError(f"is damaged at {frames.seconds:.2f} s; copy or download it again, or convert it to WAV")
    if missing > 0:
        raise UserError(
            f"is cut short, {frames.audible} of the {stated} MPEG frames that its header states; "
            "copy or download it again"
        )
    if frames.broken and not stated:
        raise UserError(
            f"is cut short, its last frame, at {frames.seconds:.2f} s, is not all there; "
            "copy or download it again, or convert it to WAV"
        )
    if stated and missing < -1:
        raise UserError(
            f"holds {frames.audible} MPEG frames where its header states {stated}; convert it to WAV, "
            "or join its parts again"
        )


def _goes_on(file: BinaryIO, frames: _Frames) -> bool:
    """Whether two frames in a row, or one at the very end, lie behind the gap."""
    file.seek(frames.end + 1)
    rest = file.read(min(max(0, frames.rest - 1), _GAP))
    sizes = frames.kind.sizes
    for sync in re.finditer(rb"(?=(\xff[\xe0-\xff]..))", rest, re.DOTALL):
        size = _size(frames.kind, sizes, int.from_bytes(sync[1], "big"))
        end = sync.start() + size
        if size and (end == len(rest) or _size(frames.kind, sizes, int.from_bytes(rest[end : end + 4], "big"))):
            return True
    return False


def _spliced(file: BinaryIO, frames: _Frames, last: bytes) -> _Spliced:
    """ID3v2, the tag with true numbers, the frames, ID3v1: libsndfile reads the titles in the first and the last."""
    info = frames.kind.info
    behind = frames.start + (len(frames.first) if frames.info >= 0 else 0)
    frame = bytearray(frames.first if frames.info_is_read else frames.kind.info_frame())
    id3v1 = last if last.startswith(b"TAG") else b""
    frame[info + 8 : info + 12] = struct.pack(">I", frames.audible)
    if frame[info + 7] & 2:
        frame[info + 12 : info + 16] = struct.pack(">I", len(frame) + frames.end - behind)
    return _Spliced(
        [
            (file, 0, frames.start),
            (io.BytesIO(frame), 0, len(frame)),
            (file, behind, frames.end - behind),
            (io.BytesIO(id3v1), 0, len(id3v1)),
        ]
    )
