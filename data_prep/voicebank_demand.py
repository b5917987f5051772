"""VoiceBank-DEMAND (Valentini-Botinhao): ready pairs of noisy and clean speech to a manifest; CC BY 4.0.

Downloads 5 GB for 28 speakers, 10 GB for the 56 others, unless own copies are given: the archives, or folders of their
files. The test speakers are the split test; p226 and p287, or else the first two speakers, are validation. All is
resampled from 48 kHz (soxr, quality HQ).
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from _script import Output, known_sources, report, run

from condgen.data.manifest import Split
from condgen.data.recordings import speaker_of
from condgen.data.sources import unpacked
from condgen.data.speech_pairs import SpeechPair, find_pairs, prepare_pairs
from condgen.errors import UserError

VALIDATION_SPEAKERS = {"p226", "p287"}  # of the 28, kept out by most who publish on this corpus


class Speakers(StrEnum):
    FEW = "28"  # of England
    MANY = "56"  # of Scotland and the United States


Own = Annotated[Path | None, typer.Option(help="Own copy: the archive, or a folder of its files.")]


def voicebank_demand(
    output: Output,
    speakers: Annotated[Speakers, typer.Option(help="Which training set.")] = Speakers.FEW,
    clean_train: Own = None,
    noisy_train: Own = None,
    clean_test: Own = None,
    noisy_test: Own = None,
    sample_rate: Annotated[int, typer.Option(help="Of the pairs, in Hz.")] = 16000,
) -> None:
    sources = known_sources()

    def pairs(part: str, noisy: Path | None, clean: Path | None) -> tuple[list[SpeechPair], list[str]]:
        names = (f"voicebank-demand-noisy-{part}", f"voicebank-demand-clean-{part}")
        folders = (
            unpacked(sources[name], output / "downloads", own) for name, own in zip(names, (noisy, clean), strict=True)
        )
        return find_pairs(*folders)

    known, left_out = pairs(f"train-{speakers}", noisy_train, clean_train)
    test, left_out_of_test = pairs("test", noisy_test, clean_test)
    present = {speaker_of(pair.clean) for pair in known}
    held_out = present & VALIDATION_SPEAKERS or set(sorted(present)[:2])
    splits: dict[Split, list[SpeechPair]] = {Split.TRAIN: [], Split.VALIDATION: [], Split.TEST: test}
    for pair in known:
        splits[Split.VALIDATION if speaker_of(pair.clean) in held_out else Split.TRAIN].append(pair)
    if not splits[Split.TRAIN]:
        raise UserError(f"the training set has only the speakers {', '.join(sorted(held_out))}, kept for validation")
    report(prepare_pairs(splits, output, sample_rate=sample_rate, left_out=[*left_out, *left_out_of_test]))


if __name__ == "__main__":
    run(voicebank_demand)
