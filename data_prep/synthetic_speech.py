"""Made-up speech-like signals with noise, as pairs with a manifest: data without a download or a licence."""

from __future__ import annotations

from typing import Annotated

import typer
from _script import Output, report, run

from condgen.data.synthetic_speech import make


def synthetic_speech(
    output: Output,
    train: Annotated[int, typer.Option(help="Number of training pairs.")] = 20,
    validation: Annotated[int, typer.Option(help="Number of validation pairs.")] = 4,
    seconds: Annotated[float, typer.Option(help="Duration of each.")] = 2.0,
    sample_rate: Annotated[int, typer.Option(help="In Hz.")] = 16000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same files.")] = 0,
) -> None:
    report(make(output, train=train, validation=validation, seconds=seconds, sample_rate=sample_rate, seed=seed))


if __name__ == "__main__":
    run(synthetic_speech)
