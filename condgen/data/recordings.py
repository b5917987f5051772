"""Audio files of speech and of noise: found, told apart by who speaks, split, and freed of what nobody can use."""

from __future__ import annotations

import glob
import hashlib
import random
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from condgen.data.manifest import Split
from condgen.data.media import SUFFIXES, Media
from condgen.data.preparation import with_progress
from condgen.errors import UserError

AUDIBLE = 10 ** (-70 / 20)  # of full scale: a recording whose peak stays below has nothing in it

_SPEAKERS = (
    re.compile(r"(\d+)[-_]\d+[-_]\d{4,}"),  # LibriSpeech and LibriTTS: speaker-chapter-utterance; no date
    re.compile(r"([ps]\d{3,})_\d+"),  # VCTK and VoiceBank: p225_001
)
_CLIP = re.compile(r"(.*\d-\d+)-[A-Z](-\d+)?")  # ESC: fold-recording-take, or with -class: takes of one recording


@dataclass(frozen=True)
class Recording:
    """An audio file as it was found."""

    path: Path
    name: str  # folder/stem
    group: str  # what must not be split: the speaker, or the recording that a clip of noise was cut from


def named_speaker(path: Path) -> str | None:
    """The speaker by the file's name in the manner of LibriSpeech, LibriTTS, VCTK and VoiceBank."""
    matches = (pattern.match(path.stem) for pattern in _SPEAKERS)
    return next((match[1] for match in matches if match), None)


def speaker_of(path: Path) -> str:
    """The speaker by the file's name, else by its folder: a guess, good enough to keep a folder's files together."""
    return named_speaker(path) or path.resolve().parent.name


def named_clip(path: Path) -> str | None:
    """The recording that a clip of noise was cut from, by the file's name in the manner of ESC-50."""
    match = _CLIP.fullmatch(path.stem)
    return match[1] if match else None


def clip_of(path: Path) -> str:
    """The recording that a clip of noise was cut from, by its name, else the file itself."""
    return named_clip(path) or str(path)


def find_recordings(
    places: Sequence[Path], group_of: Callable[[Path], str], *, without: Sequence[Path] = ()
) -> list[Recording]:
    """All audio files in folders and below, of glob patterns, and single ones; once each, hidden ones passed over.

    Args:
        places: folders, patterns or files.
        group_of: `speaker_of` or `clip_of`.
        without: folders whose files are passed over, such as those of an earlier result.

    Raises:
        UserError: a place does not exist or has no audio files.
    """
    excluded = [folder.resolve() for folder in without]
    found: dict[Path, Recording] = {}
    for place in places:
        matches = (
            [place] if place.exists() else [Path(match) for match in sorted(glob.glob(str(place), recursive=True))]
        )
        if not matches:
            raise UserError(f"there is no file or folder {place}, and nothing that it matches as a pattern")
        files = [file for match in matches for file in _files(match, by_name=match == place)]
        if not files:
            raise UserError(f"{place} has no audio files ({' '.join(sorted(SUFFIXES[Media.AUDIO]))})")
        for path, name in files:
            if not any(folder in path.resolve().parents for folder in excluded):
                found.setdefault(path.resolve(), Recording(path, name, group_of(path)))
    return list(found.values())


def hold_out(
    recordings: Sequence[Recording], fraction: float, seed: int, *, advice: str
) -> dict[Split, list[Recording]]:
    """A seeded random part of the groups for validation (at least one unless 0), the rest for training.

    Raises:
        UserError: nothing would be left to train on; ends with the advice.
    """
    if not 0 <= fraction < 1:
        raise UserError(f"the validation fraction must lie in [0, 1), got {fraction}")
    groups = sorted({recording.group for recording in recordings})
    count = max(1, round(fraction * len(groups))) if fraction else 0
    if count >= len(groups):
        raise UserError(f"{recordings[0].path} and all others are from one source ({groups[0]}); {advice}")
    chosen = set(random.Random(seed).sample(groups, count))
    return {
        Split.TRAIN: [recording for recording in recordings if recording.group not in chosen],
        Split.VALIDATION: [recording for recording in recordings if recording.group in chosen],
    }


def load(path: Path, sample_rate: int) -> np.ndarray:
    """A whole file at a sample rate, channels mixed: (samples,), float32 in [-1, 1].

    Raises:
        UserError: the file cannot be read.
    """
    from condgen.data import audio

    return audio.read(path, sample_rate, mono=True)[0][:, 0]


def fault(signal: np.ndarray, sample_rate: int, minimum_seconds: float) -> str:
    """Why nobody can use a signal; empty: it can be used."""
    if len(signal) < minimum_seconds * sample_rate:
        return f"{len(signal) / sample_rate:.2f} s, shorter than {minimum_seconds} s"
    return "silence" if np.abs(signal).max(initial=0) < AUDIBLE else ""


class Sieve:
    """Lets through what can be used; in training, no sound a second time, and no source of an earlier validation."""

    def __init__(self, sample_rate: int, pool: Executor):
        self.left_out: list[str] = []  # a line each: which file, and why
        self._sample_rate, self._pool = sample_rate, pool
        self._heard: dict[str, tuple[Recording, Split]] = {}
        self._held_out: dict[str, tuple[Recording, Split]] = {}  # by source

    def sift(
        self,
        recordings: Sequence[Recording],
        split: Split,
        minimum_seconds: float,
        source_of: Callable[[Path], str | None] | None = None,
    ) -> list[Recording]:
        """The recordings that can be used; adds to `left_out` for the others.

        Args:
            recordings: to be listened to.
            split: where they are wanted; training comes last, as it gives way.
            minimum_seconds: what is shorter is left out.
            source_of: `named_speaker` or `named_clip`; None: any source may be in two splits.
        """
        looks = self._pool.map(lambda recording: self._listen(recording, minimum_seconds), recordings)
        kept = []
        for recording, (reason, sound) in zip(
            recordings, with_progress(looks, "listening", len(recordings)), strict=True
        ):
            source = source_of(recording.path) if source_of else None
            if not reason and split == Split.TRAIN:
                reason = self._known(recording.path, sound, source)
            if reason:
                self.left_out.append(f"{recording.path}: {reason}")
                continue
            self._heard.setdefault(sound, (recording, split))
            if source and split != Split.TRAIN:
                self._held_out.setdefault(source, (recording, split))
            kept.append(recording)
        return kept

    def _known(self, path: Path, sound: str, source: str | None) -> str:
        """Why it must not be in training; empty: it may."""
        if sound in self._heard:
            other, split = self._heard[sound]
            return f"is also in {split}" if other.path == path else f"the same sound as {other.path}"
        if source in self._held_out:
            other, split = self._held_out[source]
            return f"its source ({source}) is also in {split}, in {other.path}"
        return ""

    def _listen(self, recording: Recording, minimum_seconds: float) -> tuple[str, str]:
        """Why it is left out (empty: it is not), and a hash of its sound."""
        try:
            signal = load(recording.path, self._sample_rate)
        except UserError as problem:
            return str(problem).removeprefix(f"{recording.path}: "), ""
        sound = hashlib.sha256(np.ascontiguousarray(signal)).hexdigest()
        return fault(signal, self._sample_rate, minimum_seconds), sound


def _files(place: Path, *, by_name: bool) -> Iterator[tuple[Path, str]]:
    """The audio files of a place with their names; a file that was given by its own name needs no audio ending."""
    if not place.is_dir():
        if by_name or place.suffix.lower() in SUFFIXES[Media.AUDIO]:
            yield place, f"{place.resolve().parent.name}/{place.stem}"
        return
    for path in sorted(place.rglob("*")):
        inside = path.relative_to(place)
        hidden = any(part.startswith(".") for part in inside.parts)
        if path.suffix.lower() in SUFFIXES[Media.AUDIO] and not hidden and path.is_file():
            yield path, PurePosixPath(place.resolve().name, inside.with_suffix("").as_posix()).as_posix()
