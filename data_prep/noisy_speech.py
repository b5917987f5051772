"""Speech and noise to pairs of noisy and clean speech with a manifest.

CLEAN and NOISE are folders (searched to the bottom), single files, or patterns in quotes such as 'esc/[1-4]-*.wav'.
Noise is added at random places, at signal-to-noise ratios that count only while somebody speaks. Validation takes all
of --validation with --validation-noise, or a random part: no speaker and no noise is in both splits, as far as names
tell (103-1240-0000.flac, p225_001.wav, 4-169127-A.wav); training gives way.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from _script import Output, report, run

from condgen.data.manifest import Split
from condgen.data.recordings import Recording, clip_of, find_recordings, hold_out, named_speaker, speaker_of
from condgen.data.speech_folder import CLEAN, NOISY
from condgen.data.speech_preparation import TEST_SNRS, TRAINING_SNRS, Degradations, Mixtures, prepare_mixtures


def noisy_speech(
    clean: Annotated[list[Path], typer.Argument(help="Clean speech: folders, files or patterns, joined.")],
    noise: Annotated[list[Path], typer.Option(help="Noise; may be repeated.")],
    output: Output,
    snr: Annotated[list[float], typer.Option(help="Ratio in dB; may be repeated.")] = TRAINING_SNRS,
    versions: Annotated[int, typer.Option(help="Noisy versions of each training utterance.")] = 1,
    validation: Annotated[list[Path] | None, typer.Option(help="Clean validation speech; may be repeated.")] = None,
    validation_noise: Annotated[list[Path] | None, typer.Option(help="Its noise; may be repeated.")] = None,
    validation_snr: Annotated[list[float], typer.Option(help="Its ratios.")] = TEST_SNRS,
    fraction: Annotated[float, typer.Option(help="Part of the speakers and noises for validation otherwise.")] = 0.05,
    sample_rate: Annotated[int, typer.Option(help="Of the pairs, in Hz; all is resampled (soxr).")] = 16000,
    seed: Annotated[int, typer.Option(help="The same command with the same seed writes the same bytes.")] = 0,
    clip: Annotated[float, typer.Option(help="Chance that a training mixture is clipped.")] = 0,
    band_limit: Annotated[float, typer.Option(help="Chance that a training mixture is limited to 4 kHz.")] = 0,
    impulse_responses: Annotated[list[Path] | None, typer.Option(help="Of rooms for training, e.g. a folder.")] = None,
    reverberation: Annotated[float, typer.Option(help="Chance that training speech is in such a room.")] = 0.5,
) -> None:
    earlier = (output / CLEAN, output / NOISY)

    def find(places: list[Path] | None, group_of=clip_of) -> list[Recording]:
        return find_recordings(places or [], group_of, without=earlier)

    def split(found: list[Recording], own: list[Recording], option: str) -> dict[Split, list[Recording]]:
        if own:
            return {Split.TRAIN: found, Split.VALIDATION: own}
        advice = f"give more of them, {option}, or --fraction 0 for none"
        return hold_out(found, fraction, seed, advice=advice)

    speech = split(find(clean, speaker_of), find(validation, speaker_of), "--validation")
    if speech[Split.VALIDATION]:
        noises = split(find(noise), find(validation_noise), "--validation-noise")
    else:
        noises = {Split.TRAIN: find(noise)}
    degradations = Degradations(clip, band_limit, reverberation, tuple(find(impulse_responses)))
    splits = {Split.TRAIN: Mixtures(speech[Split.TRAIN], noises[Split.TRAIN], snr, versions, degradations)}
    if speech[Split.VALIDATION]:
        splits[Split.VALIDATION] = Mixtures(speech[Split.VALIDATION], noises[Split.VALIDATION], validation_snr)
    report(prepare_mixtures(splits, output, sample_rate=sample_rate, seed=seed))
    _note_shared_folders(speech)


def _note_shared_folders(speech: dict[Split, list[Recording]]) -> None:
    """One folder may hold one speaker or many: nobody can tell, so it is not refused."""
    nameless = ({one.path.resolve().parent for one in some if not named_speaker(one.path)} for some in speech.values())
    if shared := set.intersection(*nameless):
        print(
            f"note: {min(shared)} is in training and validation, and its files do not name their speakers: make sure "
            "that nobody speaks in both, results would flatter",
            file=sys.stderr,
        )


if __name__ == "__main__":
    run(noisy_speech)
