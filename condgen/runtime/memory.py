"""How the C library deals with memory that was freed."""

from __future__ import annotations

import ctypes
import platform

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_LARGE = 2**30


def keep_freed_memory() -> None:
    """Have this process keep large blocks that it frees, for the next of their kind; only glibc can be told so.

    By default glibc gives each back to the system, and every training step asks for all of them anew, page by page:
    7 % of the time of a small network's steps on a CPU, half of that of TFGAN at paper size. The process then never
    shrinks, and holds up to a third more than without.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        for parameter in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
            library.mallopt(parameter, _LARGE)
