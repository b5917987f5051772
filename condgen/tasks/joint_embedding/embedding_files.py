"""Files of captions to files of sentence vectors, line by line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from condgen.errors import UserError
from condgen.tasks.joint_embedding.caption_tables import Caption, read_captions, write_vectors
from condgen.text.encoder import SentenceEncoder
from condgen.text.vectors import sentence_vectors

SHOWN = 10  # words that a line names
QUOTED = 40  # characters that a line quotes


def embed_file(encoder: SentenceEncoder, source: Path, target: Path, *, column: str = "", name: str = "") -> None:
    """Write the vectors of a file's captions in its order; vectors that some run has computed before come from disk.

    Rows without a caption are named on stderr and left out, and so is what the encoder does not see of the others.

    Args:
        column: of a table, with the captions.
        name: of the source in messages; empty: its path.

    Raises:
        UserError: the source cannot be read, or holds none; the target cannot be written to; or, after the target has
            been written, that rows were left out.
    """
    name = name or str(source)
    captions, problems = read_captions(source, column, name)
    rows = len(captions) + len(problems)
    captions, unreadable = _readable(encoder, captions, name)
    problems += unreadable
    if not captions:
        raise UserError(problems[0])
    for line in [*problems, *_notes(encoder, captions, name)]:
        print(line, file=sys.stderr)
    vectors = sentence_vectors(encoder, [caption.text for caption in captions])
    write_vectors(target, captions, vectors.numpy())
    if problems:
        raise UserError(f"{name}: {len(problems)} of {rows} captions are left out, see above; {target} has the rest")


def _readable(encoder: SentenceEncoder, captions: Sequence[Caption], name: str) -> tuple[list[Caption], list[str]]:
    """Those that the encoder can read at all, and a line on each of the others."""
    kept, problems = [], []
    for caption in captions:
        try:
            encoder.tokenize([caption.text])
            kept.append(caption)
        except UserError as problem:
            problems.append(f"{name}:{caption.line}: {problem}; left out")
    return kept, problems


def _notes(encoder: SentenceEncoder, captions: Sequence[Caption], name: str) -> list[str]:
    """What the encoder does not see, or has never seen: a line each."""
    notes = []
    cut = [(caption, rest) for caption in captions if (rest := encoder.cut(caption.text))]
    if cut:
        caption, rest = cut[0][0], cut[0][1].strip()
        quoted = rest if len(rest) <= QUOTED else f"{rest[:QUOTED]}..."
        notes.append(
            f"{name}: {len(cut)} captions are longer than the encoder takes; of line {caption.line} it does not see "
            f"{quoted!r}"
        )
    unknown = list(dict.fromkeys(word for caption in captions for word in encoder.unknown_words(caption.text)))
    if unknown:
        more = f", and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
        notes.append(f"{name}: words that no training caption had: {', '.join(unknown[:SHOWN])}{more}")
    return notes
