"""From two folders of ready pairs to aligned noisy and clean files with a manifest."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from condgen.data.manifest import Split
from condgen.data.mixing import without_overload
from condgen.data.preparation import Prepared, unique_name
from condgen.data.recordings import fault, find_recordings, load, speaker_of
from condgen.data.speech_folder import CLEAN, MINIMUM_SPEECH, NOISY, Row, SpeechFolder, speaker_field
from condgen.errors import UserError


@dataclass(frozen=True)
class SpeechPair:
    """The same speech, noisy and clean."""

    noisy: Path
    clean: Path


def find_pairs(noisy: Path, clean: Path) -> tuple[list[SpeechPair], list[str]]:
    """The files of two folders that have the same name without its ending, and a line for each that has no partner.

    Raises:
        UserError: a folder is missing or has no audio files, or no two names are the same.
    """
    by_name: list[dict[str, Path]] = []
    left_out = []
    for folder in (noisy, clean):
        named: dict[str, Path] = {}
        for recording in find_recordings([folder], speaker_of):
            first = named.setdefault(recording.path.stem, recording.path)
            if first != recording.path:
                left_out.append(f"{recording.path}: has the name of {first}")
        by_name.append(named)
    for one, other, side in ((*by_name, CLEAN), (*reversed(by_name), NOISY)):
        left_out += [f"{one[name]}: has no {side} partner" for name in one if name not in other]
    pairs = [SpeechPair(path, by_name[1][name]) for name, path in by_name[0].items() if name in by_name[1]]
    if not pairs:
        raise UserError(f"no file of {noisy} has the name of one in {clean}; partners must have the same name")
    return pairs, left_out


def prepare_pairs(
    pairs: Mapping[Split, Sequence[SpeechPair]], output: Path, *, sample_rate: int = 16000, left_out: Sequence[str] = ()
) -> Prepared:
    """Resample ready pairs, write them below `output` as 16-bit FLAC, and the manifest last.

    Left out are pairs of which a file cannot be read, is silent or too short, or that are not equally long; `left_out`
    are lines about files that were so already.

    Raises:
        UserError: a split has no pairs left, the sample rate is out of range, or `output` cannot be written.
    """
    folder = SpeechFolder(output, sample_rate)
    folder.start()
    names: set[str] = set()
    jobs = [
        functools.partial(_written, folder, unique_name(pair.clean.stem, names), split, pair)
        for split, some in pairs.items()
        for pair in some
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = folder.carry_out(jobs, pool)
    rows = [row for row in made if not isinstance(row, str)]
    present = {row["split"] for row in rows}
    for split in pairs:
        if split not in present:
            raise UserError(f"no pair is left for {split}")
    return folder.finish(rows, [*left_out, *(line for line in made if isinstance(line, str))])


def _written(folder: SpeechFolder, name: str, split: Split, pair: SpeechPair) -> Row | str:
    """The row of a pair, or a line about why it is left out."""
    from condgen.data.audio import Reader

    signals = []
    for path in (pair.noisy, pair.clean):
        try:
            signals.append(load(path, folder.sample_rate))
        except UserError as problem:
            return str(problem)
        if reason := fault(signals[-1], folder.sample_rate, MINIMUM_SPEECH):
            return f"{path}: {reason}"
    noisy, clean = signals
    if len(noisy) != len(clean):
        return f"{pair.noisy}: {len(noisy)} samples, but {pair.clean} has {len(clean)}: not aligned"
    with Reader(pair.clean) as reader:
        rate = reader.form.sample_rate
    about = {**speaker_field(pair.clean), "source": pair.clean.stem}
    if rate != folder.sample_rate:
        about |= {"source_rate": rate, "resampler": "soxr HQ"}
    noisy, clean = without_overload(noisy, clean)
    return folder.add(split, (noisy, name), (clean, name), about)
