"""What a generator of sentences is measured by, and what is looked at while it trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from condgen.adversarial.diversity import neighbour_distance
from condgen.adversarial.task import Report
from condgen.conditioning.condition import Condition
from condgen.data import picture_grid
from condgen.data.captions import Captions, sentences_of, spread
from condgen.data.image import to_signed
from condgen.data.manifest import Manifest, Row, Split
from condgen.data.translation_images import RGB, read_picture
from condgen.metrics.captioned_shapes import look
from condgen.metrics.translated_pictures import FID, KID, SetDistances, refuse_unknown
from condgen.tasks.gan_cls.pipeline import Pipeline
from condgen.tasks.gan_cls.task import GanCls

if TYPE_CHECKING:
    from condgen.config import RunConfig

ALL = "mean"  # the row of all pictures together
OWN = ("nearest_sample", "diversity")
FURTHER = (FID, KID)
"""What `condgen evaluate` takes as --also."""

SAMPLES = 16  # of a sentence, for `nearest_sample` and `diversity`, as many as the authors show
SAMPLED = 64  # sentences of the split that are drawn so often

_SHOWN = 8  # sentences of the picture
_COLUMNS = 6  # samples of each
_SIDE = 64  # pixels that a shown picture has at least
_CAPTION = 48  # characters that are shown of a sentence


@dataclass(frozen=True, eq=False)
class Captioned:
    """Rows, and the pictures that they name."""

    rows: Sequence[Row]
    images: Tensor  # (N, 3, S, S) in [-1, 1]

    @classmethod
    def read(cls, rows: Sequence[Row], size: int) -> Captioned:
        """Whole pictures, stretched to `size` pixels a side. Raises UserError when a file is missing or damaged."""
        images = [to_signed(read_picture(row.path("image"), RGB, size)) for row in rows]
        return cls(rows, torch.stack(images))

    @property
    def sentences(self) -> list[str]:
        """The first one of each row."""
        return [sentences_of(row)[0] for row in self.rows]


class Evaluation:
    """Looks at validation sentences during training, through the very code that users run."""

    def __init__(self, config: RunConfig):
        self.config = config
        rows = Manifest.read(config.data.manifest).rows(Split.VALIDATION)
        captions, random = Captions(rows), np.random.default_rng(0)
        chosen = spread(range(len(rows)), config.data.validation_images)
        self.shown = Captioned.read([rows[number] for number in chosen], config.model.size)
        self.wrong = []  # a single row, left out of a handful, has no other
        if len(rows) > 1:
            self.wrong = [sentences_of(rows[captions.wrong_row(number, random)])[0] for number in chosen]

    def __call__(self, task: GanCls, folder: Path, name: str) -> Report:
        """Measures, and a picture `folder/name.png`: a row a sentence, the true picture and samples."""
        pipeline = Pipeline(
            task.generator,
            task.text_encoder,
            task.config,
            second_generator=task.second_generator if task.config.second_stage else None,
            device=self.config.trainer.device,
            precision=self.config.trainer.precision,
        )
        shown = picture(pipeline, self.shown)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(shown).save(folder / f"{name}.png")
        measures = measure(pipeline, self.shown)
        if self.wrong:
            right, wrong = pipeline.vectors(self.shown.sentences), pipeline.vectors(self.wrong)
            measures["matching_rate"] = matching_rate(task, self.shown.images, right, wrong)
        return Report(measures, {"samples": torch.from_numpy(shown).permute(2, 0, 1)})


@torch.no_grad()
def matching_rate(task: GanCls, images: Tensor, right: Tensor, wrong: Tensor) -> float:
    """Share of pictures (N, 3, S, S) whose own sentence the discriminator scores above a wrong one, (N, width) each.

    0.5: it does not look at the sentence, and so cannot teach the generator to.
    """
    device = next(task.judge.parameters()).device
    scores = []
    for vectors in (right, wrong):
        parts = zip(images.split(SAMPLED), vectors.split(SAMPLED), strict=True)
        judged = [task.judge(image.to(device), Condition(vector=vector.to(device))) for image, vector in parts]
        scores.append(torch.cat(judged).float().cpu())
    return float((scores[0] > scores[1]).float().mean())


def picture(pipeline: Pipeline, shown: Captioned) -> np.ndarray:
    """The first sentences, each with its true picture and samples, one noise a column: uint8 (H, W, 3)."""
    sentences, images = shown.sentences[:_SHOWN], shown.images[:_SHOWN]
    vectors = pipeline.vectors(sentences).repeat_interleave(_COLUMNS, dim=0)
    made = pipeline.draw_vectors(vectors, pipeline.noise(range(_COLUMNS)).repeat(len(sentences), 1))
    cells = torch.cat([images[:, None], made.unflatten(0, (-1, _COLUMNS))], dim=1).flatten(0, 1)
    scale = -(-_SIDE // pipeline.size)
    return picture_grid.grid(cells, _COLUMNS + 1, row_captions=[cut(one) for one in sentences], scale=scale)


def cut(sentence: str) -> str:
    """As much of a sentence as fits beside a row of pictures."""
    return sentence if len(sentence) <= _CAPTION else f"{sentence[: _CAPTION - 3].rstrip()}..."


def measure(pipeline: Pipeline, real: Captioned) -> dict[str, float]:
    """Of `SAMPLES` samples of each of the pictures' sentences:

    nearest_sample: root mean square between a picture and the nearest of its sentence's samples, pixels in [-1, 1].
    diversity: mean absolute difference between samples of one sentence, as a share of that between the pictures; near
        0 the noise is not used.
    """
    noise = pipeline.noise(range(SAMPLES))
    nearest, differences = [], []
    for vector, image in zip(pipeline.vectors(real.sentences), real.images, strict=True):
        made = pipeline.draw_vectors(vector.expand(SAMPLES, -1), noise)
        nearest.append((made - image).square().flatten(1).mean(1).min().sqrt())
        differences.append(neighbour_distance(made))
    diversity = torch.stack(differences).mean() / neighbour_distance(real.images)
    return {"nearest_sample": float(torch.stack(nearest).mean()), "diversity": float(diversity)}


def evaluate(
    pipeline: Pipeline, manifest: Manifest, split: str, also: Sequence[str], weights: Mapping[str, Path]
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """The table that `condgen evaluate` prints, and a line on each metric that cannot be had here.

    nearest_sample, diversity: see `measure`; of `SAMPLED` sentences from all over the split.
    fid, kid: of one picture for each row of the split, by its first sentence, against the rows' own pictures.
    colour, figure, both: of rows that say which `figure` of which `colour` they show (see
        `condgen.data.captioned_shapes`): share of those pictures that show it, read from their pixels; also apart, for
        rows whose pair training has `seen`, and those whose it has not.

    Args:
        also: of `FURTHER`.
        weights: local files for `fid` and `kid`, see `SetDistances`.

    Raises:
        UserError: no rows of that split, or a metric that there is not.
    """
    refuse_unknown(also, weights, OWN, FURTHER)
    rows, missing = manifest.rows(split), []
    table = {ALL: measure(pipeline, Captioned.read(spread(rows, SAMPLED), pipeline.size))}
    distances = SetDistances(also, weights, str(pipeline.device))
    are_shapes = all({"figure", "colour"} <= row.fields.keys() for row in rows)
    if not distances.names and not are_shapes:
        return table, missing
    vectors = pipeline.vectors([sentences_of(row)[0] for row in rows])
    made = picture_grid.to_uint8(pipeline.draw_vectors(vectors, pipeline.noise(range(len(rows)))))
    if are_shapes:
        for name, values in obedience(made, rows).items():
            table[name] = table.get(name, {}) | values
    if distances.names:
        real = [read_picture(row.path("image"), RGB, pipeline.size) for row in rows]
        found, missing = distances(list(made), real)
        table[ALL] |= found
    return table, missing


def obedience(made: np.ndarray, rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Shares of pictures, uint8 (N, S, S, 3), that show what their row says; see `evaluate`."""
    shown = [_shows(pixels, row) for pixels, row in zip(made, rows, strict=True)]
    groups = {ALL: shown}
    for name, seen in (("seen", True), ("unseen", False)):
        groups[name] = [one for one, row in zip(shown, rows, strict=True) if row.fields.get("seen") is seen]
    return {
        group: {name: float(np.mean([one[name] for one in several])) for name in several[0]}
        for group, several in groups.items()
        if several
    }


def _shows(pixels: np.ndarray, row: Row) -> dict[str, bool]:
    seen = look(pixels)
    colour = seen is not None and seen.colour == row["colour"]
    figure = seen is not None and seen.figure == row["figure"]
    return {"colour": colour, "figure": figure, "both": colour and figure}
