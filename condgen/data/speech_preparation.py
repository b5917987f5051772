"""From folders of speech and noise, or of ready pairs, to aligned noisy and clean files with a manifest."""

from __future__ import annotations

import functools
import hashlib
import io
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from condgen.data.manifest import Split, write
from condgen.data.mixing import clip_peaks, excerpt, limit_band, mix, reverberate, without_overload
from condgen.data.preparation import MANIFEST, Prepared, unique_name, with_progress
from condgen.data.recordings import Recording, Sieve, fault, find_recordings, load, named_speaker, speaker_of
from condgen.errors import UserError

TRAINING_SNRS = (0, 5, 10, 15)  # dB, of VoiceBank-DEMAND (Valentini-Botinhao et al., 2016), as are the next
TEST_SNRS = (2.5, 7.5, 12.5, 17.5)

CLEAN, NOISY = "clean", "noisy"  # what a prepared folder holds, beside the manifest
MINIMUM_SPEECH, MINIMUM_NOISE = 0.5, 0.1  # seconds
CLIPPED = (0.001, 0.02)  # share of the samples that an overloaded input cuts off, at least and at most
TELEPHONE = 8000  # Hz
LOWEST_RATE, HIGHEST_RATE = 1000, 655_350  # Hz; the latter is what FLAC can hold
LARGEST_SNR = 100  # dB: beyond, 16 bits hold nothing of the weaker one
RECENT = 32  # recordings of noise kept in memory: some are many minutes long

Row = dict[str, Any]


@dataclass(frozen=True)
class Degradations:
    """How often the noisy side is made worse than by noise alone. Each is a probability in [0, 1]."""

    clip: float = 0  # by an overloaded input
    band_limit: float = 0  # to telephone speech, 4 kHz
    reverberate: float = 0  # in one of the rooms of `responses`
    responses: tuple[Recording, ...] = ()  # room impulse responses

    def __post_init__(self):
        if not all(0 <= chance <= 1 for chance in (self.clip, self.band_limit, self.reverberate)):
            raise UserError("the chances of clipping, band limiting and reverberation must lie in [0, 1]")


@dataclass(frozen=True)
class Mixtures:
    """What one split is mixed from. Ratios and noises are dealt like cards: each comes equally often."""

    speech: Sequence[Recording]
    noise: Sequence[Recording]
    snrs: Sequence[float]  # dB
    versions: int = 1  # noisy ones of each utterance
    degradations: Degradations = Degradations()

    def __post_init__(self):
        if not self.snrs or self.versions < 1:
            raise UserError("mixing needs one ratio in dB or more, and one version of each utterance or more")
        if not all(abs(snr) <= LARGEST_SNR for snr in self.snrs):
            raise UserError(f"ratios must lie between -{LARGEST_SNR} and {LARGEST_SNR} dB, got {list(self.snrs)}")


@dataclass(frozen=True)
class Pair:
    """The same speech, noisy and clean."""

    noisy: Path
    clean: Path


@dataclass(frozen=True)
class _Noise:
    recording: Recording
    snr: float
    seed: tuple[int, ...]


def prepare_mixtures(
    splits: Mapping[Split, Mixtures], output: Path, *, sample_rate: int = 16000, seed: int = 0
) -> Prepared:
    """Mix all pairs, write them below `output` as 16-bit FLAC, and the manifest last.

    Left out are files that cannot be read, are silent or too short, and training files whose sound is that of an
    earlier one or one of validation. The same call writes the same bytes.

    Raises:
        UserError: a split has no speech or no noise left, or `output` cannot be written.
    """
    _refuse_bad_numbers(sample_rate, seed)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        sieve = Sieve(sample_rate, pool)
        splits = _sift(splits, sieve)
        _start(output)
        recent = functools.lru_cache(RECENT)(lambda path: load(path, sample_rate))
        jobs, names = [], set()
        for index, (split, mixtures) in enumerate(splits.items()):
            for speech, noises in zip(mixtures.speech, _deal(mixtures, (seed, index)), strict=True):
                maker = _Maker(output, sample_rate, unique_name(speech.name, names), recent)
                jobs.append(functools.partial(maker.mixtures, split, speech, noises, mixtures.degradations))
        rows = [row for some in _carried_out(jobs, output, pool) for row in some]
    return _finish(rows, output, sieve.left_out)


def _refuse_bad_numbers(sample_rate: int, seed: int) -> None:
    if not LOWEST_RATE <= sample_rate <= HIGHEST_RATE or seed < 0:
        raise UserError(
            f"the sample rate must lie between {LOWEST_RATE} and {HIGHEST_RATE} Hz and the seed not below 0, got "
            f"{sample_rate} and {seed}"
        )


def find_pairs(noisy: Path, clean: Path) -> tuple[list[Pair], list[str]]:
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
    pairs = [Pair(path, by_name[1][name]) for name, path in by_name[0].items() if name in by_name[1]]
    if not pairs:
        raise UserError(f"no file of {noisy} has the name of one in {clean}; partners must have the same name")
    return pairs, left_out


def prepare_pairs(
    pairs: Mapping[Split, Sequence[Pair]], output: Path, *, sample_rate: int = 16000, left_out: Sequence[str] = ()
) -> Prepared:
    """Resample ready pairs, write them below `output` as 16-bit FLAC, and the manifest last.

    Left out are pairs of which a file cannot be read, is silent or too short, or that are not equally long; `left_out`
    are lines about files that were so already.

    Raises:
        UserError: a split has no pairs left, or `output` cannot be written.
    """
    _refuse_bad_numbers(sample_rate, 0)
    _start(output)
    names: set[str] = set()
    jobs = []
    for split, pair in ((split, pair) for split, some in pairs.items() for pair in some):
        maker = _Maker(
            output, sample_rate, unique_name(pair.clean.stem, names), functools.partial(load, sample_rate=sample_rate)
        )
        jobs.append(functools.partial(maker.pair, split, pair))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = _carried_out(jobs, output, pool)
    rows = [row for row in made if not isinstance(row, str)]
    _demand_rows(pairs, {row["split"] for row in rows})
    return _finish(rows, output, [*left_out, *(line for line in made if isinstance(line, str))])


@dataclass(frozen=True)
class _Maker:
    """Makes the files of one utterance."""

    output: Path
    sample_rate: int
    name: str
    load: Callable[[Path], np.ndarray]

    def mixtures(
        self, split: Split, speech: Recording, noises: Sequence[_Noise], degradations: Degradations
    ) -> list[Row]:
        clean = load(speech.path, self.sample_rate)
        rows = []
        for number, noise in enumerate(noises, start=1):
            name = self.name if len(noises) == 1 else f"{self.name}_{number}"
            noisy, target, done = self._degraded(clean, noise, degradations)
            own = len(noises) == 1 or target is not clean  # the same clean file serves all that were not scaled
            about = {
                "snr": noise.snr,
                **_speaker(speech.path),
                "noise": noise.recording.path.name,
                "source": speech.name,
            }
            rows.append(self._row(split, (noisy, name), (target, name if own else self.name), {**about, **done}))
        return rows

    def pair(self, split: Split, pair: Pair) -> Row | str:
        from condgen.data.audio import Reader

        signals = []
        for path in (pair.noisy, pair.clean):
            try:
                signals.append(self.load(path))
            except UserError as problem:
                return str(problem)
            if reason := fault(signals[-1], self.sample_rate, MINIMUM_SPEECH):
                return f"{path}: {reason}"
        noisy, clean = signals
        if len(noisy) != len(clean):
            return f"{pair.noisy}: {len(noisy)} samples, but {pair.clean} has {len(clean)}: not aligned"
        with Reader(pair.clean) as reader:
            rate = reader.form.sample_rate
        about = {**_speaker(pair.clean), "source": pair.clean.stem}
        if rate != self.sample_rate:
            about |= {"source_rate": rate, "resampler": "soxr HQ"}
        noisy, clean = without_overload(noisy, clean)
        return self._row(split, (noisy, self.name), (clean, self.name), about)

    def _degraded(
        self, clean: np.ndarray, noise: _Noise, degradations: Degradations
    ) -> tuple[np.ndarray, np.ndarray, Row]:
        """Noisy, clean, and what was done to them."""
        random = np.random.default_rng(noise.seed)
        part = excerpt(self.load(noise.recording.path), len(clean), random)
        done: Row = {}
        heard = clean
        if random.random() < degradations.reverberate and degradations.responses:
            room = degradations.responses[random.integers(len(degradations.responses))]
            heard, done["room"] = reverberate(clean, self.load(room.path)), room.path.name
        noisy, target = mix(clean, part, noise.snr, self.sample_rate, heard=heard)
        if random.random() < degradations.clip:
            done["clipped"] = round(float(random.uniform(*CLIPPED)), 4)
            noisy = clip_peaks(noisy, done["clipped"])
        if random.random() < degradations.band_limit and self.sample_rate > TELEPHONE:
            done["band_rate"] = TELEPHONE
            noisy = limit_band(noisy, self.sample_rate, TELEPHONE)
        return *without_overload(noisy, target), done

    def _row(self, split: Split, noisy: tuple[np.ndarray, str], clean: tuple[np.ndarray, str], about: Row) -> Row:
        row: Row = {"split": str(split)}
        for side, (signal, name) in ((NOISY, noisy), (CLEAN, clean)):
            content = _flac(signal, self.sample_rate)
            row[side] = f"{side}/{name}.flac"
            row[f"{side}_sha256"] = hashlib.sha256(content).hexdigest()
            path = self.output / row[side]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return row | about


def _sift(splits: Mapping[Split, Mixtures], sieve: Sieve) -> dict[Split, Mixtures]:
    """The splits with what can be used of them; training comes last, as it gives way."""
    kept = {}
    for split, mixtures in sorted(splits.items(), key=lambda item: item[0] == Split.TRAIN):
        speech = sieve.sift(mixtures.speech, split, MINIMUM_SPEECH)
        noise = sieve.sift(mixtures.noise, split, MINIMUM_NOISE)
        if not speech or not noise:
            raise UserError(
                f"no {'noise' if speech else 'speech'} is left for {split}; {'; '.join(sieve.left_out[-1:])}"
            )
        rooms = tuple(sieve.sift(mixtures.degradations.responses, split, 0))
        degradations = replace(mixtures.degradations, responses=rooms)
        kept[split] = replace(mixtures, speech=speech, noise=noise, degradations=degradations)
    return {split: kept[split] for split in splits}


def _deal(mixtures: Mixtures, seed: tuple[int, ...]) -> list[list[_Noise]]:
    """The noises of each utterance."""
    random = np.random.default_rng(seed)
    count = len(mixtures.speech) * mixtures.versions

    def dealt(cards: Sequence) -> list:
        decks = [random.permutation(len(cards)) for _ in range(-(-count // len(cards)))]
        return [cards[card] for card in np.concatenate(decks)[:count]]

    cards = zip(dealt(mixtures.noise), dealt(mixtures.snrs), strict=True)
    noises = [_Noise(noise, float(snr), (*seed, number)) for number, (noise, snr) in enumerate(cards)]
    return [noises[start : start + mixtures.versions] for start in range(0, count, mixtures.versions)]


def _carried_out(jobs: Sequence[Callable[[], Any]], output: Path, pool: ThreadPoolExecutor) -> list:
    try:
        return list(with_progress(pool.map(lambda job: job(), jobs), "writing pairs", len(jobs)))
    except OSError as problem:
        raise UserError(f"{output} cannot be written: {problem.strerror or problem}") from None


def _start(output: Path) -> None:
    """Without the manifest of an earlier run, whose files are about to be replaced."""
    try:
        (output / MANIFEST).unlink(missing_ok=True)
    except OSError as problem:
        raise UserError(f"{output} cannot be written: {problem.strerror or problem}") from None


def _demand_rows(splits: Iterable[Split], present: set[str]) -> None:
    for split in splits:
        if split not in present:
            raise UserError(f"no pair is left for {split}")


def _finish(rows: Sequence[Row], output: Path, left_out: Sequence[str]) -> Prepared:
    write(output / MANIFEST, rows)
    counts = {split: sum(row["split"] == split for row in rows) for split in Split}
    counts = {split: count for split, count in counts.items() if count}
    return Prepared(output / MANIFEST, counts, tuple(left_out), what="pairs", sources="files")


def _flac(signal: np.ndarray, sample_rate: int) -> bytes:
    """16-bit FLAC: the samples of a 16-bit file come out as they went in."""
    import soundfile

    samples = np.rint(signal * 2**15).clip(-(2**15), 2**15 - 1).astype(np.int16)
    content = io.BytesIO()
    soundfile.write(content, samples, sample_rate, format="FLAC", subtype="PCM_16")
    return content.getvalue()


def _speaker(path: Path) -> Row:
    """Only what is known goes into a row: two folders of one name need not hold one speaker."""
    speaker = named_speaker(path)
    return {"speaker": speaker} if speaker else {}
