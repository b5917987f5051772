"""Whether a video file is all there, by what its own header promises: decoders take what is left and say nothing."""

from __future__ import annotations

import os
from typing import BinaryIO

from condgen.errors import UserError

_ISO_BOXES = (b"ftyp", b"moov", b"moof", b"mdat")  # of mp4 and mov (ISO/IEC 14496-12); others can be junk at the end
_ISO_FIRST = (*_ISO_BOXES, b"wide", b"free", b"skip")
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"  # of mkv and webm (RFC 8794, RFC 9559)
_RIFF_SLACK = 8  # bytes: some writers of AVI count the header itself


def refuse_cut(file: BinaryIO) -> None:
    """Refuse a cut mp4, mov, mkv, webm or avi file; of other kinds nothing is known. The file is rewound afterwards.

    Raises:
        UserError: there are fewer bytes than promised.
    """
    there = os.fstat(file.fileno()).st_size
    magic = file.read(12)
    promised = 0
    if magic[4:8] in _ISO_FIRST:
        promised = _iso_end(file, there)
    elif magic[:4] == _EBML:
        promised = _segment_end(file)
    elif magic[:4] == b"RIFF":
        promised = _riff_end(file, there)
    file.seek(0)
    if promised > there:
        raise UserError(f"is cut short, {there} of the {promised} bytes that it promises; copy or download it again")


def _iso_end(file: BinaryIO, there: int) -> int:
    position, end = 0, 0
    while position + 8 <= there:
        file.seek(position)
        header = file.read(16)
        length, name = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:], "big")
        if length < 8:  # 0: it reaches to the end, wherever that is
            break
        position += length
        if name in _ISO_BOXES:
            end = position
    return end


def _riff_end(file: BinaryIO, there: int) -> int:
    """Of an AVI, which has several such parts where it is larger than 1 GiB."""
    position, end = 0, 0
    while position + 8 <= there:
        file.seek(position)
        header = file.read(8)
        length = int.from_bytes(header[4:], "little")
        if header[:4] != b"RIFF" or length in (0, 2**32 - 1):  # a stream, whose header was never completed
            break
        position += 8 + length + length % 2
        end = position - _RIFF_SLACK
    return end


def _segment_end(file: BinaryIO) -> int:
    file.seek(len(_EBML))
    length = _ebml_length(file)
    if length is None:
        return 0
    file.seek(length, os.SEEK_CUR)
    if file.read(len(_SEGMENT)) != _SEGMENT:
        return 0
    length = _ebml_length(file)
    return 0 if length is None else file.tell() + length


def _ebml_length(file: BinaryIO) -> int | None:
    """A number whose leading zero bits say how many bytes it has; None where it says that it is not known."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    width = 9 - first[0].bit_length()
    value = int.from_bytes(first + file.read(width - 1), "big") - (1 << 7 * width)
    return None if value == (1 << 7 * width) - 1 else value
