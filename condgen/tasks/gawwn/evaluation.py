"""What drawn pictures are measured by, and what is looked at while training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from condgen.adversarial.task import Report
from condgen.data import picture_grid
from condgen.data.captions import sentences_of, spread
from condgen.data.draw_requests import Place, Request
from condgen.data.image import displayed_size, to_signed
from condgen.data.locations import WHOLE, Window, location_of
from condgen.data.manifest import Manifest, Row
from condgen.data.picture_grid import to_uint8
from condgen.data.translation_images import RGB, read_picture
from condgen.metrics.judge import Judge
from condgen.metrics.translated_pictures import FID, KID, SetDistances, refuse_unknown
from condgen.tasks.gawwn.obedience import are_shapes, cases_of, ceiling, measure
from condgen.tasks.gawwn.pipeline import Pipeline
from condgen.tasks.gawwn.task import Gawwn, generator_of

if TYPE_CHECKING:
    from condgen.config import RunConfig

FURTHER = (FID, KID)
"""What `condgen evaluate` takes as --also."""

NEAREST = "nearest"
JUDGE = "judge"  # and as --weights judge=MODEL

_SHOWN = 8  # rows of the picture
_MEASURED = 8  # rows that nearest is measured on while training: 16 drawings of each
_TRIES = 16  # drawings of a picture's text and place, of which the nearest to it counts
_DRAWN = 4  # pictures of a request, by different noise
_SIDE = 96  # pixels that a shown picture has at least


class Evaluation:
    """Looks at validation rows during training, through the very code that users run."""

    def __init__(self, config: RunConfig):
        self.config = config
        self.rows = spread(Manifest.read(config.data.manifest).rows("validation"), config.data.validation_images)

    def __call__(self, task: Gawwn, folder: Path, name: str) -> Report:
        """Measures, and a picture `folder/name.png`: the true one and drawings by its text and place.

        The measures are those of Shapes; of other pictures `nearest`, by each place.
        """
        trainer = self.config.trainer
        generators = {form: getattr(task, generator_of(form)) for form in task.config.forms}
        pipeline = Pipeline(
            generators, task.text_encoder, task.config, device=trainer.device, precision=trainer.precision
        )
        measures = {}
        if are_shapes(self.rows):
            table = measure(pipeline, cases_of(self.rows, pipeline.keypoint_names))
            measures = {f"{kind}/{metric}": value for kind, line in table.items() for metric, value in line.items()}
        else:
            for place in (Place.BOX, Place.KEYPOINTS):
                if place in pipeline.takes:
                    measures[f"{place}/{NEAREST}"] = nearest(pipeline, spread(self.rows, _MEASURED), place)
        shown = picture(pipeline, spread(self.rows, _SHOWN))
        if shown is None:
            return Report(measures)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(shown).save(folder / f"{name}.png")
        return Report(measures, {"true and drawn": torch.from_numpy(shown).permute(2, 0, 1)})


def picture(pipeline: Pipeline, rows: Sequence[Row]) -> np.ndarray | None:
    """Each row's true picture and drawings by its text and each place that the model takes, uint8 (H, W, 3).

    None where the model draws nothing by itself, as one that only completes keypoints.
    """
    places = [place for place in (Place.BOX, Place.KEYPOINTS) if place in pipeline.takes]
    if not places:
        return None
    cells = []
    for row in rows:
        cells.append(read_picture(row.path("image"), RGB, pipeline.size))
        requests = [request_of(row, pipeline, place, number) for place in places for number in range(_DRAWN)]
        cells.extend(to_uint8(pipeline.draw(requests)))
    captions = ["true", *(f"by {place}" for place in places for _ in range(_DRAWN))]
    scale = -(-_SIDE // pipeline.size)
    return picture_grid.grid(cells, len(captions), captions=captions * len(rows), scale=scale)


def request_of(row: Row, pipeline: Pipeline, place: Place, number: int) -> Request:
    """By a row's first sentence and its own place."""
    names, text = pipeline.keypoint_names, sentences_of(row)[0]
    by_box, size = place is Place.BOX, displayed_size(row.path("image"))
    location = location_of(row, size, names=() if by_box else names, with_box=by_box).cropped(Window(*WHOLE))
    if by_box:
        return Request(text, box=tuple(map(float, location.box)), number=number)
    points = {name: (x, y) if seen else None for name, (x, y, seen) in zip(names, location.keypoints, strict=True)}
    return Request(text, keypoints=points, number=number)


def evaluate(
    pipeline: Pipeline, manifest: Manifest, split: str, also: Sequence[str], weights: Mapping[str, Path]
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """The table that `condgen evaluate` prints, and a line on what is missing.

    Of drawn Shapes, what `obedience.measure` says, and the same of the rows' own pictures, the ceiling. Of other
    pictures, nearest: how near the nearest of 16 drawings by a row's text and place comes to its picture, lower is
    better.

    Args:
        also: of `FURTHER`: between drawings by the rows' texts and places, and the rows' own pictures.
        weights: "judge": name or folder of an image classifier that names what pictures show, "red triangle"; of `fid`
            and `kid`, see `SetDistances`.

    Raises:
        UserError: no rows of that split, or a metric that there is not.
    """
    refuse_unknown(also, {name: file for name, file in weights.items() if name != JUDGE}, (), FURTHER)
    rows, device, table, missing = manifest.rows(split), str(pipeline.device), {}, []
    if are_shapes(rows):
        judge = Judge(str(weights[JUDGE]), image_channels=RGB, device=device) if JUDGE in weights else None
        if judge is None:
            missing.append(f"judge: missing (give --weights {JUDGE}=MODEL)")
        cases = cases_of(rows, pipeline.keypoint_names)
        table = ceiling(cases, pipeline.size, judge) | measure(pipeline, cases, judge)
    else:
        for place in (Place.BOX, Place.KEYPOINTS):
            if place in pipeline.takes:
                table[str(place)] = {NEAREST: nearest(pipeline, rows, place)}
    distances = SetDistances(also, weights, device)
    for place in (Place.BOX, Place.KEYPOINTS):
        if place in pipeline.takes and distances.names:
            requests = [request_of(row, pipeline, place, number) for number, row in enumerate(rows)]
            drawn = to_uint8(pipeline.draw(requests))
            real = [read_picture(row.path("image"), RGB, pipeline.size) for row in rows]
            found, without = distances(list(drawn), real)
            table[str(place)] = table.get(str(place), {}) | found
            missing += without
    table["mean"] = _mean([table[str(place)] for place in (Place.BOX, Place.KEYPOINTS) if str(place) in table])
    return table, missing


def _mean(lines: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of both kinds of place, each measure."""
    return {name: float(np.mean([line[name] for line in lines])) for name in (lines[0] if lines else ())}


def nearest(pipeline: Pipeline, rows: Sequence[Row], place: Place) -> float:
    """Root mean square difference, of a range of 2, between a picture and the nearest drawing by its text and place.

    The mean over rows. It falls when drawings come to look like such pictures, and not when they are blurred means of
    them all.
    """
    return float(np.mean([_nearest(pipeline, row, place) for row in rows]))


def _nearest(pipeline: Pipeline, row: Row, place: Place) -> float:
    true = to_signed(read_picture(row.path("image"), RGB, pipeline.size))
    drawn = pipeline.draw([request_of(row, pipeline, place, number) for number in range(_TRIES)])
    return float((drawn - true).square().mean((1, 2, 3)).min().sqrt())
