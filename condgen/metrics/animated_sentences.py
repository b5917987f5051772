"""What clips made from sentences are measured by, and what is looked at while their generator trains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
import torch
from torch import Tensor

from condgen.adversarial.diversity import neighbour_distance
from condgen.adversarial.task import Report
from condgen.data.animate_requests import Request
from condgen.data.captions import sentences_of, spread
from condgen.data.clip_figure import write_figures
from condgen.data.manifest import Manifest, Row, Split
from condgen.data.moving_shapes import Motion
from condgen.data.picture_grid import to_uint8
from condgen.metrics import moving_shapes
from condgen.metrics.clip_judge import ALL, SEEN, UNSEEN, ClipJudge
from condgen.metrics.generated_clips import (
    FURTHER,
    JUDGE,
    MOVEMENT,
    PORTION,
    SAMPLED,
    frame_distances,
    in_bytes,
    measured,
    movement,
    open_judge,
    read_real,
    signed,
    without_judge,
)
from condgen.metrics.translated_pictures import refuse_unknown

if TYPE_CHECKING:
    from condgen.config import RunConfig

REAL = "real clips"  # the line of what the measures say of them: the ceiling
JUDGED = "judge: {}"  # the line of what a judge says of a group
OWN = ("nearest_sample", "diversity", MOVEMENT, JUDGE)
SAMPLES = 8  # clips of a sentence, for `nearest_sample` and `diversity`

_IN_TRAINING = 16  # sentences that are sampled in a look during training
_SHOWN = 8  # sentences of the figures
_COLUMNS = 3  # clips of each in the GIF
_SHAPES = {"colour", "size", "shape", "motion", "direction"}  # fields of a Moving Shapes row; `second`: of two shapes


class Pipeline(Protocol):
    """Sentences to clips: of a task of this kind."""

    size: int
    frames: int
    has_gist: bool
    config: Any  # its `stride` is that of the clips it has learned from
    device: torch.device

    def animate(self, requests: Sequence[Request], *, seed: int = 0, frames: int = 0) -> Tensor:
        """(N, 3, T, S, S) in [-1, 1]."""

    def gists(self, requests: Sequence[Request], *, seed: int = 0) -> Tensor:
        """(N, 3, S, S) in [-1, 1]."""


@dataclass(frozen=True, eq=False)
class Captioned:
    """Rows, and the clips that they name."""

    rows: Sequence[Row]
    clips: np.ndarray  # uint8 (N, T, S, S, 3)

    @classmethod
    def read(cls, rows: Sequence[Row], *, size: int, frames: int, stride: int = 0) -> Self:
        """Raises UserError: a file is missing, damaged, or too short."""
        return cls(rows, read_real(rows, size=size, frames=frames, stride=stride))

    @classmethod
    def of_run(cls, config: RunConfig) -> Self:
        """What a run looks at during training: `data.validation_clips` of its validation split; as `read`."""
        rows = spread(Manifest.read(config.data.manifest).rows(Split.VALIDATION), config.data.validation_clips)
        model = config.model
        return cls.read(rows, size=model.size, frames=model.frames, stride=model.stride)

    @property
    def sentences(self) -> list[str]:
        """The first one of each row."""
        return [sentences_of(row)[0] for row in self.rows]

    def some(self, count: int) -> Self:
        """So many of them, from all over."""
        places = spread(range(len(self.rows)), count)
        return type(self)([self.rows[place] for place in places], self.clips[places])


def look(pipeline: Pipeline, real: Captioned, folder: Path, name: str) -> Report:
    """A look during training: measures of one clip for each row, and figures `folder/name.png` and `.gif`.

    Those of `evaluate` that need no weights; of Moving Shapes of all rows together. What is no number is left out.
    """
    made = animated(pipeline, real.sentences)
    measures = sample_measures(pipeline, real.some(_IN_TRAINING)) | {MOVEMENT: movement(made, real.clips)}
    if are_shapes(real.rows):
        measures |= moving_shapes.measure(made, real.rows)
    shown = figures(pipeline, real.some(_SHOWN), folder, name)
    measures = {name: value for name, value in measures.items() if not math.isnan(value)}
    return Report(measures, {"true, made": torch.from_numpy(shown).permute(2, 0, 1)})


def figures(pipeline: Pipeline, real: Captioned, folder: Path, name: str) -> np.ndarray:
    """Write true clips and several by their sentences; see `write_figures`."""
    sentences = real.sentences
    requests = [Request(text, number) for text in sentences for number in range(_COLUMNS)]
    made = in_bytes([pipeline.animate(requests)])
    gists = to_uint8(pipeline.gists(requests[::_COLUMNS])) if pipeline.has_gist else None
    several = made.reshape(len(sentences), _COLUMNS, *made.shape[1:])
    return write_figures(folder, name, real.clips, several, captions=sentences, gists=gists)


def animated(pipeline: Pipeline, sentences: Sequence[str]) -> np.ndarray:
    """A clip of each sentence, the n-th by noise n: uint8 (N, T, S, S, 3)."""
    requests = [Request(text, number) for number, text in enumerate(sentences)]
    return in_bytes(pipeline.animate(requests[start : start + PORTION]) for start in range(0, len(requests), PORTION))


def sample_measures(pipeline: Pipeline, real: Captioned) -> dict[str, float]:
    """Of `SAMPLES` clips of each sentence:

    nearest_sample: root mean square between a clip and the nearest of its sentence's samples, values in [-1, 1].
    diversity: mean absolute difference between samples of one sentence, as a share of that between the real clips; near
        0 the noise is not used. Not a number for a single real clip.
    """
    nearest, differences, true = [], [], signed(real.clips)
    for sentence, clip in zip(real.sentences, true, strict=True):
        made = pipeline.animate([Request(sentence, number) for number in range(SAMPLES)])
        nearest.append((made - clip).square().flatten(1).mean(1).min().sqrt())
        differences.append(neighbour_distance(made))
    diversity = torch.stack(differences).mean() / neighbour_distance(true)
    return {"nearest_sample": float(torch.stack(nearest).mean()), "diversity": float(diversity)}


def evaluate(
    pipeline: Pipeline, manifest: Manifest, split: str, also: Sequence[str], weights: Mapping[str, Path]
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """The table that `condgen evaluate` prints, and a line on each metric that cannot be had here.

    A clip for each row by its first sentence, of `MOST` rows from all over the split where there are more.

    nearest_sample, diversity: see `sample_measures`; of `SAMPLED` sentences.
    movement: see `condgen.metrics.generated_clips.movement`.
    colour, size, shape, motion, direction, together, coherent: of Moving Shapes with one object, read from pixels; see
        `condgen.metrics.moving_shapes.measure`.
    clip_distance, frame_distance, and in lines of their own (`JUDGED`) the share of clips that a judge takes for what
        their row says, by head and `together`: see `ClipJudge.measure`.
    fid, kid: between single frames of what was made and of the rows' own clips.

    What can be right or wrong also apart, for rows whose like training has `seen`, those whose it has not, and those of
    each `Motion`; and of all the rows' own clips, as `REAL`.

    Args:
        also: of `FURTHER`.
        weights: "judge": name or folder of a clip classifier, whose heads are fields of the rows; of `fid` and `kid`,
            see `SetDistances`.

    Raises:
        UserError: no rows of that split, a metric that there is not, or a judge that does not know what rows say
            or was trained on clips of another stride.
    """
    refuse_unknown(also, without_judge(weights), OWN, FURTHER)
    rows, lines = measured(manifest.rows(split), size=pipeline.size, frames=pipeline.frames)
    device = str(pipeline.device)
    stride = pipeline.config.stride
    judge, without = open_judge(weights, device, stride=stride)
    real = Captioned.read(rows, size=pipeline.size, frames=pipeline.frames, stride=stride)
    if judge is not None:
        judge.accuracy(signed(real.clips[:1]), rows[:1])  # what it cannot judge is said before the work
    made = animated(pipeline, real.sentences)
    table = {ALL: sample_measures(pipeline, real.some(SAMPLED)) | {MOVEMENT: movement(made, real.clips)}}
    found = [obedience(made, real)] if are_shapes(rows) else []
    found += [judged(judge, made, real)] if judge is not None else []
    for part in found:
        for name, values in part.items():
            table[name] = table.get(name, {}) | values
    distances, unmeasured = frame_distances(made, real.clips, also, weights, device)
    table[ALL] |= distances
    return table, lines + without + unmeasured


def are_shapes(rows: Sequence[Row]) -> bool:
    """Whether the rows say what one moving shape does."""
    return all(row.fields.keys() >= _SHAPES and "second" not in row.fields for row in rows)


def obedience(made: np.ndarray, real: Captioned) -> dict[str, dict[str, float]]:
    """What clips show of what the rows say, from pixels, by group of rows; and what the real ones do, as `REAL`."""
    groups = {ALL: range(len(real.rows))}
    for name, seen in ((SEEN, True), (UNSEEN, False)):
        groups[name] = [place for place, row in enumerate(real.rows) if row.fields.get("seen") is seen]
    for motion in Motion:
        groups[motion.value] = [place for place, row in enumerate(real.rows) if row["motion"] == motion]
    table = {
        name: moving_shapes.measure(made[list(places)], [real.rows[place] for place in places])
        for name, places in groups.items()
        if places
    }
    return table | {REAL: moving_shapes.measure(real.clips, real.rows)}


def judged(judge: ClipJudge, made: np.ndarray, real: Captioned) -> dict[str, dict[str, float]]:
    """`ClipJudge.measure` with shares in lines of their own, beside those from pixels: a column a head, no prefixes."""
    found = judge.measure(signed(made), signed(real.clips), real.rows)
    table = {JUDGED.format(group): _of(values, "judge_") for group, values in found.items()}
    distances = {name: value for name, value in found[ALL].items() if name.endswith("_distance")}
    return table | {JUDGED.format(REAL): _of(found[ALL], "real_"), ALL: distances}


def _of(values: Mapping[str, float], prefix: str) -> dict[str, float]:
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
