"""From folders of clean speech and of noise to aligned noisy and clean files with a manifest."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from condgen.data.manifest import Split
from condgen.data.mixing import clip_peaks, excerpt, limit_band, mix, reverberate, without_overload
from condgen.data.preparation import Prepared, unique_name
from condgen.data.recordings import Recording, Sieve, load, named_clip, named_speaker
from condgen.data.speech_folder import MINIMUM_SPEECH, Row, SpeechFolder, speaker_field
from condgen.errors import UserError

TRAINING_SNRS = (0, 5, 10, 15)  # dB, of VoiceBank-DEMAND (Valentini-Botinhao et al., 2016), as are the next
TEST_SNRS = (2.5, 7.5, 12.5, 17.5)

MINIMUM_NOISE = 0.1  # seconds
CLIPPED = (0.001, 0.02)  # share of the samples that an overloaded input cuts off, at least and at most
TELEPHONE = 8000  # Hz
LARGEST_SNR = 100  # dB: beyond, 16 bits hold nothing of the weaker one
RECENT = 32  # recordings of noise kept in memory: some are many minutes long


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
class _Noise:
    recording: Recording
    snr: float
    seed: tuple[int, ...]


def prepare_mixtures(
    splits: Mapping[Split, Mixtures], output: Path, *, sample_rate: int = 16000, seed: int = 0
) -> Prepared:
    """Mix all pairs, write them below `output` as 16-bit FLAC, and the manifest last.

    Left out are files that cannot be read, are silent or too short, and training files whose sound is that of an
    earlier one, or whose speaker or recorded noise is, by the names, also in validation. The same call writes the same
    bytes.

    Raises:
        UserError: a split has no speech or no noise left, a number is out of range, or `output` cannot be written.
    """
    folder = SpeechFolder(output, sample_rate)
    if seed < 0:
        raise UserError(f"the seed must not be below 0, got {seed}")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        sieve = Sieve(sample_rate, pool)
        splits = _sift(splits, sieve)
        folder.start()
        recent = functools.lru_cache(RECENT)(lambda path: load(path, sample_rate))
        jobs, names = [], set()
        for index, (split, mixtures) in enumerate(splits.items()):
            for speech, noises in zip(mixtures.speech, _deal(mixtures, (seed, index)), strict=True):
                maker = _Maker(folder, unique_name(speech.name, names), recent)
                jobs.append(functools.partial(maker.mixtures, split, speech, noises, mixtures.degradations))
        rows = [row for some in folder.carry_out(jobs, pool) for row in some]
    return folder.finish(rows, sieve.left_out)


@dataclass(frozen=True)
class _Maker:
    """Makes the files of one utterance."""

    folder: SpeechFolder
    name: str
    load: Callable[[Path], np.ndarray]

    def mixtures(
        self, split: Split, speech: Recording, noises: Sequence[_Noise], degradations: Degradations
    ) -> list[Row]:
        clean = load(speech.path, self.folder.sample_rate)
        rows = []
        for number, noise in enumerate(noises, start=1):
            name = self.name if len(noises) == 1 else f"{self.name}_{number}"
            noisy, target, done = self._degraded(clean, noise, degradations)
            own = len(noises) == 1 or target is not clean  # the same clean file serves all that were not scaled
            about = {
                "snr": noise.snr,
                **speaker_field(speech.path),
                "noise": noise.recording.path.name,
                "source": speech.name,
            }
            target_name = name if own else self.name
            rows.append(self.folder.add(split, (noisy, name), (target, target_name), {**about, **done}))
        return rows

    def _degraded(
        self, clean: np.ndarray, noise: _Noise, degradations: Degradations
    ) -> tuple[np.ndarray, np.ndarray, Row]:
        """Noisy, clean, and what was done to them."""
        random, rate = np.random.default_rng(noise.seed), self.folder.sample_rate
        part = excerpt(self.load(noise.recording.path), len(clean), random)
        done: Row = {}
        heard = clean
        if random.random() < degradations.reverberate and degradations.responses:
            room = degradations.responses[random.integers(len(degradations.responses))]
            heard, done["room"] = reverberate(clean, self.load(room.path)), room.path.name
        noisy, target = mix(clean, part, noise.snr, rate, heard=heard)
        if random.random() < degradations.clip:
            done["clipped"] = round(float(random.uniform(*CLIPPED)), 4)
            noisy = clip_peaks(noisy, done["clipped"])
        if random.random() < degradations.band_limit and rate > TELEPHONE:
            done["band_rate"] = TELEPHONE
            noisy = limit_band(noisy, rate, TELEPHONE)
        return *without_overload(noisy, target), done


def _sift(splits: Mapping[Split, Mixtures], sieve: Sieve) -> dict[Split, Mixtures]:
    """The splits with what can be used of them; training comes last, as it gives way."""
    kept = {}
    for split, mixtures in sorted(splits.items(), key=lambda item: item[0] == Split.TRAIN):
        speech = sieve.sift(mixtures.speech, split, MINIMUM_SPEECH, source_of=named_speaker)
        noise = sieve.sift(mixtures.noise, split, MINIMUM_NOISE, source_of=named_clip)
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
