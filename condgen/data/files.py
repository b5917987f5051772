"""Files that are opened with a clear word, and files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from condgen.errors import UserError


def opened(path: Path, what: str) -> BinaryIO:
    """A file that is there and holds something, for reading.

    Args:
        what: it should be, e.g. "an image".

    Raises:
        UserError: it is missing, empty, a folder, a pipe or a device, or cannot be read.
    """
    try:
        kind = os.stat(path).st_mode  # ahead of opening, which waits for ever at a pipe without a writer
        if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
            raise UserError(f"{path}: is a pipe or a device; write it to a file first")
        file = open(path, "rb", buffering=0)  # noqa: SIM115, the caller closes it
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder, not {what}") from None
    except OSError as problem:
        raise UserError(f"{path}: cannot be read ({problem.strerror}); check its permissions and the disk") from None
    if os.fstat(file.fileno()).st_size:
        return file
    file.close()
    raise UserError(f"{path}: is empty (0 bytes); copy or download it again")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def writing(output: Path) -> Iterator[None]:
    """Inside, files are written below a folder; what the system refuses becomes one line that names the folder.

    Raises:
        UserError: see above.
    """
    try:
        yield
    except OSError as problem:
        raise UserError(f"{output} cannot be written: {problem.strerror or problem}") from None


def reason(problem: Exception) -> str:
    """Why a file cannot be written, and what to do about it."""
    if isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; free some space"
    return f"{getattr(problem, 'strerror', None) or problem}; choose another place"


def write_atomically(path: Path, content: bytes | memoryview) -> None:
    """Write under a temporary name in the same folder, bring it to the disk, then rename it to `path`.

    Raises:
        UserError: the folder is missing or cannot be written to, or the disk is full; what was at `path` stays.
    """
    temporary = path.with_name(f".{secrets.token_hex(6)}.part")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no folder {path.parent}; create it first") from None
    except OSError as problem:
        raise UserError(f"{path}: cannot be written: {reason(problem)}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
