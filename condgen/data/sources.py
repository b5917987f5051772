"""Downloads of data sets: checked before they get their name, resumed where they broke off, replaceable by own copies.

Addresses, sizes, checksums and licences are data: one TOML file, `data_prep/sources.toml`.
"""

from __future__ import annotations

import logging
import sys
import tarfile
import tempfile
import tomllib
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from condgen.data.files import sha256_of
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
        return f"fetch {self.file} by hand (see {self.page}) and tell this script where it is (see --help)"


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
        target = folder / (source.file if origin.sha256 else f"{source.name}-{origin.url.rsplit('/', 1)[-1]}")
        try:
            _fetch(source, origin, target)
            return target
        except (OSError, ValueError) as problem:  # requests' exceptions are OSErrors; a wrong checksum is a ValueError
            problems.append(f"{origin.url}: {_reason(problem)}")
    raise UserError(f"{source.name} could not be downloaded ({'; '.join(problems)}); {source.by_hand()}")


def unpacked(source: Source, folder: Path, own: Path | None = None) -> Path:
    """The source as a folder: the user's own if `own` is one, else its archive (see `obtain`), unpacked into `folder`.

    Raises:
        UserError: as `obtain` and `unpack`.
    """
    if own is not None and own.is_dir():
        return own
    target = folder / source.name
    return target if target.is_dir() else unpack(obtain(source, folder, own), target)


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a zip or tar archive into `folder`, which appears only when all is there; kept when it exists already.

    Raises:
        UserError: the archive is damaged, of another kind, or the disk is full.
    """
    if folder.exists():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as work:
            new = Path(work, "new")
            if zipfile.is_zipfile(archive):
                with zipfile.ZipFile(archive) as opened:
                    opened.extractall(new)
            else:
                with tarfile.open(archive) as opened:
                    opened.extractall(new, filter="data")
            new.rename(folder)
    except (OSError, tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as problem:
        raise UserError(f"{archive} cannot be unpacked into {folder}: {_reason(problem)}") from None
    return folder


def _fetch(source: Source, origin: Origin, target: Path) -> None:
    """Say what it is, download, check, and only then give the name; a file of that name that passes the check stays."""
    import pooch

    if not target.exists():
        print(f"{source.title}: {source.licence}", file=sys.stderr)
    pooch.get_logger().setLevel(logging.WARNING)
    known = {target.name: f"sha256:{origin.sha256}" if origin.sha256 else None}
    store = pooch.create(target.parent, base_url="", registry=known, urls={target.name: origin.url})
    store.fetch(target.name, downloader=_ResumingDownloader(target.with_name(f".{target.name}.part"), origin.size))


class _ResumingDownloader:
    """A downloader for pooch that goes on where an earlier try broke off, and takes no web page for a file."""

    def __init__(self, part: Path, size: int):
        self.part, self.size = part, size

    def __call__(self, url: str, output_file: str, _: Any) -> None:
        import requests

        for tries_left in (2, 1, 0):
            try:
                self._continue(url)
                break
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
                if not tries_left:
                    raise
        self.part.replace(output_file)

    def _continue(self, url: str) -> None:
        import requests

        have = self.part.stat().st_size if self.part.exists() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                if have == self.size:
                    return
                self.part.unlink()
                raise requests.ConnectionError("the partial file was no part of the file; starting over")
            response.raise_for_status()
            if response.headers.get("Content-Type", "").startswith("text/html"):
                raise ValueError("a web page came in place of the file")
            resumed = response.status_code == requests.codes.partial_content
            rest = int(response.headers.get("Content-Length", 0))
            total = rest + (have if resumed else 0) if rest else 0
            if self.size and total and total != self.size:
                self.part.unlink(missing_ok=True)
                raise ValueError(f"the file there has {total} bytes, the published one {self.size}")
            with self.part.open("ab" if resumed else "wb") as file:
                _copy(response, file, done=have if resumed else 0, total=total)


def _copy(response: Any, file: IO[bytes], done: int, total: int) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=total or None, completed=done)
        for chunk in response.iter_content(CHUNK):
            file.write(chunk)
            progress.update(bar, advance=len(chunk))


def _verified(own: Path, source: Source) -> Path:
    if not own.is_file():
        raise UserError(f"there is no file {own}; {source.by_hand()}")
    if not any(_is_from(own, origin) for origin in source.origins):
        raise UserError(f"{own} is not the published {source.file}: size or checksum differ; {source.by_hand()}")
    return own


def _is_from(own: Path, origin: Origin) -> bool:
    if origin.size and own.stat().st_size != origin.size:
        return False
    if not origin.sha256:
        return zipfile.is_zipfile(own) or tarfile.is_tarfile(own)
    return sha256_of(own) == origin.sha256


def _reason(problem: BaseException) -> str:
    text = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
    return "its checksum is not the published one" if "does not match the known hash" in text else text
