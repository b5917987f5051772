"""Recordings of two speakers, or of two groups of speakers, to a manifest for voice conversion.

Voice a and voice b are folders (searched to the bottom), single files, or patterns in quotes such as 'vctk/p225_*.wav';
or the two values of a column of a table (CSV) with the column `file` beside it, and `split` and `speaker` if it has
them; or made up. They need not say the same. All is resampled (soxr) to mono FLAC. Left out for validation are whole
speakers where both voices have five or more, else recordings; a table's own splits stay.
"""

from __future__ import annotations

import csv
import hashlib
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from _script import Output, report, run

from condgen.data.audio import Form
from condgen.data.audio_output import Writer
from condgen.data.manifest import Split
from condgen.data.preparation import Prepared, unique_name
from condgen.data.recordings import Recording, Sieve, find_recordings, hold_out, load, named_speaker, speaker_of
from condgen.data.speech_folder import MINIMUM_SPEECH, Row, SpeechFolder
from condgen.data.synthetic_speech import Speaker, utterance
from condgen.errors import UserError

DOMAINS = ("a", "b")
SPLITS = {"train": Split.TRAIN, "test": Split.TEST} | dict.fromkeys(("validation", "valid", "val", "dev"), "validation")
MANY_SPEAKERS = 5
MADE_UP = {"low": Speaker(110, 1.0), "high": Speaker(210, 1.15)}  # pitch in Hz, scale of the formants
ADVICE = "give more of them, or --fraction 0 for none"


class HeldOut(StrEnum):
    SPEAKER = "speaker"
    RECORDING = "recording"


@dataclass(frozen=True)
class Voice:
    """One side: who it is, and its recordings; where they are split already, with their splits."""

    group: str
    recordings: list[Recording]  # of which the group is the speaker
    splits: list[Split] | None = None


def voices(
    output: Output,
    places: Annotated[list[str] | None, typer.Argument(help="Voice a, and voice b.", metavar="A B")] = None,
    table: Annotated[Path | None, typer.Option(help="A table of recordings, in place of A and B.")] = None,
    by: Annotated[str, typer.Option(help="Its column that tells the voices apart, e.g. sex.")] = "group",
    synthetic: Annotated[bool, typer.Option("--synthetic", help="A low and a high voice, made up.")] = False,
    held_out: Annotated[HeldOut | None, typer.Option(help="What is left out for validation.")] = None,
    fraction: Annotated[float, typer.Option(help="Part of them.")] = 0.1,
    train: Annotated[int, typer.Option(min=1, help="Made-up training recordings of each voice.")] = 16,
    validation: Annotated[int, typer.Option(min=1, help="Made-up validation recordings of each voice.")] = 4,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="Duration of each.")] = 3.0,
    sample_rate: Annotated[int, typer.Option(help="In Hz.")] = 16000,
    seed: Annotated[int, typer.Option(min=0, help="The same command with the same seed writes the same bytes.")] = 0,
) -> None:
    if [len(places or []) == 2, table is not None, synthetic].count(True) != 1 or len(places or []) not in (0, 2):
        raise UserError("give two voices, A and B, or --table, or --synthetic")
    folder = SpeechFolder(output, sample_rate)
    with ExitStack() as stack:
        if synthetic:
            made = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            pair = [made_up(made, name, train, validation, seconds, folder.sample_rate, seed) for name in MADE_UP]
        elif table is not None:
            pair = in_table(table, by)
        else:
            earlier = [output / domain for domain in DOMAINS]
            pair = [
                Voice(Path(place).name, find_recordings([Path(place)], speaker_of, without=earlier)) for place in places
            ]
        chosen = held_out or usual(pair)
        report(prepare(pair, folder, held_out=chosen, fraction=fraction, seed=seed))
    for domain, voice in zip(DOMAINS, pair, strict=True):
        speakers = len({one.group for one in voice.recordings})
        print(f"{domain}: {voice.group}, {speakers} speaker{'s' if speakers > 1 else ''}")
    if not synthetic and pair[0].splits is None and fraction:
        print(f"held out for validation: by {chosen}")


def usual(pair: Sequence[Voice]) -> HeldOut:
    several = all(len({one.group for one in voice.recordings}) >= MANY_SPEAKERS for voice in pair)
    return HeldOut.SPEAKER if several else HeldOut.RECORDING


def in_table(table: Path, by: str) -> list[Voice]:
    """The two voices of a table, in alphabetical order."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise UserError(f"{table} cannot be read as a table: {problem}") from None
    columns = list(rows[0]) if rows else []
    for name in ("file", by):
        if name not in columns:
            raise UserError(f"{table} has no column {name!r}; it has {', '.join(map(str, columns)) or 'no rows'}")
    groups = sorted({row[by] or "" for row in rows})
    if len(groups) != 2:
        raise UserError(f"{table}: column {by!r} must hold two values, one a voice, got {', '.join(groups[:9])}")
    return [voice_of([row for row in rows if (row[by] or "") == group], group, table) for group in groups]


def voice_of(rows: Sequence[dict[str, str]], group: str, table: Path) -> Voice:
    recordings = []
    for row in rows:
        if not row["file"]:
            raise UserError(f"{table}: a row names no file; give it one, or take it out")
        path = table.parent / row["file"]
        if not path.is_file():
            raise UserError(f"{table} names {row['file']}, and there is no such file beside it")
        speaker = row.get("speaker") or speaker_of(path)
        recordings.append(Recording(path, f"{path.resolve().parent.name}/{path.stem}", speaker))
    if "split" not in rows[0]:
        return Voice(group, recordings)
    if unknown := {row["split"] for row in rows} - SPLITS.keys():
        raise UserError(f"{table}: split {sorted(map(str, unknown))[0]!r} is none of {', '.join(SPLITS)}")
    return Voice(group, recordings, [Split(SPLITS[row["split"]]) for row in rows])


def made_up(folder: Path, name: str, train: int, validation: int, seconds: float, sample_rate: int, seed: int) -> Voice:
    """A voice that says something else in each recording, and nothing that the other says."""
    splits = [Split.TRAIN] * train + [Split.VALIDATION] * validation
    recordings = []
    for number in range(len(splits)):
        random = np.random.default_rng((seed, list(MADE_UP).index(name), number))
        path = folder / f"{name}-{number:03}.flac"
        write_sound(path, utterance(MADE_UP[name], seconds, sample_rate, random), sample_rate)
        recordings.append(Recording(path, path.stem, name))
    return Voice(name, recordings, splits)


def prepare(pair: Sequence[Voice], folder: SpeechFolder, *, held_out: HeldOut, fraction: float, seed: int) -> Prepared:
    """Write the sounds and the manifest, last. Training gives way to what is in validation, too.

    Raises:
        UserError: a voice has nothing left in a split, or the folder cannot be written.
    """
    wanted = [
        (split, domain, some)
        for domain, voice in zip(DOMAINS, pair, strict=True)
        for split, some in splits_of(voice, held_out, fraction, seed).items()
        if some
    ]
    wanted.sort(key=lambda one: one[0] == Split.TRAIN)
    source_of = named_speaker if held_out is HeldOut.SPEAKER else None
    names: set[str] = set()
    jobs = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        sieve = Sieve(folder.sample_rate, pool)
        for split, domain, some in wanted:
            kept = sieve.sift(some, split, MINIMUM_SPEECH, source_of)
            if not kept:
                raise UserError(f"nothing is left of voice {domain} for {split}; {'; '.join(sieve.left_out[-1:])}")
            group = pair[DOMAINS.index(domain)].group
            jobs += [Job(folder, split, domain, group, one, unique_name(f"{domain}/{one.name}", names)) for one in kept]
        folder.start()
        rows = folder.carry_out(jobs, pool)
    return replace(folder.finish(rows, sieve.left_out), what="recordings")


def splits_of(voice: Voice, held_out: HeldOut, fraction: float, seed: int) -> dict[Split, list[Recording]]:
    if voice.splits is not None:
        pairs = list(zip(voice.splits, voice.recordings, strict=True))
        return {split: [one for its, one in pairs if its is split] for split in Split}
    if held_out is HeldOut.SPEAKER:
        return hold_out(voice.recordings, fraction, seed, advice=f"{ADVICE}, or --held-out recording")
    alone = {str(one.path): one for one in voice.recordings}
    each = hold_out([replace(one, group=path) for path, one in alone.items()], fraction, seed, advice=ADVICE)
    return {split: [alone[one.group] for one in some] for split, some in each.items()}


@dataclass(frozen=True)
class Job:
    """Writes one recording when it is called, and returns its row."""

    folder: SpeechFolder
    split: Split
    domain: str
    group: str
    recording: Recording
    name: str

    def __call__(self) -> Row:
        audio = f"{self.name}.flac"
        path = self.folder.path / audio
        path.parent.mkdir(parents=True, exist_ok=True)
        signal = load(self.recording.path, self.folder.sample_rate)
        write_sound(path, signal, self.folder.sample_rate)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        about = {"speaker": self.recording.group, "group": self.group, "source": self.recording.name}
        return {"split": str(self.split), "domain": self.domain, "audio": audio, "sha256": digest, **about}


def write_sound(path: Path, signal: np.ndarray, sample_rate: int) -> None:
    """As 16-bit FLAC, softer where resampling has gone beyond full scale."""
    signal = signal / max(1.0, np.abs(signal).max())
    with Writer(path, Form(sample_rate, 1, len(signal), "FLAC", "PCM_16")) as writer:
        writer.write(signal[:, None])


if __name__ == "__main__":
    run(voices)
