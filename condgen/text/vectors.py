"""Sentence vectors, computed once: on disk by encoder and text, for every later run."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from condgen.errors import UserError
from condgen.runtime.progress import Progress
from condgen.text.encoder import SentenceEncoder

CACHE = "CONDGEN_CACHE"
"""The environment variable that names another cache folder."""

KEPT_AT_ONCE = 1024  # vectors: what a killed process has computed and loses
PATIENCE = 60  # seconds that one process waits for another's writing


def cache_folder() -> Path:
    """Where vectors are kept: CONDGEN_CACHE, or the platform's place for caches."""
    import pooch

    stated = os.environ.get(CACHE)
    return Path(stated).expanduser() if stated else Path(pooch.os_cache("condgen"))


def sentence_vectors(encoder: SentenceEncoder, sentences: Sequence[str], *, cache: Path | None = None) -> Tensor:
    """Sentences -> vectors (N, width), fp32 on the CPU; computed are only those that no run has computed before.

    Any number of processes may do this at the same time. A damaged cache is made anew; where none can be kept, all
    is computed, and a line on stderr says so.

    Args:
        cache: folder; without one, `cache_folder()`.

    Raises:
        UserError: as `SentenceEncoder.tokenize`.
    """
    path = (cache or cache_folder()) / "sentences" / f"{encoder.identity()}.sqlite"
    texts = list(dict.fromkeys(sentences))
    found: dict[str, np.ndarray] = {}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        found = _read(path, texts, encoder.width)
        keep = True
    except (OSError, sqlite3.Error) as problem:
        keep = _warn(path, problem)
    missing = [text for text in texts if text not in found]
    starts = range(0, len(missing), KEPT_AT_ONCE)
    label = f"sentence vectors, {KEPT_AT_ONCE:,} at a time"
    with Progress(label, len(starts), silent=len(starts) < 2) as progress:
        for start in starts:
            portion = missing[start : start + KEPT_AT_ONCE]
            computed = dict(zip(portion, encoder.encode(portion).numpy(), strict=True))
            found |= computed
            keep = keep and _kept(path, computed)
            progress.advance()
    vectors = np.stack([found[text] for text in sentences]) if len(sentences) else np.empty((0, encoder.width), "f4")
    return torch.from_numpy(vectors)


def require_readable(encoder: SentenceEncoder, sentences: Iterable[str]) -> None:
    """Complain of the first sentence that the encoder cannot read, ahead of a long computation.

    Raises:
        UserError: as `SentenceEncoder.tokenize`.
    """
    for sentence in dict.fromkeys(sentences):
        try:
            encoder.tokenize([sentence])
        except UserError as problem:
            raise UserError(f"caption {sentence!r}: {problem}") from None


def _kept(path: Path, computed: dict[str, np.ndarray]) -> bool:
    """Write vectors; whether that worked."""
    try:
        _write(path, computed)
    except (OSError, sqlite3.Error) as problem:
        return _warn(path, problem)
    return True


def _warn(path: Path, problem: Exception) -> bool:
    print(f"condgen: sentence vectors are not kept in {path.parent} ({problem}); set {CACHE}=FOLDER", file=sys.stderr)
    return False


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=PATIENCE)
    try:
        with connection:
            connection.execute("CREATE TABLE IF NOT EXISTS vectors (text BLOB PRIMARY KEY, vector BLOB NOT NULL)")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _read(path: Path, texts: Sequence[str], width: int) -> dict[str, np.ndarray]:
    """The vectors that are there. A file that is no database is deleted, and so made anew."""
    try:
        return _select(path, texts, width)
    except sqlite3.OperationalError:  # locked, not to be written to, disk full: nothing is wrong with the file
        raise
    except sqlite3.DatabaseError:
        path.unlink(missing_ok=True)
        return _select(path, texts, width)


def _select(path: Path, texts: Sequence[str], width: int) -> dict[str, np.ndarray]:
    found = {}
    with closing(_connected(path)) as connection:
        for text in texts:
            row = connection.execute("SELECT vector FROM vectors WHERE text = ?", (_key(text),)).fetchone()
            vector = np.frombuffer(row[0], dtype="<f4") if row else None
            if vector is not None and len(vector) == width and np.isfinite(vector).all():
                found[text] = vector
    return found


def _write(path: Path, computed: dict[str, np.ndarray]) -> None:
    rows = [(_key(text), vector.astype("<f4").tobytes()) for text, vector in computed.items()]
    with closing(_connected(path)) as connection, connection:
        connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)


def _key(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
