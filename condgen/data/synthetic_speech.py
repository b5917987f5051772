"""Signals with the traits of speech and of noises, made from a seed: data without a download or a licence.

A source and filter model after Klatt (1980): glottal pulses of a drifting pitch through formant resonators that move
from vowel to vowel, bursts of noise for consonants, syllables, pauses. Nobody says anything in it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from condgen.data.manifest import Split
from condgen.data.mixing import PEAK_LIMIT, active_level
from condgen.data.preparation import Prepared
from condgen.data.recordings import Recording
from condgen.data.speech_preparation import TEST_SNRS, TRAINING_SNRS, Mixtures, prepare_mixtures
from condgen.errors import UserError

LEVEL = -26  # dB of full scale, the usual level of speech for tests (P.56, P.830)
FLOOR = -75  # dB of full scale: the hiss of the room between two words
BLOCK = 0.005  # seconds in which a formant stands still
UTTERANCES = 4  # of each speaker
CROWD = 5  # speakers in a babble

VOWELS = np.array(  # first three formants of men in Hz (Peterson and Barney, 1952)
    [
        (270, 2290, 3010),
        (390, 1990, 2550),
        (530, 1840, 2480),
        (660, 1720, 2410),
        (730, 1090, 2440),
        (570, 840, 2410),
        (440, 1020, 2240),
        (300, 870, 2240),
        (640, 1190, 2390),
        (490, 1350, 1690),
    ],
    dtype=float,
)
UPPER_FORMANTS = (3500, 4500)  # Hz; they hardly move
BANDWIDTHS = np.array([70, 100, 140, 220, 300], dtype=float)  # Hz
CONSONANTS = ((4500, 7500, 0.5), (2200, 5500, 0.5), (1500, 7500, 0.15))  # noise from, to (Hz), loudness: s, sh, f


class Noise(StrEnum):
    WHITE = "white"
    PINK = "pink"
    HUM = "hum"
    BABBLE = "babble"
    CLICKS = "clicks"


@dataclass(frozen=True)
class Speaker:
    pitch: float  # Hz
    formants: float  # scale: the shorter the vocal tract, the higher

    @classmethod
    def drawn(cls, random: np.random.Generator) -> Speaker:
        """From low to high voices; high voices have higher formants, too."""
        height = random.uniform()
        return cls(90 * 2.5**height, 1 + 0.16 * height + random.normal(0, 0.02))


@dataclass(frozen=True)
class _Syllable:
    start: float  # seconds
    consonant: float  # duration in seconds; 0 for none
    vowel: float  # duration in seconds
    loudness: float

    @property
    def end(self) -> float:
        return self.start + self.consonant + self.vowel


def make(output: Path, *, train: int, validation: int, seconds: float, sample_rate: int, seed: int) -> Prepared:
    """Make utterances and noises, mix them, and write the pairs with their manifest into a folder.

    Args:
        output: the folder.
        train: number of training pairs.
        validation: number of validation pairs, of other speakers.
        seconds: of each utterance, 1 or more.
        sample_rate: in Hz, 8000 or more.
        seed: of all of it.

    Raises:
        UserError: a number is out of range, or the folder cannot be written.
    """
    in_range = 1 <= seconds <= 3600 and 8000 <= sample_rate <= 192_000 and min(train, validation, seed) >= 0
    if not in_range or train + validation < 1:
        raise UserError(
            "making speech needs one utterance or more, of 1 to 3600 seconds, at 8000 to 192000 Hz, and a seed not "
            "below 0"
        )
    with tempfile.TemporaryDirectory() as folder:
        splits = {}
        for split, count, snrs in ((Split.TRAIN, train, TRAINING_SNRS), (Split.VALIDATION, validation, TEST_SNRS)):
            if count:
                source = _Source(Path(folder), split, seconds, sample_rate, (seed, len(splits)))
                splits[split] = Mixtures(list(source.speech(count)), list(source.noises()), snrs)
        return prepare_mixtures(splits, output, sample_rate=sample_rate, seed=seed)


def utterance(speaker: Speaker, seconds: float, sample_rate: int, random: np.random.Generator) -> np.ndarray:
    """Something like speech, 1 second or more: (samples,), float32, about -26 dB of full scale while it is active."""
    length = round(seconds * sample_rate)
    syllables = list(_rhythm(seconds, random))
    voiced = _voice(speaker, syllables, length, sample_rate, random)
    voiced *= 0.1 / max(np.sqrt(np.square(voiced).mean()), 1e-6)
    for syllable in syllables:
        _add_consonant(voiced, syllable, sample_rate, random)
    level = LEVEL + random.normal(0, 2)
    return _levelled(voiced, level, sample_rate) + (10 ** (FLOOR / 20) * random.normal(size=length)).astype(np.float32)


def noise(kind: Noise, seconds: float, sample_rate: int, random: np.random.Generator) -> np.ndarray:
    """A noise of a kind, 1 second or more: (samples,), float32, about -26 dB of full scale while it is active."""
    length = round(seconds * sample_rate)
    signal = {
        Noise.WHITE: lambda: random.normal(size=length),
        Noise.PINK: lambda: _pink(length, random),
        Noise.HUM: lambda: _hum(length, sample_rate, random),
        Noise.BABBLE: lambda: sum(utterance(Speaker.drawn(random), seconds, sample_rate, random) for _ in range(CROWD)),
        Noise.CLICKS: lambda: _clicks(length, sample_rate, random),
    }[kind]()
    return _levelled(signal, LEVEL, sample_rate)


def _rhythm(seconds: float, random: np.random.Generator) -> Iterator[_Syllable]:
    """Phrases of some syllables, four or five a second, with pauses between phrases and at both ends."""
    time = random.uniform(0.05, 0.2)
    while time < seconds - 0.2:
        for _ in range(random.integers(3, 8)):
            consonant = random.uniform(0.05, 0.12) if random.uniform() < 0.7 else 0.0
            syllable = _Syllable(time, consonant, random.uniform(0.08, 0.2), random.uniform(0.5, 1))
            if syllable.end > seconds - 0.05:
                return
            yield syllable
            time = syllable.end + random.uniform(0, 0.04)
        time += random.uniform(0.15, 0.45)


def _voice(
    speaker: Speaker, syllables: list[_Syllable], length: int, sample_rate: int, random: np.random.Generator
) -> np.ndarray:
    """The voiced part: pulses, as loud as the syllables say, through the formants."""
    block = round(BLOCK * sample_rate)
    blocks = -(-length // block)
    times = (np.arange(blocks) + 0.5) * BLOCK
    loudness = np.zeros(blocks)
    for syllable in syllables:
        loudness[(times > syllable.start + syllable.consonant) & (times < syllable.end)] = syllable.loudness
    loudness = np.convolve(loudness, np.hanning(7) / np.hanning(7).sum(), mode="same")  # lips do not switch
    knots = np.arange(0, times[-1] + 0.25, 0.25)
    drift = np.interp(times, knots, random.normal(0, 0.08, len(knots)))
    pitch = speaker.pitch * np.exp(drift - 0.05 * times / times[-1] + random.normal(0, 0.008, blocks))
    samples = np.arange(blocks * block) / block - 0.5
    pulses = _glottal_pulses(np.interp(samples, np.arange(blocks), pitch), sample_rate)
    breath = 0.02 * random.normal(size=len(pulses)) * pulses.std()
    source = (pulses + breath) * np.interp(samples, np.arange(blocks), loudness)
    return _resonate(source, _formants(speaker, syllables, times, random), block, sample_rate)[:length]


def _formants(
    speaker: Speaker, syllables: list[_Syllable], times: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """(blocks, 5) centre frequencies in Hz that glide from the middle of a vowel to that of the next."""
    middles = [syllable.end - syllable.vowel / 2 for syllable in syllables]
    targets = VOWELS[random.integers(len(VOWELS), size=len(middles))] * random.normal(1, 0.03, (len(middles), 3))
    lower = [np.interp(times, middles, targets[:, number]) for number in range(3)]
    upper = [np.full(len(times), frequency) for frequency in UPPER_FORMANTS]
    return speaker.formants * np.stack([*lower, *upper], axis=1)


def _glottal_pulses(pitch: np.ndarray, sample_rate: int) -> np.ndarray:
    """Derivative of the air flow (Rosenberg, 1971, pulse C): it opens slowly, shuts fast, stays shut."""
    phase = np.cumsum(pitch / sample_rate) % 1
    opening, closing = 0.4, 0.16  # parts of a period
    flow = np.where(phase < opening, 0.5 - 0.5 * np.cos(np.pi * phase / opening), 0)
    shutting = (phase >= opening) & (phase < opening + closing)
    flow = np.where(shutting, np.cos(np.pi / 2 * (phase - opening) / closing), flow)
    return np.diff(flow, prepend=0)


def _resonate(source: np.ndarray, formants: np.ndarray, block: int, sample_rate: int) -> np.ndarray:
    """The source through resonators in a row (Klatt, 1980, eq. 1 and 2); those near the Nyquist rate are left out."""
    from scipy.signal import sosfilt

    used = formants.max(axis=0) < 0.45 * sample_rate
    formants, bandwidths = formants[:, used], BANDWIDTHS[used]
    last = -np.exp(-2 * np.pi * bandwidths / sample_rate)
    output = np.empty_like(source)
    state = np.zeros((len(bandwidths), 2))
    for number, centres in enumerate(formants):
        middle = 2 * np.sqrt(-last) * np.cos(2 * np.pi * centres / sample_rate)
        nothing, one = np.zeros_like(last), np.ones_like(last)
        sections = np.stack([1 - middle - last, nothing, nothing, one, -middle, -last], axis=1)
        here = slice(number * block, (number + 1) * block)
        output[here], state = sosfilt(sections, source[here], zi=state)
    return output


def _add_consonant(signal: np.ndarray, syllable: _Syllable, sample_rate: int, random: np.random.Generator) -> None:
    """A fricative that swells and fades, or a stop: silence, then a burst, before the vowel."""
    from scipy.signal import butter, sosfilt

    low, high, loudness = CONSONANTS[random.integers(len(CONSONANTS))]
    stop = random.uniform() < 0.4
    seconds = 0.02 if stop else syllable.consonant
    end = round((syllable.start + syllable.consonant) * sample_rate)
    length = round(min(seconds, syllable.consonant) * sample_rate)
    if not length:
        return
    band = [min(low, 0.25 * sample_rate), min(high, 0.46 * sample_rate)]
    hiss = sosfilt(butter(2, band, "bandpass", fs=sample_rate, output="sos"), random.normal(size=length))
    shape = np.exp(-np.arange(length) / (0.006 * sample_rate)) if stop else np.hanning(length)
    signal[end - length : end] += 0.2 * syllable.loudness * loudness * shape * hiss


def _pink(length: int, random: np.random.Generator) -> np.ndarray:
    """A power spectrum of 1/f."""
    spectrum = np.fft.rfft(random.normal(size=length))
    return np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), length)


def _hum(length: int, sample_rate: int, random: np.random.Generator) -> np.ndarray:
    """The mains, 50 or 60 Hz, with its harmonics, and some hiss."""
    frequency = random.choice([50, 60]) * (1 + random.normal(0, 0.002))
    phase = 2 * np.pi * frequency * np.arange(length) / sample_rate
    harmonics = (
        random.uniform(0.2, 1) / number * np.sin(number * phase + random.uniform(0, 2 * np.pi))
        for number in range(1, 16)
    )
    return sum(harmonics) + 0.02 * random.normal(size=length)


def _clicks(length: int, sample_rate: int, random: np.random.Generator) -> np.ndarray:
    """About six short ringing knocks a second."""
    signal = np.zeros(length)
    for start in random.integers(length, size=max(1, round(6 * length / sample_rate))):
        time = np.arange(min(round(0.06 * sample_rate), length - start)) / sample_rate
        ringing = np.sin(2 * np.pi * random.uniform(500, 3500) * time) + 0.3 * random.normal(size=len(time))
        signal[start : start + len(time)] += (
            random.uniform(0.3, 1) * np.exp(-time / random.uniform(0.002, 0.01)) * ringing
        )
    return signal


def _levelled(signal: np.ndarray, level: float, sample_rate: int) -> np.ndarray:
    """At an active level in dB of full scale, lower where it would clip."""
    gain = 10 ** ((level - active_level(signal, sample_rate)) / 20)
    return (signal * min(gain, PEAK_LIMIT / np.abs(signal).max())).astype(np.float32)


@dataclass(frozen=True)
class _Source:
    """Writes what one split is mixed from into a temporary folder."""

    folder: Path
    split: Split
    seconds: float
    sample_rate: int
    seed: tuple[int, int]

    def speech(self, count: int) -> Iterator[Recording]:
        for number in range(count):
            voice = number // UTTERANCES
            speaker = Speaker.drawn(np.random.default_rng((*self.seed, 0, voice)))
            random = np.random.default_rng((*self.seed, 1, number))
            signal = utterance(speaker, self.seconds, self.sample_rate, random)
            name = f"{self.split}-{voice:03}"
            yield self._written(signal, f"{name}/{number:05}", name)

    def noises(self) -> Iterator[Recording]:
        for number, kind in enumerate(Noise):
            random = np.random.default_rng((*self.seed, 2, number))
            signal = noise(kind, 2 * self.seconds, self.sample_rate, random)
            yield self._written(signal, f"{self.split}-noise/{kind}", kind)

    def _written(self, signal: np.ndarray, name: str, group: str) -> Recording:
        import soundfile

        path = self.folder / f"{name}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, signal, self.sample_rate)
        return Recording(path, name, group)
