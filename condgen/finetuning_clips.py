"""Fine-tuning on somebody's own captioned clips: what the tasks that make clips of sentences have in common.

Their `finetune.py` takes this over as it is, and adds its `differences`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from condgen.data import captioned_clip_preparation, picture_grid
from condgen.data.captions import sentences_of, spread
from condgen.data.clip_windows import needed
from condgen.data.findings import Finding
from condgen.data.manifest import Manifest, Split
from condgen.errors import UserError
from condgen.metrics.animated_sentences import Captioned, animated, evaluate
from condgen.metrics.generated_clips import JUDGE
from condgen.text import characters
from condgen.text.encoder import SentenceEncoder

if TYPE_CHECKING:
    from condgen.config import RunConfig

ROWS = "captioned clips"
MAIN = {"nearest_sample": False}
NEXT = "condgen animate 'WHAT IS TO BE SEEN' -o clip.mp4"

_SHOWN = 6  # sentences of the comparison
_FRAMES = 8  # of each clip, evenly spread
_SIDE = 64  # pixels that a shown frame has at least


def prepare(source: Path, output: Path, model: Any, *, fraction: float, seed: int) -> list[Finding]:
    """Write clips and manifest below `output`, unless there are errors among the findings.

    Raises:
        UserError: there are no captioned clips, or a split is left without one.
    """
    frames = needed(model.frames, model.stride)
    return captioned_clip_preparation.prepare(source, output, frames=frames, fraction=fraction, seed=seed)


def measure(pipeline: Any, config: RunConfig) -> tuple[dict[str, dict[str, float]], list[str]]:
    """As `condgen.metrics.animated_sentences.evaluate`, on the left-out part; nothing of a model that cannot read it.

    Without what is no number there: the diversity beside a single clip, the movement beside clips that stand still.

    Raises:
        UserError: a left-out sentence has no word that this model, or one trained on these clips, would know.
    """
    manifest = Manifest.read(config.data.manifest)
    sentences = dict.fromkeys(sentences_of(row)[0] for row in manifest.rows(Split.VALIDATION))
    unread = [sentence for sentence in sentences if not _reads(pipeline.text_encoder, sentence)]
    if unread:
        _refuse_unlearnable(unread, manifest)
        return {}, [
            f"the model knows no word of {len(unread)} of the {len(sentences)} left-out sentences, such as "
            f"{unread[0]!r}: not measured"
        ]
    found, lines = evaluate(pipeline, manifest, Split.VALIDATION, (), {})
    table = {
        group: {name: value for name, value in values.items() if not math.isnan(value)}
        for group, values in found.items()
    }
    return table, [line for line in lines if not line.startswith(JUDGE)]  # somebody's own clips have none


def show(before: Any, after: Any, config: RunConfig, folder: Path) -> Path:
    """Left-out sentences, `folder/before-after.png`: frames of the true clip, and below it of clips before and after.

    A model that knows no word of a sentence has no row for it.
    """
    rows = spread(Manifest.read(config.data.manifest).rows(Split.VALIDATION), _SHOWN)
    real = Captioned.read(rows, size=after.size, frames=after.frames, stride=after.config.stride)
    cells, captions, scale = [], [], -(-_SIDE // after.size)
    for sentence, clip in zip(real.sentences, real.clips, strict=True):
        shown = {picture_grid.beside(f"true: {sentence}", scale * after.size): clip}
        for name, pipeline in (("before", before), ("after", after)):
            if _reads(pipeline.text_encoder, sentence):
                shown[name] = animated(pipeline, [sentence])[0]
        captions += shown
        cells += [frame for one in shown.values() for frame in one[_places(len(one))]]
    path = folder / "before-after.png"
    Image.fromarray(picture_grid.grid(cells, _FRAMES, row_captions=captions, scale=scale)).save(path)
    return path


def _places(frames: int) -> np.ndarray:
    return np.linspace(0, frames - 1, _FRAMES).round().astype(int)


def _reads(encoder: SentenceEncoder, sentence: str) -> bool:
    try:
        encoder.tokenize([sentence])
    except UserError:
        return False
    return True


def _refuse_unlearnable(sentences: Sequence[str], manifest: Manifest) -> None:
    """What training cannot teach is said before it, not at its first report."""
    rows = manifest.rows(Split.TRAIN)
    learnt = {word for row in rows for sentence in sentences_of(row) for word in characters.words(sentence)}
    for sentence in sentences:
        if learnt.isdisjoint(characters.words(sentence)):
            raise UserError(
                f"{manifest.path}: no training caption has a word of {sentence!r}, which is left out to measure by; "
                "add clips of such sentences, or state the splits yourself"
            )
