"""What conversion of voices is measured by, without parallel recordings, and what to look at and listen to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import torch
from PIL import Image
from torch import Tensor

from condgen.adversarial.task import Report, Sound
from condgen.data import picture_grid, spectrogram
from condgen.data.manifest import Row
from condgen.data.mel import MelConfig, MelSpectrogram
from condgen.data.pairs import Domain
from condgen.metrics.table import unique_label
from condgen.metrics.voice import (
    compare,
    envelope_correlation,
    log_mel_distance,
    mean_spectrum,
    pitch,
    spectrum_distance,
)
from condgen.tasks.cyclegan.speech import read_speech
from condgen.tasks.cyclegan.task import Direction
from condgen.tasks.cyclegan.voice_pipeline import FULL_SCALE, VoiceConverter

if TYPE_CHECKING:
    from condgen.tasks.cyclegan.pipeline import Pipeline

MEASURES = ("pitch", "to_target", "from_source", "envelope", "cycle")

_SHOWN = 2  # recordings of each domain in the picture
_SECONDS = 4.0  # of each
_PAUSE = 0.5  # seconds between what is heard

Table = dict[str, dict[str, float]]


@dataclass(frozen=True, eq=False)
class Recording:
    """A recording of one domain, float32 (T,) at the model's rate."""

    name: str
    line: int  # of the manifest
    domain: Domain
    signal: np.ndarray

    @classmethod
    def read(cls, row: Row, sample_rate: int) -> Recording:
        """Raises UserError as `read_speech` does."""
        return cls(Path(row["audio"]).stem, row.line, Domain(row["domain"]), read_speech(row, sample_rate))


@dataclass(frozen=True, eq=False)
class Conversion:
    """What was made of a recording."""

    recording: Recording
    direction: Direction
    there: np.ndarray  # (T,)
    cycle: float  # dB; not a number where the model has no way back, and of silence


def report(pipelines: Mapping[Direction, Pipeline], recordings: Sequence[Recording], folder: Path, name: str) -> Report:
    """The means of `measure`, and for eyes and ears what becomes of the first recordings of each domain.

    For models that have both directions. Writes spectrograms, `folder/name.png`: a, a2b, a2b2a, and below b, b2a,
    b2a2b; and the same three of each domain's first recording one after the other, `folder/name-a2b.wav` and
    `folder/name-b2a.wav`.
    """
    converters = _converters(pipelines)
    table, made = measure(converters, recordings)
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [[one for one in made if one.direction is direction][:_SHOWN] for direction in converters]
    there_and_back = {one: _there_and_back(converters, one) for some in chosen for one in some}
    rate = _mel(converters).sample_rate
    sounds = {}
    for first, *_ in chosen:
        joined = _joined(there_and_back[first], rate)
        soundfile.write(folder / f"{name}-{first.direction}.wav", joined, rate)
        sounds[", ".join(_captions(first.direction))] = Sound(torch.from_numpy(joined), rate)
    shown = picture(there_and_back, rate)
    Image.fromarray(shown).save(folder / f"{name}.png")
    return Report(table["mean"], {"there and back": torch.from_numpy(shown).permute(2, 0, 1)}, sounds)


def evaluate(pipelines: Mapping[Direction, Pipeline], recordings: Sequence[Recording]) -> Table:
    """The table of `measure`."""
    return measure(_converters(pipelines), recordings)[0]


def measure(
    converters: Mapping[Direction, VoiceConverter], recordings: Sequence[Recording]
) -> tuple[Table, list[Conversion]]:
    """Measures of each recording and, in the row `mean`, of each voice as a whole; and what was made.

    pitch_a, pitch_b: Hz, median of the recordings themselves: what pitch_b2a and pitch_a2b should come to.
    pitch_a2b: Hz, median of what was made of a.
    to_target_a2b: dB between its mean log-mel spectrum and that of all of b: the less, the more it is voice b.
    from_source_a2b: dB between its mean spectrum and that of all of a.
    groups_apart: dB between the mean spectra of a and b: what to_target would be if nothing were changed.
    envelope_a2b: correlation of its levels with those of its source, 1 where syllables and pauses are in their places.
    cycle_a: dB between log-mel frames of a and what the networks make of them there and back.

    In the row `mean` all recordings of a voice are judged together (`voice.compare`): the less is said, the more of a
    distance is what was said. Envelopes and cycles are means over the recordings.
    """
    made = [
        Conversion(one, direction, *_converted(converters, direction, one.signal))
        for direction in converters
        for one in recordings
        if one.domain is direction.source
    ]
    table = _each(made, recordings, MelSpectrogram(_mel(converters)))
    return {**table, "mean": _together(made, recordings, MelSpectrogram(_mel(converters)))}, made


def picture(there_and_back: Mapping[Conversion, Sequence[np.ndarray]], sample_rate: int) -> np.ndarray:
    """Spectrograms of the beginnings, uint8 (H, W, 3): a row a recording."""
    longest = max(len(signal) for signals in there_and_back.values() for signal in signals)
    length = min(int(_SECONDS * sample_rate), longest)
    cells, captions = [], []
    for one, signals in there_and_back.items():
        starts = [signal[:length] for signal in signals]
        cells += [spectrogram.picture(np.pad(start, (0, length - len(start))), scale=2) for start in starts]
        captions += _captions(one.direction)
    return picture_grid.grid(cells, len(cells) // len(there_and_back), captions=captions)


def _converters(pipelines: Mapping[Direction, Pipeline]) -> dict[Direction, VoiceConverter]:
    return {direction: pipeline.voices for direction, pipeline in pipelines.items()}


def _mel(converters: Mapping[Direction, VoiceConverter]) -> MelConfig:
    return next(iter(converters.values())).mel


def _converted(
    converters: Mapping[Direction, VoiceConverter], direction: Direction, signal: np.ndarray
) -> tuple[np.ndarray, float]:
    """What is made of a signal, and how far the way back ends from its frames, in dB."""
    there, back = converters[direction], converters.get(direction.reverse)
    distances, lengths = [], []

    def observed(frames: Tensor) -> Tensor:
        made = there.frames(frames)
        if back is not None:
            pair = (there.mel.decibels(one.reshape(one.shape[-2:])) for one in (back.frames(made), frames))
            distances.append(log_mel_distance(*pair))
            lengths.append(frames.shape[-1])
        return made

    made = there.converted(signal, observed)
    return made, float(np.average(distances, weights=lengths)) if distances else float("nan")


def _each(made: Sequence[Conversion], recordings: Sequence[Recording], mel: MelSpectrogram) -> Table:
    """A row a recording."""
    rate = mel.config.sample_rate
    voices = {domain: [one.signal for one in recordings if one.domain is domain] for domain in Domain}
    means = {domain: mean_spectrum([_decibels(one, mel) for one in some])[:, None] for domain, some in voices.items()}
    table: Table = {}
    for one in made:
        source, to = one.recording, one.direction
        spectrum = [_decibels(one.there, mel)]
        table[unique_label(f"{source.domain}/{source.name}", source.line, table)] = {
            f"pitch_{to.source}": pitch([source.signal], rate),
            f"pitch_{to}": pitch([one.there], rate),
            f"to_target_{to}": spectrum_distance(spectrum, [means[to.target]]),
            f"from_source_{to}": spectrum_distance(spectrum, [means[to.source]]),
            f"envelope_{to}": envelope_correlation(one.there, source.signal, rate),
        } | ({} if np.isnan(one.cycle) else {f"cycle_{to.source}": one.cycle})
    return table


def _together(made: Sequence[Conversion], recordings: Sequence[Recording], mel: MelSpectrogram) -> dict[str, float]:
    """Each voice as a whole."""
    mean: dict[str, float] = {}
    for to in dict.fromkeys(one.direction for one in made):
        some = [one for one in made if one.direction is to]
        targets = [one.signal for one in recordings if one.domain is to.target]
        found = compare([one.there for one in some], [one.recording.signal for one in some], targets, mel)
        mean |= {f"pitch_{to.source}": found["source_pitch"], f"pitch_{to.target}": found["target_pitch"]}
        mean |= {f"{name}_{to}": found[name] for name in ("pitch", "to_target", "from_source", "envelope")}
        cycles = [one.cycle for one in some if not np.isnan(one.cycle)]
        mean |= {f"cycle_{to.source}": float(np.mean(cycles))} if cycles else {}
        mean["groups_apart"] = found["groups_apart"]
    return mean


def _decibels(signal: np.ndarray, mel: MelSpectrogram) -> Tensor:
    return mel.config.decibels(mel(torch.from_numpy(signal)))


def _there_and_back(converters: Mapping[Direction, VoiceConverter], one: Conversion) -> list[np.ndarray]:
    """The recording, what was made of it, and what was made of that."""
    return [one.recording.signal, one.there, converters[one.direction.reverse].converted(one.there)]


def _captions(direction: Direction) -> list[str]:
    return [str(direction.source), str(direction), f"{direction}2{direction.source}"]


def _joined(signals: Sequence[np.ndarray], sample_rate: int) -> np.ndarray:
    """One after the other, softer where a peak would be clipped."""
    pause = np.zeros(int(_PAUSE * sample_rate), np.float32)
    joined = np.concatenate([part for signal in signals for part in (signal, pause)])
    return joined * np.float32(FULL_SCALE / max(FULL_SCALE, np.abs(joined).max()))
