"""What is said of files that cannot be written, and checksums."""

from __future__ import annotations

import errno

import pytest

from condgen.data.files import reason, sha256_of, writing
from condgen.errors import UserError


def test_the_checksum_of_three_letters(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_what_the_system_refuses_is_one_line(tmp_path):
    with pytest.raises(UserError, match="out cannot be written: Not a directory"), writing(tmp_path / "out"):
        raise OSError(errno.ENOTDIR, "Not a directory")
    with pytest.raises(ValueError, match="of our own"), writing(tmp_path / "out"):
        raise ValueError("of our own")


def test_a_full_disk_has_another_remedy_than_a_bad_place():
    assert reason(OSError(errno.EDQUOT, "Disk quota exceeded")) == "the disk is full; free some space"
    assert reason(OSError(errno.EROFS, "Read-only file system")) == "Read-only file system; choose another place"
    assert reason(RuntimeError("no such codec")) == "no such codec; choose another place"
