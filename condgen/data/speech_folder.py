"""The folder that a preparation of noisy and clean speech writes: 16-bit FLAC files, and a manifest that comes last."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from condgen.data.files import writing
from condgen.data.manifest import Split, write
from condgen.data.preparation import MANIFEST, Prepared, with_progress
from condgen.data.recordings import named_speaker
from condgen.errors import UserError

CLEAN, NOISY = "clean", "noisy"  # what the folder holds, beside the manifest
MINIMUM_SPEECH = 0.5  # seconds
LOWEST_RATE, HIGHEST_RATE = 1000, 655_350  # Hz; the latter is what FLAC can hold

Row = dict[str, Any]


@dataclass(frozen=True)
class SpeechFolder:
    """A folder in the making.

    Raises:
        UserError: FLAC cannot hold the sample rate, or nobody means it.
    """

    path: Path
    sample_rate: int  # Hz, of every file

    def __post_init__(self):
        if not LOWEST_RATE <= self.sample_rate <= HIGHEST_RATE:
            raise UserError(
                f"the sample rate must lie between {LOWEST_RATE} and {HIGHEST_RATE} Hz, got {self.sample_rate}"
            )

    def start(self) -> None:
        """Without the manifest of an earlier run, whose files are about to be replaced."""
        with writing(self.path):
            (self.path / MANIFEST).unlink(missing_ok=True)

    def carry_out(self, jobs: Sequence[Callable[[], Any]], pool: Executor) -> list:
        """What the jobs return, which write the files."""
        with writing(self.path):
            return list(with_progress(pool.map(lambda job: job(), jobs), "writing pairs", len(jobs)))

    def add(self, split: Split, noisy: tuple[np.ndarray, str], clean: tuple[np.ndarray, str], about: Row) -> Row:
        """Write a pair, each side a signal (samples,) in [-1, 1] and its name; its row of the manifest."""
        row: Row = {"split": str(split)}
        for side, (signal, name) in ((NOISY, noisy), (CLEAN, clean)):
            content = _flac(signal, self.sample_rate)
            row[side] = f"{side}/{name}.flac"
            row[f"{side}_sha256"] = hashlib.sha256(content).hexdigest()
            path = self.path / row[side]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return row | about

    def finish(self, rows: Sequence[Row], left_out: Sequence[str]) -> Prepared:
        """Write the manifest."""
        write(self.path / MANIFEST, rows)
        counts = {split: sum(row["split"] == split for row in rows) for split in Split}
        counts = {split: count for split, count in counts.items() if count}
        return Prepared(self.path / MANIFEST, counts, tuple(left_out), what="pairs", sources="files")


def speaker_field(path: Path) -> Row:
    """Only what is known goes into a row: two folders of one name need not hold one speaker."""
    speaker = named_speaker(path)
    return {"speaker": speaker} if speaker else {}


def _flac(signal: np.ndarray, sample_rate: int) -> bytes:
    """16-bit FLAC: the samples of a 16-bit file come out as they went in."""
    import soundfile

    samples = np.rint(signal * 2**15).clip(-(2**15), 2**15 - 1).astype(np.int16)
    content = io.BytesIO()
    soundfile.write(content, samples, sample_rate, format="FLAC", subtype="PCM_16")
    return content.getvalue()
