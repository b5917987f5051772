"""`condgen enhance`."""

from __future__ import annotations

import sys
import time

import typer

from condgen.tasks.verb_options import Device, Inputs, Model, Output, SkipExisting

app = typer.Typer()


@app.command()
def enhance(
    inputs: Inputs,
    output: Output,
    model: Model = "segan",
    device: Device = "auto",
    skip_existing: SkipExisting = False,
) -> None:
    """Take the noise out of recordings of speech.

    condgen enhance noisy.wav -o clean.wav

    condgen enhance interviews/ -o enhanced/ --skip-existing

    condgen enhance - -o - < noisy.wav > clean.wav

    Reads wav, flac, ogg, opus, mp3 and aiff of any sample rate, length and
    number of channels, each enhanced for itself. Rate, length, bit depth and
    tags are kept; what lies above half of the model's rate (8 kHz) is lost.

    The output's ending says the format, .wav .flac .ogg .opus or .mp3; into a
    folder, that of the input or .wav. Outputs are replaced, inputs never.
    """
    from condgen.cli import _files
    from condgen.data.audio_output import WRITABLE
    from condgen.data.media import SUFFIXES, Media

    loaded = []

    def prepare() -> _files.Process:
        from condgen.runtime.model_folder import ModelFolder
        from condgen.tasks.segan.pipeline import Pipeline

        folder = ModelFolder.find(model, task="segan")
        loaded.append((Pipeline.from_folder(folder, device=device), time.monotonic()))
        return loaded[0][0].enhance_file

    endings = _files.Endings(readable=SUFFIXES[Media.AUDIO], writable=WRITABLE, fallback=".wav")
    try:
        _files.run(inputs, output, prepare, endings, skip_existing=skip_existing)
    finally:
        for pipeline, started in loaded:
            if pipeline.seconds:
                _print_speed(pipeline.seconds, time.monotonic() - started)


def _print_speed(audio: float, wall: float) -> None:
    speed = f"real-time factor {wall / audio:.3f} ({audio / wall:.3g} times as fast)"
    print(f"{audio:.1f} s of audio in {wall:.1f} s: {speed}", file=sys.stderr)
