"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path

from condgen.errors import UserError


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
        full = problem.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "the disk is full; free some space" if full else f"{problem.strerror}; choose another place"
        raise UserError(f"{path}: cannot be written: {reason}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
