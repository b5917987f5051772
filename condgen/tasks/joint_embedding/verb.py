"""`condgen embed`."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from condgen.tasks.verb_options import Device, Inputs, Output, SkipExisting

app = typer.Typer()

EncoderModel = Annotated[
    str, typer.Option(help="Shipped name, model folder or hub id of a model with a text encoder; or transformers:ID.")
]


@app.command()
def embed(
    inputs: Inputs,
    output: Output,
    model: EncoderModel,
    column: Annotated[str, typer.Option(help="Which holds the captions; else caption, captions or text.")] = "",
    device: Device = "auto",
    skip_existing: SkipExisting = False,
) -> None:
    """Turn captions into sentence vectors.

    condgen embed captions.csv -o vectors.npz --model runs/birds/model

    condgen embed captions.txt -o vectors.jsonl
    --model transformers:sentence-transformers/all-MiniLM-L6-v2

    Captions are the lines of a .txt file, a column of a .csv or .tsv table, or
    a field of the rows of a .jsonl file, where a list holds several. Standard
    input, -, is lines. transformers: takes any hub id, or a folder.

    The output has one vector a caption, in the order of the input. Its ending
    says the format: .npz holds `vectors`, `captions`, `lines` and the other
    columns as arrays, .npy the vectors alone, .jsonl and .csv the rows with
    their vectors.

    Rows without a caption are named and left out; the rest goes on, and the
    exit code is 1. Vectors are kept in the cache folder (CONDGEN_CACHE), and
    computed once for an encoder and a text.
    """
    from condgen.cli import _files
    from condgen.tasks.joint_embedding.caption_tables import READABLE, WRITABLE

    def prepare() -> _files.Process:
        from condgen.tasks.joint_embedding.embedding_files import embed_file
        from condgen.tasks.joint_embedding.pipeline import find_text_encoder

        name = "stdin" if inputs == [_files.STANDARD] else ""
        return partial(embed_file, find_text_encoder(model, device=device), column=column, name=name)

    endings = _files.Endings(readable=READABLE, writable=WRITABLE, fallback=".npz")
    _files.run(inputs, output, prepare, endings, skip_existing=skip_existing)
