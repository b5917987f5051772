"""Downloads of data sets: checked before they get their name, resumed where they broke off, replaceable by own copies.

Addresses, sizes, checksums and licences are data: one TOML file, `data_prep/sources.toml`.
"""

from __future__ import annotations

import logging
import re
import shutil
import tarfile
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from condgen.errors import UserError

CHUNK = 2**20
TIMEOUT = 30  # seconds without a byte


@dataclass(frozen=True)
class Origin:
    """One place that a file can be had from. Size and checksum are 0 and empty where none is published."""

    url: str
    size: int = 0  # bytes
    sha256: str = ""


@dataclass(frozen=True)
class Source:
    """One published file."""

    name: str
    title: str
    page: str
    licence: str
    file: str
    origins: tuple[Origin, ...]

    def by_hand(self) -> str:
        """What the user can do when no download works."""
        return f"fetch {self.file} by hand (see {self.page}) and give it with --archive"


def read_sources(path: Path) -> dict[str, Source]:
    """The sources of a TOML file, by name."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        name: Source(name, origins=tuple(Origin(**origin) for origin in table.pop("from")), **table)
        for name, table in tables.items()
    }


def obtain(source: Source, folder: Path, own: Path | None = None) -> Path:
    """The source's file on this disk: the user's own copy if given, else from `folder`, else downloaded into it.

    Raises:
        UserError: the own copy is not the published file, or no origin delivers it; says what to place where.
    """
    if own is not None:
        return _verified(own, source)
    problems = []
    for origin in source.origins:
        target = folder / (source.file if origin is source.origins[0] else f"{source.name}-{_last_part(origin.url)}")
        try:
            _fetch(origin, target)
            _refuse_other_size(target, origin)
            return target
        except (OSError, ValueError) as problem:  # requests' exceptions are OSErrors; a wrong checksum is a ValueError
            problems.append(f"{origin.url}: {_reason(problem)}")
    raise UserError(f"{source.name} could not be downloaded ({'; '.join(problems)}); {source.by_hand()}")


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a zip or tar archive into `folder`, which appears only when all is there; kept when it exists already.

    Raises:
        UserError: the archive is damaged, of another kind, or the disk is full.
    """
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as work:
        try:
            if zipfile.is_zipfile(archive):
                with zipfile.ZipFile(archive) as opened:
                    opened.extractall(work)
            else:
                with tarfile.open(archive) as opened:
                    opened.extractall(work, filter="data")
        except (OSError, tarfile.TarError, zipfile.BadZipFile, EOFError, RuntimeError) as problem:
            raise UserError(f"{archive} cannot be unpacked: {_reason(problem)}") from None
        shutil.copytree(work, folder, copy_function=shutil.move) if _is_mount(work) else Path(work).rename(folder)
        Path(work).mkdir()  # the context manager removes it
    folder.chmod(0o755)
    return folder


def _fetch(origin: Origin, target: Path) -> None:
    import pooch

    pooch.get_logger().setLevel(logging.WARNING)
    known = {target.name: f"sha256:{origin.sha256}" if origin.sha256 else None}
    store = pooch.create(target.parent, origin.url, registry=known, urls={target.name: origin.url}, retry_if_failed=2)
    store.fetch(target.name, downloader=ResumingDownloader(target.with_name(f".{target.name}.part")))
